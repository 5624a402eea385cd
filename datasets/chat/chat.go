// Package chat renders conversations the way a model was trained to read them, with the chat
// template that comes with it, byte for byte as transformers' apply_chat_template does
// (https://huggingface.co/docs/transformers/chat_templating), and turns conversations into
// training examples that say which tokens are the assistant's.
//
// A template is a program from an untrusted file: package jinja runs it with limits and without
// access to anything but its input.
package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cultivar/cultivar/datasets/chat/jinja"
)

var (
	// ErrNoTemplate means that a base has no chat template.
	ErrNoTemplate = errors.New("the base has no chat template")
	// ErrTemplate means that the base has one that cannot be used.
	ErrTemplate = errors.New("the chat template cannot be read")
)

// Template is a chat template. It is immutable and safe for concurrent use.
type Template struct {
	source  string
	program *jinja.Template
	broken  error             // why there is no program
	forms   *forms            // shared with copies
	tools   *Template         // what is used when there are tools; nil: this one
	special map[string]string // bos_token and the like
	names   []string          // of the templates it was opened from, sorted
	now     time.Time         // for inputs without a time of their own
}

// Input is what a template renders.
type Input struct {
	// Messages is a list of messages: []datasets.Message, []map[string]any, or anything else that
	// jinja.From converts. json.RawMessage keeps the order of keys, which tojson shows.
	Messages any
	// Tools is a list of tool schemas, or nil.
	Tools               any
	AddGenerationPrompt bool
	// Vars are more variables of the template. A bos_token here wins over the tokenizer's.
	Vars map[string]any
	// Now is what strftime_now sees; zero: the template's own, see WithNow.
	Now time.Time
}

// ParseInput reads an Input from a JSON object with "messages", "tools", "add_generation_prompt"
// and any other variable of the template.
func ParseInput(data []byte) (Input, error) {
	v, err := jinja.FromJSON(data)
	if err != nil {
		return Input{}, fmt.Errorf("parse chat input: %w", err)
	}
	d, ok := v.(*jinja.Dict)
	if !ok {
		return Input{}, errors.New("parse chat input: not a JSON object")
	}
	in := Input{Vars: map[string]any{}}
	for _, k := range d.Keys() {
		name, _ := k.(string) // keys of JSON objects are strings
		v, _ := d.Get(k)
		switch name {
		case "messages":
			in.Messages = v
		case "tools":
			in.Tools = v
		case "add_generation_prompt":
			if in.AddGenerationPrompt, ok = v.(bool); !ok {
				return Input{}, errors.New("parse chat input: add_generation_prompt is neither true nor false")
			}
		default:
			in.Vars[name] = v
		}
	}
	if _, ok := in.Messages.(*jinja.List); !ok {
		return Input{}, errors.New("parse chat input: messages are not a list")
	}
	return in, nil
}

// Parse reads a template. special are the tokens it may name, such as "bos_token".
func Parse(source string, special map[string]string) (*Template, error) {
	t := FromSource(source, special)
	return t, t.broken
}

// FromSource is [Parse] of a template that comes with a base: one that cannot be read is an error
// (ErrTemplate) only once it is asked to render, since texts need none.
func FromSource(source string, special map[string]string) *Template {
	p, err := jinja.Parse(source)
	return &Template{source: source, program: p, forms: &forms{}, broken: unusable(err), special: maps.Clone(special)}
}

func unusable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrTemplate, err)
}

// Err says why the template cannot be used, nil when it can.
func (t *Template) Err() error {
	if t.broken == nil && t.tools != nil {
		return t.tools.broken
	}
	return t.broken
}

// Source returns the template's text.
func (t *Template) Source() string { return t.source }

// Names lists the templates that a model directory had, sorted; one alone is "default".
func (t *Template) Names() []string { return t.names }

// Generation reports whether the template marks with {% generation %} what the assistant says.
func (t *Template) Generation() bool { return t.program != nil && t.program.Generation() }

// Clocked reports whether the template may read the clock: then what it renders depends on the day.
func (t *Template) Clocked() bool {
	return t.reads("strftime_now") || t.tools != nil && t.tools.reads("strftime_now")
}

// Tools returns the template that is used when there are tools, nil when it is this one.
func (t *Template) Tools() *Template { return t.tools }

// WithNow returns a copy of the template whose clock stands at now. Templates that write today's
// date would otherwise write that of the zero time: nothing here reads the machine's clock, so that
// the same conversation always renders the same.
func (t *Template) WithNow(now time.Time) *Template {
	c := *t
	c.now = now
	return &c
}

// Digest returns the SHA-256, in hex, of the template: of its source and of the special tokens that
// it writes, and those of its variant for tools.
func (t *Template) Digest() string {
	h := sha256.New()
	for x := t; x != nil; x = x.tools {
		names, _ := json.Marshal(x.special) // a map of strings always marshals, by key
		for _, part := range [][]byte{[]byte(x.source), names} {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Render renders a conversation. When the template refuses it with raise_exception, the error is
// a *jinja.Exception with the template's message.
func (t *Template) Render(in Input) (string, error) {
	out, err := t.render(in)
	return out.Text, err
}

// forTools returns the template that is used with these tools.
func (t *Template) forTools(tools any) *Template {
	if t.tools != nil && tools != nil {
		return t.tools
	}
	return t
}

func (t *Template) render(in Input) (jinja.Output, error) {
	if in.Now.IsZero() {
		in.Now = t.now
	}
	t = t.forTools(in.Tools)
	if t.broken != nil {
		return jinja.Output{}, t.broken
	}
	talk, err := t.conversation(in.Messages)
	if endless := t.forms.endless.Load(); err == nil && endless != nil {
		err = *endless
	}
	if err != nil {
		return jinja.Output{}, fmt.Errorf("render chat: %w", err)
	}
	vars, err := t.vars(in, talk)
	if err != nil {
		return jinja.Output{}, fmt.Errorf("render chat: %w", err)
	}
	opt := jinja.Options{Now: in.Now}
	// transformers sets tools and documents to none when there are none. Templates written for
	// other engines walk over them as they are and fail on none: these see them undefined.
	strict := vars()
	for _, name := range []string{"tools", "documents"} {
		if _, ok := strict.Get(name); !ok {
			strict.Set(name, nil)
		}
	}
	out, err := t.program.Render(strict, opt)
	var refused *jinja.Exception
	if err == nil || errors.As(err, &refused) || errors.Is(err, jinja.ErrLimit) {
		return out, err
	}
	if out, err := t.program.Render(vars(), opt); err == nil {
		return out, nil
	}
	return jinja.Output{}, fmt.Errorf("render chat: %w", err)
}

// vars returns a function that makes the template's variables anew.
func (t *Template) vars(in Input, talk *jinja.List) (func() *jinja.Dict, error) {
	list := make([]any, 0, 8)
	add := func(name string, v any) error {
		x, err := jinja.From(v)
		if err != nil {
			return fmt.Errorf("variable %q: %w", name, err)
		}
		list = append(list, name, x)
		return nil
	}
	for name, token := range t.special {
		list = append(list, name, token)
	}
	for name, v := range in.Vars {
		if err := add(name, v); err != nil {
			return nil, err
		}
	}
	list = append(list, "messages", talk)
	if in.Tools != nil {
		if err := add("tools", in.Tools); err != nil {
			return nil, err
		}
	}
	list = append(list, "add_generation_prompt", in.AddGenerationPrompt)
	return func() *jinja.Dict {
		d := jinja.NewDict()
		for i := 0; i < len(list); i += 2 {
			d.Set(list[i], list[i+1])
		}
		return d
	}, nil
}
