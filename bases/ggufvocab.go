package bases

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/gguf"
)

// The metadata that holds the vocabulary and the chat template.
const (
	vocabularyPrefix = "tokenizer.ggml."
	templateKey      = "tokenizer.chat_template"
)

// GGUF returns the file that the base was opened from, nil where it is a directory. It belongs to
// the base.
func (b *Base) GGUF() *gguf.File {
	if w, ok := b.format.(*ggufWeights); ok {
		return w.file
	}
	return nil
}

// ChatTemplate returns the template in the metadata of a GGUF file, "" when there is none.
func ChatTemplate(f *gguf.File) string {
	template, _ := f.String(templateKey)
	return template
}

// Vocabulary returns the vocabulary in the metadata of a GGUF file.
func Vocabulary(f *gguf.File) (tokenizer.GGUF, error) {
	g := tokenizer.GGUF{IDs: map[string]int32{}, Flags: map[string]bool{}}
	var ok bool
	if g.Model, ok = f.String(vocabularyPrefix + "model"); !ok {
		return g, fmt.Errorf("%s: no %smodel: the file has no vocabulary", f.Path(), vocabularyPrefix)
	}
	if g.Tokens, ok = f.Strings(vocabularyPrefix + "tokens"); !ok {
		return g, fmt.Errorf("%s: %stokens is no list of texts", f.Path(), vocabularyPrefix)
	}
	g.Pre, _ = f.String(vocabularyPrefix + "pre")
	g.Name, _ = f.String("general.name")
	g.Merges, _ = f.Strings(vocabularyPrefix + "merges")
	g.Charsmap, _ = f.Bytes(vocabularyPrefix + "precompiled_charsmap")
	if err := readLists(f, &g); err != nil {
		return g, fmt.Errorf("%s: %w", f.Path(), err)
	}
	for _, key := range f.Keys() {
		name, ok := strings.CutPrefix(key, vocabularyPrefix)
		if !ok {
			continue
		}
		if id, ok := f.Uint(key); ok && strings.HasSuffix(name, "_token_id") && id < uint64(len(g.Tokens)) {
			g.IDs[name] = int32(id) // larger ones mean none
		}
		if flag, ok := f.Bool(key); ok {
			g.Flags[name] = flag
		}
	}
	return g, nil
}

// readLists reads what there is for each token.
func readLists(f *gguf.File, g *tokenizer.GGUF) error {
	if list, ok := f.Floats(vocabularyPrefix + "scores"); ok {
		g.Scores = make([]float32, len(list))
		for i, v := range list {
			g.Scores[i] = float32(v)
		}
	}
	if list, ok := f.Floats(vocabularyPrefix + "token_type"); ok {
		g.Types = make([]int32, len(list))
		for i, v := range list {
			g.Types[i] = int32(v)
		}
	}
	if g.Scores != nil && len(g.Scores) != len(g.Tokens) || g.Types != nil && len(g.Types) != len(g.Tokens) {
		return errors.New("scores or types are not as many as tokens")
	}
	return nil
}
