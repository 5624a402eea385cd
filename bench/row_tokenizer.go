package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/worker"
	"github.com/cultivar/cultivar/internal/corpus"
	"github.com/cultivar/cultivar/internal/embedded"
	basefiles "github.com/cultivar/cultivar/internal/embedded/base"
)

func tokenizerRow() row {
	return row{
		name: "tokenizer", about: "encoding documents on one core, ours and the tokenizers library, same ids",
		unit: contest.Unit{Name: "MB/s", Scale: 1e-6}, runs: 3, contests: tokenizerContests, notes: gemmNotes,
	}
}

// textBytes is how much text is encoded: enough to leave a tokenizer's cache of words behind.
const textBytes = 6 << 20

func tokenizerContests(b *bench) ([]contest.Contest, error) {
	vocabularies, err := b.vocabularies()
	if err != nil {
		return nil, err
	}
	texts, name, err := b.texts()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(b.fixtures.Path, "texts-"+name+".json")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		return nil, err
	}
	var list []contest.Contest
	for _, dir := range vocabularies {
		args := worker.TokenizerArgs{Dir: dir, Texts: path}
		list = append(list, contest.Contest{
			Name: filepath.Base(dir), Cases: []string{name},
			Sides: []contest.Side{
				{Label: "cultivar", Program: "tokenizer", Args: args, Threads: 1},
				{Label: "tokenizers", Peer: true, Program: "tokenizer", Args: args, Threads: 1},
			},
		})
	}
	return list, nil
}

// vocabularies are the directories of published tokenizers, where there are any, and ours.
func (b *bench) vocabularies() ([]string, error) {
	ours := filepath.Join(b.fixtures.Path, basefiles.Name)
	if _, err := os.Stat(ours); errors.Is(err, fs.ErrNotExist) {
		if err := embedded.Unpack(basefiles.FS, basefiles.Name, ours); err != nil {
			return nil, err
		}
	}
	list := []string{ours}
	for _, name := range []string{"tinyllama", "gpt2"} {
		dir := filepath.Join(b.shared, "real", "tokenizers", name)
		if _, err := os.Stat(dir); err == nil {
			list = append(list, dir)
		}
	}
	return list, nil
}

// texts are documents: published ones where there are any, otherwise generated ones.
func (b *bench) texts() (texts []string, name string, err error) {
	size := 0
	files, err := filepath.Glob(filepath.Join(b.shared, "real", "corpora", "peps", "*.rst"))
	if err != nil {
		return nil, "", err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, "", err
		}
		if size < textBytes && utf8.Valid(data) {
			texts, size = append(texts, string(data)), size+len(data)
		}
	}
	if len(texts) > 0 {
		return texts, "peps", nil
	}
	for d := range corpus.Documents(1) {
		if texts, size = append(texts, d), size+len(d); size >= textBytes {
			return texts, "generated", nil
		}
	}
	return texts, "generated", nil
}
