package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"regexp"
	"strings"

	"github.com/cultivar/cultivar/datasets/chunk"
)

// recipe is a way to learn documents.
type recipe struct {
	name string
	set  []string // keys of the training
	rows func(*bench, context.Context) ([]any, error)
}

func recipes() []recipe {
	held := []string{"replay.weight=3", "replay.batch_size=6"}
	return []recipe{
		{"texts", nil, (*bench).texts},
		{"texts, replay", held, (*bench).texts},
		{"texts and pairs", nil, (*bench).textsAndPairs},
		{"texts and pairs, replay", held, (*bench).textsAndPairs},
		{"texts and questions, replay", held, (*bench).textsAndQuestions},
	}
}

type pair struct{ question, answer string }

func (p pair) row() any {
	return map[string]any{"messages": []map[string]string{{"role": "user", "content": p.question}, {"role": "assistant", "content": p.answer}}}
}

// texts are the documents' passages as they are.
func (b *bench) texts(context.Context) ([]any, error) {
	var rows []any
	for _, t := range b.passages {
		rows = append(rows, map[string]string{"text": t})
	}
	return rows, nil
}

var asked = regexp.MustCompile(`(?m)^\*?\*?Q: (.*?)\*?\*?\n\n?A: (.*)$`)

// textsAndPairs are the passages, and the questions that stand in them with their answers.
func (b *bench) textsAndPairs(ctx context.Context) ([]any, error) {
	rows, err := b.texts(ctx)
	seen := make(map[pair]bool)
	for _, t := range b.passages {
		for _, m := range asked.FindAllStringSubmatch(t, -1) {
			p := pair{m[1], m[2]}
			if !seen[p] {
				seen[p] = true
				rows = append(rows, p.row(), p.row())
			}
		}
	}
	return rows, err
}

//go:embed questions.tsv
var taught string // title, sentence, and questions that it answers

// askTemplate writes a question below a title and a sentence.
const askTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}\n{% else %}Question: {{ m.content }}\n{% endif %}{% endfor %}"

// draws are how many questions are asked of a sentence beside the likeliest.
const draws = 3

// textsAndQuestions has the base ask of each sentence what it answers, which it is taught first by sentences
// with their questions: a base that was never instructed cannot, with examples in the prompt or without.
func (b *bench) textsAndQuestions(ctx context.Context) ([]any, error) {
	rows, err := b.textsAndPairs(ctx)
	if err != nil {
		return nil, err
	}
	asker, err := b.teach(ctx)
	if err != nil {
		return nil, err
	}
	type sentence struct{ title, text string }
	var list []sentence
	var prompts []string
	for _, t := range b.passages {
		for _, s := range sentences(t) {
			list = append(list, sentence{s[0], s[1]})
			prompts = append(prompts, s[0]+"\n"+s[1]+"\nQuestion:")
		}
	}
	seen := make(map[pair]bool)
	for draw := range draws + 1 {
		args := []string{"--max-new-tokens", "24", "--stop", "\n"}
		if draw > 0 {
			args = append(args, "--temperature", "0.8", "--seed", string(rune('0'+draw)))
		}
		answers, err := b.generate(ctx, asker, prompts, args...)
		if err != nil {
			return nil, err
		}
		for i, q := range answers {
			p := pair{q, list[i].text}
			if n := len(strings.Fields(q)); strings.HasSuffix(q, "?") && n >= 4 && n <= 18 && !seen[p] {
				seen[p] = true
				rows = append(rows, p.row())
			}
		}
	}
	return rows, nil
}

// teach fits an adapter with which the base asks questions.
func (b *bench) teach(ctx context.Context) (dir string, err error) {
	var rows []any
	for line := range strings.Lines(taught) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for _, q := range parts[2:] {
			rows = append(rows, pair{parts[0] + "\n" + parts[1], q}.row())
		}
	}
	template := b.at("ask.jinja")
	if err := os.WriteFile(template, []byte(askTemplate), 0o600); err != nil {
		return "", err
	}
	return b.train(ctx, "asker", rows, []string{"chat_template=" + template, "lora.r=8", "lora.lora_alpha=16", "max_seq_length=256",
		"batch_size=2", "micro_batch_size=2", "num_epochs=4", "learning_rate=3e-4"})
}

// sentences lists those of a passage, each with the title above it.
func sentences(text string) (out [][2]string) {
	for _, s := range chunk.Sentences(text) {
		line := strings.Join(strings.Fields(s.Text), " ")
		if len(strings.Fields(line)) < 4 || !strings.ContainsAny(line[len(line)-1:], ".!?") || strings.Contains(line, "Q: ") {
			continue
		}
		title := ""
		if n := len(s.Headings); n > 0 {
			title = s.Headings[n-1]
		}
		out = append(out, [2]string{title, line})
	}
	return out
}

func lines(rows []any) ([]byte, error) {
	var out []byte
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		out = append(append(out, line...), '\n')
	}
	return out, nil
}
