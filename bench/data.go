package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/pack"
	rowfile "github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer/objective"
)

// dataSteps is how many different steps the data of a training row has; then it starts anew.
const dataSteps = 4

// A dataset is rows for us, as text, and the same rows for the peer, as ids.
type dataset struct {
	name      string
	objective string
	rows      func() []line
}

// A line is a row as JSON.
type line map[string]any

// full is rows of exactly the sequence's length, all of them trained.
var full = dataset{"full", "clm", func() []line {
	return texts("full", func() int { return sequence }, dataSteps*batch*sequence)
}}

// mixed is rows of 32 to 512 tokens, short ones being more frequent, as documents' passages are.
var mixed = dataset{"mixed", "clm", func() []line {
	draw := rng.New(1, "lengths").At(0, 0)
	return texts("mixed", func() int {
		u := draw.Float32()
		return 32 + int(u*u*(sequence-31))
	}, dataSteps*batch*sequence)
}}

// chats is conversations of exactly the sequence's length, of which 30 % is the assistant's.
var chats = dataset{"chats", "sft", func() []line {
	draw := rng.New(1, "chats").At(0, 0)
	answer := sequence * 3 / 10
	var rows []line
	for range dataSteps * batch {
		// Either turn has a token before it and one after; the one after an answer is trained.
		question, reply := words(draw, sequence-answer-3), words(draw, answer-1)
		rows = append(rows, line{"messages": []line{
			{"role": "user", "content": question}, {"role": "assistant", "content": reply},
		}})
	}
	return rows
}}

// texts draws rows of a length until there are so many tokens.
func texts(purpose string, length func() int, tokens int) []line {
	draw := rng.New(1, purpose).At(0, 0)
	var rows []line
	for tokens > 0 {
		n := length()
		tokens -= n
		rows = append(rows, line{"text": words(draw, n)})
	}
	return rows
}

func words(draw *rng.Source, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = word(firstWord + draw.IntN(vocabulary-firstWord))
	}
	return strings.Join(list, " ")
}

// peerRow is a row as the peer takes it: labels as transformers wants them, the model shifts them.
type peerRow struct {
	IDs    []int32 `json:"ids"`
	Labels []int32 `json:"labels"`
}

// write puts the data into the bench's directory, for us and for the peer: the rows of each of our
// steps, in our order.
func (d dataset) write(b *bench, baseDir string) (path, peerPath string, err error) {
	e, err := encoderOf(baseDir)
	if err != nil {
		return "", "", err
	}
	return d.writeRows(b, e)
}

func (d dataset) writeRows(b *bench, e objective.Encoder) (path, peerPath string, err error) {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for _, r := range d.rows() {
		if err := enc.Encode(r); err != nil {
			return "", "", err
		}
	}
	path, peerPath = filepath.Join(b.dir, d.name+".jsonl"), filepath.Join(b.dir, d.name+"-ids.json")
	if err := os.WriteFile(path, lines.Bytes(), 0o666); err != nil {
		return "", "", err
	}
	steps, err := d.steps(path, e)
	if err != nil {
		return "", "", err
	}
	text, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		return "", "", err
	}
	return path, peerPath, os.WriteFile(peerPath, text, 0o666)
}

// steps tokenises and packs the rows as training does, and returns those of each step.
func (d dataset) steps(path string, e objective.Encoder) ([][]peerRow, error) {
	var list []datasets.Example
	for r, err := range rowfile.Read(path, rowfile.Options{}) {
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	o, err := objective.ByName(d.objective, objective.DefaultConfig())
	if err != nil {
		return nil, err
	}
	encoded, err := o.Encode(e, list)
	if err != nil {
		return nil, err
	}
	packed, err := pack.New(encoded, pack.Options{MaxLen: sequence, Strategy: pack.BestFit})
	if err != nil {
		return nil, err
	}
	var steps [][]peerRow
	for at := 0; at < len(packed.Sequences); at += batch {
		var picked []int
		for i := at; i < min(at+batch, len(packed.Sequences)); i++ {
			picked = append(picked, i)
		}
		var step []peerRow
		for _, mb := range packed.Step(picked, batch) {
			for _, s := range mb.Segments {
				step = append(step, forPeer(packed.Rows[s.Row]))
			}
		}
		steps = append(steps, step)
	}
	if len(steps) < dataSteps {
		return nil, fmt.Errorf("%s makes %d steps, want %d", path, len(steps), dataSteps)
	}
	return steps, nil
}

// encoderOf reads the tokenizer and the chat template of a base.
func encoderOf(baseDir string) (objective.Encoder, error) {
	tok, err := tokenizer.Open(baseDir)
	if err != nil {
		return objective.Encoder{}, err
	}
	template, err := chat.Open(baseDir, tok)
	if err != nil {
		return objective.Encoder{}, err
	}
	return objective.Encoder{Encoder: &chat.Encoder{Tokenizer: tok, Template: template}}, nil
}

func forPeer(r pack.Row) peerRow {
	p := peerRow{IDs: r.IDs, Labels: make([]int32, len(r.IDs))}
	for i, id := range r.IDs {
		p.Labels[i] = id
		if r.Trained != nil && !r.Trained[i] {
			p.Labels[i] = pack.IgnoreIndex
		}
	}
	return p
}
