package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/testkit"
)

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	if err := json.Unmarshal(testkit.Read(t, path), v); err != nil {
		t.Fatal(err)
	}
}

func openBase(t testing.TB, dir string) (*tokenizer.Tokenizer, *Template) {
	t.Helper()
	tok, err := tokenizer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := Open(dir, tok)
	if err != nil {
		t.Fatal(err)
	}
	return tok, tmpl
}

func TestGoldens(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), "*", "base"))
	if err != nil || len(dirs) < 10 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			_, tmpl := openBase(t, dir)
			checkChat(t, tmpl, filepath.Join(dir, "..", "expected.json"))
		})
	}
}

func TestRealTemplates(t *testing.T) {
	root := testkit.Shared(t, "real", "chat_templates")
	files, err := filepath.Glob(filepath.Join(root, "goldens", "*.txt"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d goldens, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		t.Run(name, func(t *testing.T) {
			cut := strings.LastIndex(name, "-")
			if name[:cut] == "meta-llama-Meta-Llama-3.1-8B-Instruct" && name[cut+1:] == "tool_use" {
				t.Skip("the template wants arguments as an object")
			}
			tmpl, err := Parse(string(testkit.Read(t, filepath.Join(root, "templates", name[:cut]+".jinja"))), nil)
			if err != nil {
				t.Fatal(err)
			}
			in, err := ParseInput(testkit.Read(t, filepath.Join(root, "contexts", name[cut+1:]+".json")))
			if err != nil {
				t.Fatal(err)
			}
			in.Now = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)
			got, err := tmpl.Render(in)
			if want := string(testkit.Read(t, f)); err != nil || got != want {
				t.Errorf("error %v\n got %q\nwant %q", err, got, want)
			}
		})
	}
}

// TestExampleGoldens holds masks against those made from transformers' own offsets.
func TestExampleGoldens(t *testing.T) {
	var want struct {
		Rows []struct {
			Messages []datasets.Message
			IDs      []int32
			TrainOn  []int `json:"train_on"`
		}
	}
	readJSON(t, "testdata/sft.json", &want)
	tok, tmpl := openBase(t, "testdata/qwen2")
	for i, row := range want.Rows {
		e := &Encoder{Tokenizer: tok, Template: tmpl}
		seqs, err := e.Conversation(datasets.Conversation{Messages: row.Messages})
		if err != nil || len(seqs) != 1 {
			t.Fatal(len(seqs), err)
		}
		ids, trained := seqs[0].IDs, seqs[0].Trained
		got := make([]int, len(trained))
		for k, on := range trained {
			if on {
				got[k] = 1
			}
		}
		if !slices.Equal(ids, row.IDs) || !slices.Equal(got, row.TrainOn) {
			t.Errorf("row %d\n got %v %v\nwant %v %v", i, ids, got, row.IDs, row.TrainOn)
		}
	}
}

// encoderFor makes an encoder of the small tokenizer and a template.
func encoderFor(t testing.TB, source string) *Encoder {
	t.Helper()
	tok, _ := openBase(t, "testdata/qwen2")
	tmpl, err := Parse(source, tok.Names())
	if err != nil {
		t.Fatal(err)
	}
	return &Encoder{Tokenizer: tok, Template: tmpl}
}

// trainedText returns what is trained of a conversation: turns separated by "|", sequences by "||".
func trainedText(t *testing.T, e *Encoder, c datasets.Conversation) (string, error) {
	t.Helper()
	seqs, err := e.Conversation(c)
	if err != nil {
		return "", err
	}
	var sequences []string
	for _, s := range seqs {
		var turns []string
		for _, p := range e.Pieces(s.IDs, s.Trained) {
			if p.Trained {
				turns = append(turns, p.Text)
			}
		}
		sequences = append(sequences, strings.Join(turns, "|"))
	}
	return strings.Join(sequences, "||"), nil
}

const chatML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

