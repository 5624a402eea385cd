// Package generation has a base, with or without an adapter, say something: it continues texts, answers
// conversations, and shows what becomes of both on the way.
package generation

import (
	"context"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/models"
)

// Options say what to continue, and how.
type Options struct {
	Base string
	models.AdapterRef
	// Quantize is a method; empty leaves the weights as they are stored.
	Quantize string

	// One of these is the prompt. Several texts are answered side by side.
	Prompts      []string
	PromptIDs    []int32
	MessagesFile string

	ChatTemplate string // file of a template, instead of the base's
	generate.Options
	StopTexts []string // texts that end the answer; they are no part of it
	IgnoreEOS bool
	Now       time.Time    // the template's clock
	OnText    func(string) // called with every piece of text as it is complete; of a single prompt
}

// Answer is an answer.
type Answer struct {
	IDs          []int32 `json:"ids"`
	Text         string  `json:"text"`
	FinishReason string  `json:"finish_reason"` // stop or length, as OpenAI's API says it
	PromptTokens int     `json:"prompt_tokens"`
}

// Generate continues prompts, and returns an answer to each.
func Generate(ctx context.Context, o Options) ([]Answer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	b, err := models.Open(o.Base, o.Quantize)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.Close() }()
	if err := ownTemplate(b, o.ChatTemplate); err != nil {
		return nil, err
	}
	prompts, err := tokensOf(b, o)
	if err != nil {
		return nil, err
	}
	limits := make([]int, len(prompts))
	for i, prompt := range prompts {
		if limits[i], err = room(b, len(prompt), o.MaxNewTokens); err != nil {
			return nil, err
		}
	}
	if !o.IgnoreEOS {
		o.Stop = append(o.Stop, b.Stop()...)
	}
	bind := b.Model
	if o.MessagesFile != "" {
		bind = func(ctx context.Context, ref models.AdapterRef) (*model.Model, error) { return conversing(ctx, b, ref) }
	}
	m, err := bind(ctx, o.AdapterRef)
	if err != nil {
		return nil, err
	}
	return continueAll(ctx, b, m.NewBatch(generate.Size(len(prompts))), prompts, limits, o)
}

// continueAll answers the prompts, each up to its own limit.
func continueAll(ctx context.Context, b *models.Base, batch generate.Batch, prompts [][]int32, limits []int, o Options) ([]Answer, error) {
	results := make([]Answer, len(prompts))
	texts := make([]*generate.UntilStop, len(prompts))
	streams := make([]*tokenizer.Stream, len(prompts))
	for i, p := range prompts {
		results[i] = Answer{IDs: []int32{}, FinishReason: "stop", PromptTokens: len(p)}
		texts[i], streams[i] = &generate.UntilStop{Stops: o.StopTexts}, b.Tokenizer.Stream()
		if len(prompts) == 1 {
			texts[i].Emit = o.OnText
		}
	}
	err := generate.All(ctx, batch, prompts, o.Options, func(i int, id int32) bool {
		results[i].IDs = append(results[i].IDs, id)
		return !texts[i].Add(streams[i].Next(id)) && len(results[i].IDs) < limits[i]
	})
	for i := range results {
		if !texts[i].Stopped() {
			texts[i].Add(streams[i].Flush())
			texts[i].Flush()
			if len(results[i].IDs) == limits[i] {
				results[i].FinishReason = "length"
			}
		}
		results[i].Text = texts[i].Text()
	}
	return results, err
}

// tokensOf is the tokens to continue.
func tokensOf(b *models.Base, o Options) ([][]int32, error) {
	switch {
	case o.PromptIDs != nil:
		return [][]int32{o.PromptIDs}, nil
	case o.MessagesFile != "":
		in, err := chat.ReadInput(o.MessagesFile)
		if err != nil {
			return nil, err
		}
		in.AddGenerationPrompt, in.Now = true, o.Now
		text, err := render(b, in)
		if err != nil {
			return nil, err
		}
		ids, err := encode(b.Tokenizer, text, false)
		return [][]int32{ids}, err
	}
	var list [][]int32
	for _, p := range o.Prompts {
		ids, err := encode(b.Tokenizer, p, true)
		if err != nil {
			return nil, err
		}
		list = append(list, ids)
	}
	return list, nil
}

func render(b *models.Base, in chat.Input) (string, error) {
	if b.Template == nil {
		return "", fmt.Errorf("%s: %w", b.Dir(), chat.ErrNoTemplate)
	}
	return b.Template.Render(in)
}

// RenderOptions say what to render.
type RenderOptions struct {
	Base                string
	MessagesFile        string
	ToolsFile           string
	ChatTemplate        string // file, instead of the base's
	AddGenerationPrompt *bool  // overrides the file
	Now                 time.Time
}

// Render renders a conversation with the base's chat template.
func Render(o RenderOptions) (string, error) {
	b, err := models.Open(o.Base, "")
	if err != nil {
		return "", err
	}
	defer func() { _ = b.Close() }()
	if err := ownTemplate(b, o.ChatTemplate); err != nil {
		return "", err
	}
	in, err := chat.ReadInput(o.MessagesFile)
	if err != nil {
		return "", err
	}
	if o.ToolsFile != "" {
		if in.Tools, err = chat.ReadTools(o.ToolsFile); err != nil {
			return "", err
		}
	}
	if o.AddGenerationPrompt != nil {
		in.AddGenerationPrompt = *o.AddGenerationPrompt
	}
	in.Now = o.Now
	return render(b, in)
}

// Rendered is a conversation as the template writes it.
type Rendered struct {
	Text string `json:"text"`
}

// Answers are the answers to prompts.
type Answers struct {
	Answers []Answer `json:"answers"`
}
