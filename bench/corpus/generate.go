package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/internal/rng"
)

const (
	vocabulary = 30_000
	remembered = 4096 // earlier documents that copies are taken of
	notice     = "This document is confidential and meant for its recipients only."
)

// generate writes the corpus unless it is there.
func (o options) generate() (string, error) {
	folder := filepath.Join(o.dir, fmt.Sprintf("corpus-%.0f-%.0f", o.bytes, o.shard))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	part := folder + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o777)); err != nil {
		return "", err
	}
	w := newWriter()
	for left, n := o.bytes, 0; left > 0; n++ {
		size, err := w.file(filepath.Join(part, fmt.Sprintf("%05d.jsonl", n)), int64(min(left, o.shard)))
		if err != nil {
			return "", err
		}
		left -= float64(size)
	}
	return folder, os.Rename(part, folder)
}

// writer makes documents up.
type writer struct {
	numbers *rng.Source
	words   []string
	earlier []string
	id      int
}

func newWriter() *writer {
	w := &writer{numbers: rng.New(1, "corpus").At(0, 0)}
	syllables := strings.Fields("ba de ki lo mu na pe ri so tu va we zi fo gu ha jo ke li mo")
	for range vocabulary {
		var word strings.Builder
		for range 2 + w.below(3) {
			word.WriteString(syllables[w.below(len(syllables))])
		}
		w.words = append(w.words, word.String())
	}
	return w
}

func (w *writer) below(n int) int { return int(uint64(w.numbers.Uint32()) * uint64(n) >> 32) }

// file writes documents until size is reached.
func (w *writer) file(path string, size int64) (written int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	for written < size {
		w.id++
		line, err := json.Marshal(map[string]string{"id": fmt.Sprint("doc-", w.id), "text": w.document()})
		if err != nil {
			return written, err
		}
		n, err := out.Write(append(line, '\n'))
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, out.Flush()
}

func (w *writer) document() string {
	if len(w.earlier) == remembered {
		old := w.earlier[w.below(remembered)]
		switch chance := w.below(100); {
		case chance < 5:
			return old
		case chance < 15:
			return old + w.sentence()
		}
	}
	var text strings.Builder
	for range 10 + w.below(60) {
		text.WriteString(w.sentence())
	}
	if w.below(3) == 0 {
		text.WriteString("\n" + notice + "\n")
	}
	if len(w.earlier) < remembered {
		w.earlier = append(w.earlier, text.String())
	} else {
		w.earlier[w.below(remembered)] = text.String()
	}
	return text.String()
}

// sentence is 5 to 16 words; every fourth ends its line.
func (w *writer) sentence() string {
	var s strings.Builder
	for i := range 5 + w.below(12) {
		if i > 0 {
			s.WriteByte(' ')
		}
		// The smaller of two: some words are common, as in a language.
		s.WriteString(w.words[min(w.below(vocabulary), w.below(vocabulary))])
	}
	s.WriteString(". ")
	if w.below(4) == 0 {
		s.WriteString("\n")
	}
	return s.String()
}
