package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/examples"
	"github.com/cultivar/cultivar/trainer/generate"
)

// GenerateOptions say what to continue, and how.
type GenerateOptions struct {
	Base    string
	Adapter string // directory; empty for the base alone

	// One of these is the prompt.
	Prompt       string
	PromptIDs    []int32
	MessagesFile string

	generate.Options
	StopTexts []string // texts that end the answer; they are no part of it
	IgnoreEOS bool
	Now       time.Time    // the template's clock
	OnText    func(string) // called with every piece of text as it is complete
}

// GenerateResult is an answer.
type GenerateResult struct {
	IDs          []int32
	Text         string
	FinishReason string // stop or length, as OpenAI's API says it
	PromptTokens int
}

// Generate continues a prompt.
func Generate(ctx context.Context, o GenerateOptions) (GenerateResult, error) {
	if err := o.Validate(); err != nil {
		return GenerateResult{}, err
	}
	b, err := OpenBase(o.Base)
	if err != nil {
		return GenerateResult{}, err
	}
	defer func() { _ = b.Close() }()
	prompt, err := b.prompt(o)
	if err != nil {
		return GenerateResult{}, err
	}
	if limit := b.Config().MaxPositionEmbeddings; limit > 0 {
		if len(prompt) >= limit {
			return GenerateResult{}, fmt.Errorf("the prompt has %d tokens, the model's context is %d", len(prompt), limit)
		}
		o.MaxNewTokens = min(o.MaxNewTokens, limit-len(prompt))
	}
	if !o.IgnoreEOS {
		o.Stop = append(o.Stop, b.Stop()...)
	}
	m, err := b.Model(o.Adapter)
	if err != nil {
		return GenerateResult{}, err
	}
	return b.continueFrom(ctx, m.NewSession(), prompt, o)
}

func (b *Base) continueFrom(ctx context.Context, s generate.Session, prompt []int32, o GenerateOptions) (GenerateResult, error) {
	r := GenerateResult{IDs: []int32{}, FinishReason: "stop", PromptTokens: len(prompt)}
	stream := b.Tokenizer.Stream()
	text := &untilStop{stops: o.StopTexts, emit: o.OnText}
	for id, err := range generate.Tokens(ctx, s, prompt, o.Options) {
		if err != nil {
			return r, err
		}
		r.IDs = append(r.IDs, id)
		if text.add(stream.Next(id)) {
			break
		}
	}
	if !text.stopped {
		text.add(stream.Flush())
		text.flush()
		if len(r.IDs) == o.MaxNewTokens {
			r.FinishReason = "length"
		}
	}
	r.Text = text.whole.String()
	return r, nil
}

// prompt is the tokens to continue.
func (b *Base) prompt(o GenerateOptions) ([]int32, error) {
	switch {
	case o.PromptIDs != nil:
		return o.PromptIDs, nil
	case o.MessagesFile != "":
		in, err := readConversation(o.MessagesFile)
		if err != nil {
			return nil, err
		}
		in.AddGenerationPrompt, in.Now = true, o.Now
		text, err := b.render(in)
		if err != nil {
			return nil, err
		}
		return b.Tokenizer.Encode(text, false), nil
	}
	return b.Tokenizer.Encode(o.Prompt, true), nil
}

func (b *Base) render(in chat.Input) (string, error) {
	if b.Template == nil {
		return "", fmt.Errorf("%s: %w", b.Dir(), examples.ErrNoTemplate)
	}
	return b.Template.Render(in)
}

// RenderOptions say what to render.
type RenderOptions struct {
	Base                string
	MessagesFile        string
	ToolsFile           string
	AddGenerationPrompt *bool // overrides the file
	Now                 time.Time
}

// Render renders a conversation with the base's chat template.
func Render(o RenderOptions) (string, error) {
	b, err := OpenBase(o.Base)
	if err != nil {
		return "", err
	}
	defer func() { _ = b.Close() }()
	in, err := readConversation(o.MessagesFile)
	if err != nil {
		return "", err
	}
	if o.ToolsFile != "" {
		data, err := os.ReadFile(o.ToolsFile)
		if err != nil {
			return "", err
		}
		if !json.Valid(data) {
			return "", fmt.Errorf("%s: want a JSON array of tools", o.ToolsFile)
		}
		in.Tools = json.RawMessage(data)
	}
	if o.AddGenerationPrompt != nil {
		in.AddGenerationPrompt = *o.AddGenerationPrompt
	}
	in.Now = o.Now
	return b.render(in)
}

// readConversation reads what a template renders: an array of messages, or an object with
// "messages", "tools", "add_generation_prompt" and other variables of the template.
func readConversation(path string) (chat.Input, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return chat.Input{}, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		if !json.Valid(data) {
			return chat.Input{}, fmt.Errorf("%s: not JSON", path)
		}
		return chat.Input{Messages: json.RawMessage(data)}, nil
	}
	in, err := chat.ParseInput(data)
	if err != nil {
		return in, fmt.Errorf("%s: %w", path, err)
	}
	return in, nil
}