func TestExampleMasks(t *testing.T) {
	talk := []datasets.Message{
		{Role: "user", Content: "One?"}, {Role: "assistant", Content: "Two."},
		{Role: "user", Content: "Three?"}, {Role: "assistant", Content: "Four."},
	}
	for _, c := range []struct {
		name, source string
		messages     []datasets.Message
		want, errs   string
	}{
		{"prefixes", chatML, talk, "Two.<|im_end|>|Four.<|im_end|>", ""},
		{"no prompt", "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}", talk, " Two.<|im_end|>| Four.<|im_end|>", ""},
		{"plain text", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}", talk, " Two.<|im_end|>|| Four.<|im_end|>", ""},
		{"generation", "{% for m in messages %}{% if m.role == 'assistant' %}A {% generation %}{{ m.content }}{% endgeneration %}\n{% else %}U {{ m.content }}\n{% endif %}{% endfor %}", talk, "Two.|Four.", ""},
		{"special token in the words", chatML, []datasets.Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: "b<|im_end|>c"}}, "b<|im_end|>c<|im_end|>", ""},
		{"empty words", chatML, []datasets.Message{{Role: "user", Content: "a"}, {Role: "assistant"}}, "<|im_end|>", ""},
		{"nobody speaks", chatML, talk[:1], "", ErrNothingTrained.Error() + `; it renders "<|im_start|>user\n[message 1]<|im_end|>\n"`},
		{"nothing is marked", "{% for m in messages %}{{ m.content }}{% endfor %}{% if false %}{% generation %}{% endgeneration %}{% endif %}", talk, "", ErrNothingTrained.Error()},
		{"other prompt", "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}", talk, "</think>\n\nTwo.<|im_end|>||</think>\n\nFour.<|im_end|>", ""},
		{"other prompt, shown", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}bot: {% endif %}", talk, "", `it renders "user: [message 1]\nassistant: [message 2]\n`},
		{"rewritten history", "{% for m in messages %}{% if loop.last %}{{ m.content }}!{% else %}{{ m.content }}.{% endif %}{% endfor %}", talk, "", `it renders "[message 1].[message 2].`},
		{"refusal", "{{ raise_exception('no thanks') }}", talk, "", "no thanks"},
	} {
		got, err := trainedText(t, encoderFor(t, c.source), datasets.Conversation{Messages: c.messages})
		switch {
		case c.errs == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		case c.errs != "" && (err == nil || !strings.Contains(err.Error(), c.errs)):
			t.Errorf("%s: got %q, error %v, want error %q", c.name, got, err, c.errs)
		}
	}
}

func TestErrorsShowNoDocumentText(t *testing.T) {
	secret := []datasets.Message{{Role: "user", Content: "s3cret"}, {Role: "assistant", Content: "s3cret"}, {Role: "user", Content: "s3cret"}}
	for _, source := range []string{
		"{% for m in messages %}{{ m.content }}{% if loop.last %}!{% endif %}{% endfor %}{% if add_generation_prompt %}s3{% endif %}",
		"{% for m in messages %}{{ m.content }}{{ messages|length }}{% endfor %}",
		"{% for m in messages %}{{ m.content + 1 }}{% endfor %}",
	} {
		if got, err := trainedText(t, encoderFor(t, source), datasets.Conversation{Messages: secret}); err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("got %q, error %v", got, err)
		}
	}
}

