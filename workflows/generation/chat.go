package generation

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/models"
)

// ownTemplate takes a chat template from a file, in place of the base's.
func ownTemplate(b *models.Base, path string) error {
	if path == "" {
		return nil
	}
	t, err := chat.ParseFile(path, b.Tokenizer.Names())
	if err != nil {
		return err
	}
	b.Template = t
	return nil
}

// conversing binds the base's weights with the adapter, and warns where it was trained with another template
// than the one that renders for it now.
func conversing(ctx context.Context, b *models.Base, ref models.AdapterRef) (*model.Model, error) {
	if ref.Adapter == "" {
		return b.Model(ctx, ref)
	}
	f, found, err := b.Factors(ctx, ref)
	if err != nil {
		return nil, err
	}
	if l := found.Lineage; l != nil && l.ChatTemplate != "" && ref.Warn != nil && (b.Template == nil || l.ChatTemplate != "sha256:"+b.Template.Digest()) {
		ref.Warn("the adapter was trained with another chat template than this one")
	}
	return model.New(b.Config(), b.Weights, f.Attachment())
}

// Chat is a conversation with a model. It is for one goroutine.
type Chat struct {
	base     *models.Base
	model    *model.Model
	options  Options
	messages []map[string]any
}

// OpenChat opens a base for a conversation, which begins with the system's message unless that is empty.
// Close it after use.
func OpenChat(ctx context.Context, o Options, system string) (*Chat, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	b, err := models.Open(o.Base, o.Quantize)
	if err != nil {
		return nil, err
	}
	c := &Chat{base: b, options: o}
	if err := c.open(ctx, system); err != nil {
		_ = b.Close()
		return nil, err
	}
	return c, nil
}

func (c *Chat) open(ctx context.Context, system string) (err error) {
	if err = ownTemplate(c.base, c.options.ChatTemplate); err != nil {
		return err
	}
	if c.base.Template == nil {
		return fmt.Errorf("%s: %w", c.base.Dir(), chat.ErrNoTemplate)
	}
	if !c.options.IgnoreEOS {
		c.options.Stop = append(c.options.Stop, c.base.Stop()...)
	}
	if system != "" {
		c.messages = append(c.messages, map[string]any{"role": "system", "content": system})
	}
	c.model, err = conversing(ctx, c.base, c.options.AdapterRef)
	return err
}

// Close releases the base.
func (c *Chat) Close() error { return c.base.Close() }

// Say adds what the user says and returns the answer, which is part of the conversation from then on. A turn
// that fails is none.
func (c *Chat) Say(ctx context.Context, text string) (Answer, error) {
	messages := append(c.messages, map[string]any{"role": "user", "content": text})
	rendered, err := render(c.base, chat.Input{Messages: messages, AddGenerationPrompt: true, Now: c.options.Now})
	if err != nil {
		return Answer{}, err
	}
	prompt, err := encode(c.base.Tokenizer, rendered, false)
	if err != nil {
		return Answer{}, err
	}
	limit, err := room(c.base, len(prompt), c.options.MaxNewTokens)
	if err != nil {
		return Answer{}, err
	}
	answers, err := continueAll(ctx, c.base, c.model.NewBatch(1), [][]int32{prompt}, []int{limit}, c.options)
	if err != nil {
		return Answer{}, err
	}
	c.messages = append(messages, map[string]any{"role": "assistant", "content": answers[0].Text})
	return answers[0], nil
}

// Forget begins the conversation anew; what the system said stays.
func (c *Chat) Forget() {
	if len(c.messages) > 0 && c.messages[0]["role"] == "system" {
		c.messages = c.messages[:1]
		return
	}
	c.messages = nil
}

// room is how many tokens may follow a prompt.
func room(b *models.Base, prompt, wanted int) (int, error) {
	limit := b.Config().MaxPositionEmbeddings
	if limit <= 0 {
		return wanted, nil
	}
	if prompt >= limit {
		return 0, fmt.Errorf("the prompt has %d tokens, the model's context is %d", prompt, limit)
	}
	return min(wanted, limit-prompt), nil
}
