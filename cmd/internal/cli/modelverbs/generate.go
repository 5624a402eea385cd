package modelverbs

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/workflows/generation"
)

// GenerateCommand is generate.
func GenerateCommand(a *door.App) *cobra.Command {
	var o generation.Options
	var in asked
	c := &cobra.Command{
		Use:   "generate --base BASE [--adapter ADAPTER] --prompt TEXT... | --prompt-file FILE | --messages FILE | --chat",
		Short: "Continue a text, answer a conversation, or hold one",
		Long: `Continue a text, or answer a conversation rendered with the base's chat template. The answer is
written as it is made. The same seed gives the same answer on every machine.

With several prompts all are answered side by side, which takes little longer than one; the answers
are written once all are done, and are the same as to each prompt alone. --prompts has one a line; in
a file .jsonl a line is a JSON string, or an object with "prompt". - is standard input.

With --chat each line of standard input is a message, and the answer to it part of what the next one
is answered to; /forget begins anew, /bye or the end of the input ends it.`,
		Example: `  cultivar generate --base ./smollm --adapter handbook:prod --prompt "The boiler is checked"
  cultivar generate --base ./smollm --adapter ./handbook-adapter --chat
  cultivar generate --base ./smollm --prompts questions.txt --json`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := in.resolve(a, c, &o); err != nil {
				return err
			}
			return runGenerate(a, c, o, in)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", door.BaseUsage)
	f.StringVar(&o.Adapter, "adapter", "", door.AdapterUsage)
	door.AllowOtherBase(c, &o.AllowOtherBase)
	f.StringVar(&o.Quantize, "quantize", "", quantizeUsage())
	f.StringArrayVar(&o.Prompts, "prompt", nil, "text to continue (may be given several times)")
	f.StringVar(&o.MessagesFile, "messages", "", "file with a JSON array of messages, or an object with \"messages\"")
	f.StringVar(&in.ids, "prompt-ids", "", "tokens to continue, as 1,2,3")
	f.StringVar(&in.file, "prompt-file", "", "`FILE` that is a text to continue; - is standard input")
	f.StringVar(&in.lines, "prompts", "", "`FILE` of texts to continue, one a line; - is standard input")
	f.BoolVar(&in.chat, "chat", false, "hold a conversation: a message a line from standard input")
	f.StringVar(&in.system, "system", "", "with --chat: what the model is told first")
	f.StringVar(&o.ChatTemplate, "chat-template", "", "`FILE` of a chat template, instead of the base's")
	f.IntVar(&o.MaxNewTokens, "max-new-tokens", 256, "stop after this many tokens")
	f.Float64Var(&o.Temperature, "temperature", 0, "0 takes the likeliest token")
	f.IntVar(&o.TopK, "top-k", 0, "sample from the k likeliest tokens; 0 for all")
	f.Float64Var(&o.TopP, "top-p", 1, "sample from the likeliest tokens of this mass")
	f.Float64Var(&o.MinP, "min-p", 0, "drop tokens below this share of the likeliest")
	f.Float64Var(&o.RepetitionPenalty, "repetition-penalty", 1, "make tokens that occurred less likely")
	f.Uint64Var(&o.Seed, "seed", 0, "of sampling")
	f.StringArrayVar(&o.StopTexts, "stop", nil, "text that ends the answer (may be given several times)")
	f.BoolVar(&o.IgnoreEOS, "ignore-eos", false, "go on after the end-of-sequence token")
	door.Choices(c, "quantize", bases.QuantiseMethods()...)
	door.Require(c, "base")
	return c
}

func runGenerate(a *door.App, c *cobra.Command, o generation.Options, in asked) error {
	var err error
	if o.Now, err = now(); err != nil {
		return err
	}
	if o.Base, err = a.LocalBase(c.Context(), o.Base); err != nil {
		return err
	}
	if o.Home, err = a.HomeDir(); err != nil {
		return err
	}
	o.Warn = a.Warn
	if !a.JSON {
		o.OnText = func(s string) { _, _ = io.WriteString(a.Exact(), s) }
	}
	if in.chat {
		return converse(a, c.Context(), o, in.system)
	}
	answers, err := generation.Generate(c.Context(), o)
	if err != nil {
		return templateHint(err)
	}
	switch {
	case a.JSON && len(o.Prompts) == 0: // a conversation or tokens: there is one answer, always
		return a.PrintJSON(answers[0])
	case a.JSON:
		return a.PrintJSON(generation.Answers{Answers: answers})
	case len(answers) == 1:
		_, err = fmt.Fprintln(a.Exact())
		return err
	}
	for i, r := range answers {
		_, _ = fmt.Fprintf(a.Exact(), "==> answer %d <==\n%s\n", i+1, r.Text)
	}
	return nil
}

// now is the clock that templates see: CULTIVAR_NOW, else the time.
func now() (time.Time, error) {
	text := os.Getenv("CULTIVAR_NOW")
	if text == "" {
		return time.Now(), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, door.Usagef("CULTIVAR_NOW=%s is no time (want 2006-01-02 or 2006-01-02T15:04:05Z)", text)
}

// TemplateCommand is template.
func TemplateCommand(a *door.App) *cobra.Command {
	var o generation.RenderOptions
	var addPrompt bool
	c := &cobra.Command{
		Use:   "template --base BASE --messages FILE",
		Short: "Show a conversation as the base's chat template renders it",
		Long: `Show a conversation as the base's chat template renders it.

FILE holds a JSON array of messages, or an object with "messages", "tools", "add_generation_prompt"
and any other variable of the template. CULTIVAR_NOW sets the template's clock.`,
		Example: `  cultivar template --base ./smollm --messages messages.json --add-generation-prompt
  cultivar template --base ./smollm --messages messages.json --chat-template mine.jinja`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Now, err = now(); err != nil {
				return err
			}
			if c.Flags().Changed("add-generation-prompt") {
				o.AddGenerationPrompt = &addPrompt
			}
			if o.Base, err = a.LocalBase(c.Context(), o.Base); err != nil {
				return err
			}
			text, err := generation.Render(o)
			if err != nil {
				return templateHint(err)
			}
			if a.JSON {
				return a.PrintJSON(generation.Rendered{Text: text})
			}
			_, err = io.WriteString(a.Exact(), text)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", door.BaseUsage)
	f.StringVar(&o.MessagesFile, "messages", "", "JSON file")
	f.StringVar(&o.ToolsFile, "tools", "", "JSON file with an array of tools")
	f.StringVar(&o.ChatTemplate, "chat-template", "", "`FILE` of a chat template, instead of the base's")
	f.BoolVar(&addPrompt, "add-generation-prompt", false, "end with the start of an answer")
	door.Require(c, "base", "messages")
	return c
}

// TokenizeCommand is tokenize.
func TokenizeCommand(a *door.App) *cobra.Command {
	var o generation.TokenizeOptions
	c := &cobra.Command{
		Use:   "tokenize --base BASE < TEXT",
		Short: "Turn text into the base's tokens, or tokens into text",
		Long: `Turn text from standard input into tokens: one JSON array for all of it, or with --json one for each
line, which is then a JSON string. With --decode the way back.`,
		Example: `  echo "The boiler is checked" | cultivar tokenize --base ./smollm
  echo "[2, 3]" | cultivar tokenize --base ./smollm --decode`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Base, err = a.LocalBase(c.Context(), o.Base); err != nil {
				return err
			}
			o.JSON = a.JSON
			return generation.Tokenize(o, a.In, a.Exact())
		},
	}
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", door.BaseUsage)
	f.BoolVar(&o.NoSpecial, "no-special", false, "without the special tokens that the tokenizer adds")
	f.BoolVar(&o.Decode, "decode", false, "arrays of tokens to text")
	door.Require(c, "base")
	return c
}
