package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/internal/embedded"
	carried "github.com/cultivar/cultivar/internal/embedded/documents"
)

//go:embed documents
var invented embed.FS

//go:embed questions.json
var questions []byte

// question is one about the documents, with what a right answer holds.
type question struct {
	Question string   `json:"question"`
	Keywords []string `json:"keywords"`
	Document string   `json:"document"` // the one that says it
}

// bench is the place where recipes are tried.
type bench struct {
	options
	passages    []string
	often, once []question
	template    string // that renders conversations of a base that has none
}

// answerTemplate asks as the prompts of measure do.
const answerTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}Question: {{ m.content }}\n{% else %}Answer: {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"

func (b *bench) at(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// prepare makes the dataset.
func (b *bench) prepare(ctx context.Context) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	b.template = b.at("answer.jinja")
	if err := os.WriteFile(b.template, []byte(answerTemplate), 0o600); err != nil {
		return err
	}
	for _, f := range carried.Facts {
		b.often = append(b.often, question{Question: f.Question, Keywords: f.Keywords})
	}
	if err := json.Unmarshal(questions, &b.once); err != nil {
		return err
	}
	rows := b.at("passages.jsonl")
	if _, err := os.Stat(rows); err != nil {
		if err := embedded.Unpack(carried.FS, "files", b.at("documents", "halden")); err != nil {
			return err
		}
		if err := embedded.Unpack(invented, "documents", b.at("documents", "skarn")); err != nil {
			return err
		}
		if _, err := b.call(ctx, nil, "ingest", b.at("documents"), "--out", "company"); err != nil {
			return err
		}
		if _, err := b.call(ctx, nil, "dataset", "export", "company", "--format", "jsonl", "--out", rows); err != nil {
			return err
		}
	}
	return b.readPassages(rows)
}

func (b *bench) readPassages(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var row struct{ Text string }
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			return err
		}
		if row.Text != "" {
			b.passages = append(b.passages, row.Text)
		}
	}
	return s.Err()
}

// call runs the program, and returns what it says on standard output.
func (b *bench) call(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, b.bin, args...)
	c.Env = append(os.Environ(), "CULTIVAR_HOME="+b.at("home"))
	c.Stdin, c.Stderr = bytes.NewReader(in), os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", filepath.Base(b.bin), args[0], err)
	}
	return out, nil
}

// train fits an adapter to rows, unless that is done.
func (b *bench) train(ctx context.Context, name string, rows []any, set []string) (dir string, err error) {
	name = strings.NewReplacer(", ", "-", " ", "-").Replace(name)
	data, err := lines(rows)
	if err != nil {
		return "", err
	}
	file := b.at(name + ".jsonl")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return "", err
	}
	args := []string{"train", "--base", b.base, "--data", file, "--out", b.at(name), "--objective", "knowledge"}
	for _, s := range append([]string{"eval_fraction=0", "eval_steps=0", "report_samples=0"}, set...) {
		args = append(args, "--set", s)
	}
	_, err = b.call(ctx, nil, args...)
	return b.at(name), err
}

// generate continues prompts greedily, unless args say otherwise.
func (b *bench) generate(ctx context.Context, adapter string, prompts []string, args ...string) ([]string, error) {
	var in bytes.Buffer
	for _, p := range prompts {
		line, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		in.Write(append(line, '\n'))
	}
	file := b.at("prompts.jsonl")
	if err := os.WriteFile(file, in.Bytes(), 0o600); err != nil {
		return nil, err
	}
	out, err := b.call(ctx, nil, b.with(adapter, append([]string{"generate", "--prompts", file, "--json"}, args...))...)
	if err != nil {
		return nil, err
	}
	var said struct{ Answers []struct{ Text string } }
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, err
	}
	var list []string
	for _, a := range said.Answers {
		list = append(list, strings.TrimSpace(a.Text))
	}
	return list, nil
}

func (b *bench) with(adapter string, args []string) []string {
	args = append(args, "--base", b.base)
	if adapter != "" {
		args = append(args, "--adapter", adapter)
	}
	return args
}

// measured is what came of a recipe.
type measured struct {
	often, once int
	knowledge   string
	general     string
}

// String is the cells of a row.
func (m measured) String() string {
	return fmt.Sprintf("%d\t%d\t%s\t%s", m.often, m.once, m.knowledge, m.general)
}

// try follows a recipe and measures what came of it.
func (b *bench) try(ctx context.Context, r recipe) (measured, error) {
	rows, err := r.rows(b, ctx)
	if err != nil {
		return measured{}, err
	}
	set := append([]string{"chat_template=" + b.template, "max_seq_length=512", "batch_size=4", "learning_rate=5e-4", "max_steps=100"}, r.set...)
	if b.set != "" {
		set = append(set, strings.Split(b.set, ",")...)
	}
	adapter, err := b.train(ctx, r.name, rows, set)
	if err != nil {
		return measured{}, err
	}
	return b.measure(ctx, adapter)
}

// measure asks the questions and takes the scores of the base, with an adapter unless that is "".
func (b *bench) measure(ctx context.Context, adapter string) (m measured, err error) {
	if m.often, err = b.ask(ctx, adapter, b.often, true); err != nil {
		return m, err
	}
	if m.once, err = b.ask(ctx, adapter, b.once, false); err != nil {
		return m, err
	}
	out, err := b.call(ctx, nil, b.with(adapter, []string{"eval", "--data", "company", "--knowledge", "--json"})...)
	if err != nil {
		return m, err
	}
	type score struct{ Accuracy, Low, High float64 }
	var k struct {
		Base    score
		Adapter *score
	}
	if err := json.Unmarshal(out, &k); err != nil {
		return m, err
	}
	if k.Adapter == nil {
		k.Adapter = &k.Base
	}
	m.knowledge, m.general = fmt.Sprintf("%.3f (%.3f to %.3f)", k.Adapter.Accuracy, k.Adapter.Low, k.Adapter.High), "-"
	if b.general == "" {
		return m, nil
	}
	if out, err = b.call(ctx, nil, b.with(adapter, []string{"eval", "--data", b.general, "--json"})...); err != nil {
		return m, err
	}
	var e struct{ Loss float64 }
	err = json.Unmarshal(out, &e)
	m.general = fmt.Sprintf("%.3f", e.Loss)
	return m, err
}

// ask counts the right answers, which hold all keywords, or one of them.
func (b *bench) ask(ctx context.Context, adapter string, list []question, all bool) (right int, err error) {
	var prompts []string
	for _, q := range list {
		prompts = append(prompts, "Question: "+q.Question+"\nAnswer:")
	}
	answers, err := b.generate(ctx, adapter, prompts, "--max-new-tokens", "32", "--stop", "\n")
	for i, a := range answers {
		held := 0
		for _, k := range list[i].Keywords {
			if strings.Contains(a, k) {
				held++
			}
		}
		if held == len(list[i].Keywords) || held > 0 && !all {
			right++
		}
	}
	return right, err
}
