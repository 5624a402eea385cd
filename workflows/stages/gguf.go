package stages

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/gguf"
)

// openTokenizer opens the tokenizer of a base: the files of a directory, or the metadata of a GGUF
// file, which need not hold weights.
func openTokenizer(path string) (tok *tokenizer.Tokenizer, err error) {
	if !gguf.Is(path) {
		return tokenizer.Open(path)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	vocabulary, err := bases.Vocabulary(f)
	if err != nil {
		return nil, err
	}
	if tok, err = tokenizer.FromGGUF(vocabulary); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tok, nil
}

// openTemplate opens the chat template of a base. Without one it returns chat.ErrNoTemplate.
func openTemplate(path string, tok *tokenizer.Tokenizer) (tmpl *chat.Template, err error) {
	if !gguf.Is(path) {
		return chat.Open(path, tok)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := bases.ChatTemplate(f)
	if text == "" {
		return nil, chat.ErrNoTemplate
	}
	return chat.FromSource(text, tok.Names()), nil
}

// ggufTokenizerKind is the kind of tokenizer that a GGUF file's model name stands for, as
// tokenizer.json calls it.
func ggufTokenizerKind(path string) string {
	f, err := gguf.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	name, _ := f.String("tokenizer.ggml.model")
	return map[string]string{"llama": "BPE", "gpt2": "BPE", "t5": "Unigram", "bert": "WordPiece"}[name]
}
