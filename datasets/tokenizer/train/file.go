package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/cultivar/cultivar/internal/plainjson"
)

// The structs below are tokenizer.json of Hugging Face tokenizers, field by field and in its
// order; only the values this package writes are there.

type file struct {
	Version       string        `json:"version"`
	Truncation    *struct{}     `json:"truncation"`
	Padding       *struct{}     `json:"padding"`
	AddedTokens   []addedToken  `json:"added_tokens"`
	Normalizer    *struct{}     `json:"normalizer"`
	PreTokenizer  preTokenizer  `json:"pre_tokenizer"`
	PostProcessor postProcessor `json:"post_processor"`
	Decoder       byteLevel     `json:"decoder"`
	Model         model         `json:"model"`
}

type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type preTokenizer struct {
	Type          string `json:"type"`
	PreTokenizers [2]any `json:"pretokenizers"`
}

type splitter struct {
	Type    string `json:"type"`
	Pattern struct {
		Regex string `json:"Regex"`
	} `json:"pattern"`
	Behavior string `json:"behavior"`
	Invert   bool   `json:"invert"`
}

type byteLevel struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       bool   `json:"use_regex"`
}

type postProcessor struct {
	Type          string                    `json:"type"`
	Single        []any                     `json:"single"`
	Pair          []any                     `json:"pair"`
	SpecialTokens map[string]templateTokens `json:"special_tokens"`
}

type templateTokens struct {
	ID     string   `json:"id"`
	IDs    []int    `json:"ids"`
	Tokens []string `json:"tokens"`
}

type templateItem struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

type templateSpecial struct {
	SpecialToken templateItem `json:"SpecialToken"`
}

type templateSequence struct {
	Sequence templateItem `json:"Sequence"`
}

type model struct {
	Type                    string      `json:"type"`
	Dropout                 *float64    `json:"dropout"`
	UnkToken                *string     `json:"unk_token"`
	ContinuingSubwordPrefix *string     `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string     `json:"end_of_word_suffix"`
	FuseUnk                 bool        `json:"fuse_unk"`
	ByteFallback            bool        `json:"byte_fallback"`
	IgnoreMerges            bool        `json:"ignore_merges"`
	Vocab                   vocab       `json:"vocab"`
	Merges                  [][2]string `json:"merges"`
}

// vocab is written as a JSON object in id order, where a map would be sorted by key.
type vocab []string

// MarshalJSON implements json.Marshaler.
func (v vocab) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for id, token := range v {
		if id > 0 {
			out = append(out, ',')
		}
		key, err := plainjson.Marshal(token)
		if err != nil {
			return nil, err
		}
		out = append(out, key...)
		out = append(out, ':')
		out = strconv.AppendInt(out, int64(id), 10)
	}
	return append(out, '}'), nil
}

// JSON returns the vocabulary as tokenizer.json: Pattern and byte-level pre-tokenizer, BPE
// model, the first special token before every sequence, byte-level decoder.
func (v *Vocabulary) JSON() ([]byte, error) {
	compact, err := plainjson.Marshal(v.file())
	if err != nil {
		return nil, fmt.Errorf("write tokenizer.json: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("write tokenizer.json: %w", err)
	}
	return out.Bytes(), nil
}

func (v *Vocabulary) file() file {
	f := file{Version: "1.0"}
	for id, s := range v.Tokens[:v.specials] {
		f.AddedTokens = append(f.AddedTokens, addedToken{ID: id, Content: s, Special: true})
	}
	cut := splitter{Type: "Split", Behavior: "Isolated"}
	cut.Pattern.Regex = Pattern
	toBytes := byteLevel{Type: "ByteLevel", TrimOffsets: true}
	f.PreTokenizer = preTokenizer{Type: "Sequence", PreTokenizers: [2]any{cut, toBytes}}
	f.PostProcessor = beginWith(v.Tokens[0])
	f.Decoder = byteLevel{Type: "ByteLevel", AddPrefixSpace: true, TrimOffsets: true, UseRegex: true}
	f.Model = model{Type: "BPE", IgnoreMerges: true, Vocab: v.Tokens, Merges: v.Merges}
	if f.Model.Merges == nil {
		f.Model.Merges = [][2]string{} // null is not a list of merges
	}
	return f
}

// beginWith is the template that puts bos, the token with id 0, before a sequence. Pairs are not
// a thing of language models; transformers writes this form of them.
func beginWith(bos string) postProcessor {
	first := templateSpecial{templateItem{ID: bos}}
	a := templateSequence{templateItem{ID: "A"}}
	b := templateSequence{templateItem{ID: "B", TypeID: 1}}
	return postProcessor{
		Type:   "TemplateProcessing",
		Single: []any{first, a},
		Pair:   []any{a, b},
		SpecialTokens: map[string]templateTokens{
			bos: {ID: bos, IDs: []int{0}, Tokens: []string{bos}},
		},
	}
}
