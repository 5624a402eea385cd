package tokenizer

import (
	"errors"
	"fmt"
)

// GGUF is a vocabulary as the metadata of a GGUF file states it, for [FromGGUF]
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Keys are those of the file without
// their prefix "tokenizer.ggml.". Nothing is kept but the strings.
type GGUF struct {
	Model string // model: "llama", "gpt2", "t5" or "bert"
	Pre   string // pre: which pre-tokenizer a "gpt2" model has; "" as in files from before the key
	Name  string // general.name: Phi-3's special tokens take the white space after them

	Tokens   []string  // tokens, by id
	Scores   []float32 // scores, by id; nil: none
	Types    []int32   // token_type, by id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; nil: all normal
	Merges   []string  // merges: "left right", best first; for "gpt2"
	Charsmap []byte    // precompiled_charsmap; for "t5"

	IDs   map[string]int32 // every key that ends in _token_id, such as "bos_token_id", that is there
	Flags map[string]bool  // every boolean key that is there, such as "add_bos_token" or "add_space_prefix"
}

// FromGGUF returns the tokenizer of a GGUF file. Control, user-defined and unknown tokens are found
// in text, as Hugging Face's libraries find them and as llama.cpp does with parse_special.
func FromGGUF(g GGUF) (*Tokenizer, error) {
	t, err := fromGGUF(g)
	if err != nil {
		return nil, fmt.Errorf("read GGUF vocabulary: %w", err)
	}
	return t, nil
}

func fromGGUF(g GGUF) (*Tokenizer, error) {
	return nil, errors.New("model is not supported")
}