func TestOpen(t *testing.T) {
	write := func(t *testing.T, files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	tools := []any{map[string]any{"name": "f"}}
	for _, c := range []struct {
		name        string
		files       map[string]string
		plain, tool string
		err         error
	}{
		{"file first", map[string]string{"chat_template.jinja": "file", "tokenizer_config.json": `{"chat_template": "config"}`}, "file", "file", nil},
		{"config", map[string]string{"tokenizer_config.json": `{"chat_template": "config"}`}, "config", "config", nil},
		{"named", map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}`}, "D", "T", nil},
		{"folder", map[string]string{"chat_template.jinja": "D", "additional_chat_templates/tool_use.jinja": "T", "additional_chat_templates/rag.jinja": "R", "additional_chat_templates/note.txt": "{{"}, "D", "T", nil},
		{"folder alone", map[string]string{"additional_chat_templates/default.jinja": "D", "tokenizer_config.json": `{"chat_template": "config"}`}, "D", "D", nil},
		{"none", map[string]string{"tokenizer_config.json": `{}`}, "", "", ErrNoTemplate},
		{"no files", nil, "", "", ErrNoTemplate},
	} {
		tmpl, err := Open(write(t, c.files), nil)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: got error %v, want %v", c.name, err, c.err)
		}
		if c.err != nil || err != nil {
			continue
		}
		plain, _ := tmpl.Render(Input{})
		tool, _ := tmpl.Render(Input{Tools: tools})
		if plain != c.plain || tool != c.tool {
			t.Errorf("%s: got %q and %q, want %q and %q", c.name, plain, tool, c.plain, c.tool)
		}
	}
	for _, files := range []map[string]string{
		{"tokenizer_config.json": `{"chat_template": 7}`},
		{"tokenizer_config.json": `{"chat_template": [{"name": "rag", "template": "R"}]}`},
		{"additional_chat_templates/tool_use.jinja": "T"},
		{"chat_template.jinja": "D", "additional_chat_templates/tool_use.jinja": "{% broken"},
	} {
		tmpl, err := Open(write(t, files), nil)
		if err != nil || !errors.Is(tmpl.Err(), ErrTemplate) {
			t.Errorf("%v: got %v", files, err)
			continue
		}
		_, plain := tmpl.Render(Input{})
		_, tool := tmpl.Render(Input{Tools: tools})
		if err := errors.Join(plain, tool); !errors.Is(err, ErrTemplate) {
			t.Errorf("%v: renders, %v", files, err)
		}
	}
	tmpl, err := Open(write(t, map[string]string{"chat_template.jinja": "D", "additional_chat_templates/rag.jinja": "R"}), nil)
	if err != nil || !slices.Equal(tmpl.Names(), []string{"default", "rag"}) || tmpl.Tools() != nil || tmpl.Generation() {
		t.Errorf("got %v, %v", tmpl, err)
	}
}

func TestRenderVariables(t *testing.T) {
	special := map[string]string{"bos_token": "<s>"}
	for _, c := range []struct {
		source string
		in     Input
		want   string
	}{
		{"{{ bos_token }}", Input{}, "<s>"},
		{"{{ bos_token }}", Input{Vars: map[string]any{"bos_token": "<B>"}}, "<B>"},
		{"{{ eos_token }}|{{ eos_token is defined }}", Input{}, "|False"},
		{"{{ tools is defined }}{{ tools is none }}{{ documents is none }}", Input{}, "TrueTrueTrue"},
		{"{% for t in tools %}{{ t }}{% endfor %}ok", Input{}, "ok"}, // fails in transformers: there tools is none
		{"{{ tools|tojson }}", Input{Tools: json.RawMessage(`[{"z": 1, "a": 1.0}]`)}, `[{"z": 1, "a": 1.0}]`},
		{"{{ add_generation_prompt }}{{ x.y }}", Input{AddGenerationPrompt: true, Vars: map[string]any{"x": map[string]any{"y": 3}}}, "True3"},
		{"{{ messages|tojson }}", Input{Messages: []datasets.Message{{Role: "user", Content: "é\n"}}}, `[{"role": "user", "content": "é\n"}]`},
		{"{{ messages[0]|tojson }}", Input{Messages: json.RawMessage(`[{"role": "user", "content": null, "x": 1}]`)}, `{"role": "user", "x": 1}`},
		{"{{ messages[0]|tojson }}", Input{Messages: json.RawMessage(`[{"reasoning": "r", "role": "a"}]`)}, `{"thinking": "r", "reasoning": "r", "role": "a", "reasoning_content": "r"}`},
		{"{{ messages[0]|tojson }}", Input{Messages: json.RawMessage(`[{"reasoning_content": "r", "thinking": "t", "role": "a"}]`)}, `{"thinking": "t", "reasoning_content": "r", "role": "a"}`},
		{"{{ strftime_now('%Y-%m-%d') }}", Input{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}, "2026-11-24"},
	} {
		tmpl, err := Parse(c.source, special)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tmpl.Render(c.in); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.source, got, err, c.want)
		}
	}
}

func TestWithNow(t *testing.T) {
	tmpl, err := Parse("{% for m in messages %}{{ m.role }}: {{ strftime_now('%Y') }}.{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {{ strftime_now('%Y') }}.{% endif %}", nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(year int) time.Time { return time.Date(year, 1, 2, 0, 0, 0, 0, time.UTC) }
	clocked := tmpl.WithNow(at(2024))
	talk := []datasets.Message{{Role: "user", Content: "a"}}
	for want, in := range map[string]Input{"user: 2024.a\n": {Messages: talk}, "user: 2025.a\n": {Messages: talk, Now: at(2025)}} {
		if got, err := clocked.Render(in); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	tok, _ := openBase(t, "testdata/qwen2")
	e := &Encoder{Tokenizer: tok, Template: clocked}
	seqs, err := e.Conversation(datasets.Conversation{Messages: append(talk, datasets.Message{Role: "assistant", Content: "b"})})
	if err != nil {
		t.Fatal(err)
	}
	ids := seqs[0].IDs
	if err != nil || tok.Decode(ids, false) != "user: 2024.a\nassistant: 2024.b<|im_end|>" {
		t.Errorf("got %q, %v", tok.Decode(ids, false), err)
	}
	if clocked.Digest() != tmpl.Digest() {
		t.Error("the clock is in the digest")
	}
}

func TestParseInput(t *testing.T) {
	in, err := ParseInput([]byte(`{"messages": [{"role": "user", "content": "a"}], "tools": [], "add_generation_prompt": true, "date_string": "today"}`))
	if err != nil || !in.AddGenerationPrompt || in.Tools == nil || in.Vars["date_string"] != "today" {
		t.Errorf("got %+v, %v", in, err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"messages": 1}`, `{"messages": [], "add_generation_prompt": 1}`, `{"messages": []} x`} {
		if in, err := ParseInput([]byte(bad)); err == nil {
			t.Errorf("%s: got %+v", bad, in)
		}
	}
}

func TestDigest(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct{ source, bos string }{{"a", ""}, {"b", ""}, {"a", "<s>"}} {
		tmpl, err := Parse(c.source, map[string]string{"bos_token": c.bos})
		if err != nil {
			t.Fatal(err)
		}
		if d := tmpl.Digest(); seen[d] || d != tmpl.Digest() || len(d) != 64 {
			t.Errorf("%v: digest %s", c, d)
		} else {
			seen[d] = true
		}
	}
}

// checkChat renders the conversations of a case and compares.
func checkChat(t *testing.T, tmpl *Template, path string) {
	t.Helper()
	var want struct {
		Chat []struct {
			Messages            json.RawMessage
			AddGenerationPrompt bool `json:"add_generation_prompt"`
			Text, Error         string
		}
	}
	readJSON(t, path, &want)
	if len(want.Chat) == 0 {
		t.Fatal("case has no conversations")
	}
	for _, c := range want.Chat {
		got, err := tmpl.Render(Input{Messages: c.Messages, AddGenerationPrompt: c.AddGenerationPrompt})
		var refused *jinja.Exception
		switch {
		case c.Error != "" && (!errors.As(err, &refused) || err.Error() != c.Error):
			t.Errorf("got error %v, want %q", err, c.Error)
		case c.Error == "" && (err != nil || got != c.Text):
			t.Errorf("error %v\n got %q\nwant %q", err, got, c.Text)
		}
	}
}

func TestQwen2(t *testing.T) {
	_, tmpl := openBase(t, "testdata/qwen2")
	checkChat(t, tmpl, "testdata/chat.json")
}

func FuzzParseInput(f *testing.F) {
	f.Add([]byte(`{"messages": [{"role": "user", "content": "a", "x": [1, 2.5, null]}], "tools": [{}]}`))
	f.Add([]byte(`{"messages":[]} }`))
	tmpl, err := Parse("{{ messages }}{{ tools|tojson }}{{ x }}", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := ParseInput(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q is accepted and no JSON", data)
		}
		if _, err := tmpl.Render(in); err != nil && !errors.Is(err, jinja.ErrLimit) && !strings.Contains(err.Error(), "nested") {
			t.Fatal(err)
		}
	})
}
