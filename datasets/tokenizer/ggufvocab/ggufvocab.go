// Package ggufvocab writes a tokenizer.json as the metadata of a GGUF file.
package ggufvocab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/gguf"
)

// The types of tokens (llama.h, enum llama_token_type).
const (
	tokenNormal = iota + 1
	tokenUnknown
	tokenControl
	tokenUserDefined
	tokenUnused
	tokenByte
)

// tokenizerFile is the part of a tokenizer.json that a GGUF file can say.
type tokenizerFile struct {
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer component       `json:"pre_tokenizer"`
	Post         component       `json:"post_processor"`
	Added        []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Model struct {
		Type         string            `json:"type"`
		Vocab        map[string]int    `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
		Unknown      *string           `json:"unk_token"`
		ByteFallback bool              `json:"byte_fallback"`
		IgnoreMerges bool              `json:"ignore_merges"`
	} `json:"model"`
}

// component is a part of a tokenizer.json, or a sequence of them.
type component struct {
	Type          string      `json:"type"`
	Pretokenizers []component `json:"pretokenizers"`
	Processors    []component `json:"processors"`
	Pattern       struct {
		Regex string `json:"Regex"`
	} `json:"pattern"`
	UseRegex         *bool  `json:"use_regex"`
	IndividualDigits bool   `json:"individual_digits"`
	PrependScheme    string `json:"prepend_scheme"`
	AddPrefixSpace   *bool  `json:"add_prefix_space"`
	Single           []struct {
		SpecialToken *struct{ ID string } `json:"SpecialToken"`
	} `json:"single"`
}

// parts lists a component's parts, itself if it is no sequence.
func (c component) parts() []component {
	if c.Type == "Sequence" {
		return append(slices.Clone(c.Pretokenizers), c.Processors...)
	}
	return []component{c}
}

// vocabulary is what becomes the tokenizer's metadata.
type vocabulary struct {
	file   tokenizerFile
	size   int // tokens that the model has embeddings for
	tokens []string
	types  []int32
	names  map[string]string // of the special tokens, by role, as tokenizer_config.json has them
	notes  []string
}

// Model is what a model says of its tokens.
type Model struct {
	Size     int  // tokens that it has embeddings for
	BOS, Pad *int // nil where there is none
	EOS      []int
	Template string // the text of the chat template, "" for none
}

// Pairs is the metadata of a directory's tokenizer and template (conversion/base.py, get_vocab_base and
// its like), and what the reader of the file should know.
func Pairs(dir string, m Model) ([]gguf.Pair, []string, error) {
	data, err := bounded.ReadFile(filepath.Join(dir, "tokenizer.json"), 256<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s has no tokenizer.json, which the vocabulary of a GGUF file is made of", dir)
	}
	if err != nil {
		return nil, nil, err
	}
	v := &vocabulary{size: m.Size}
	if err := json.Unmarshal(data, &v.file); err != nil {
		return nil, nil, fmt.Errorf("%s: tokenizer.json: %w", dir, err)
	}
	if v.names, err = specialNames(dir); err != nil {
		return nil, nil, err
	}
	pairs, err := v.pairs(m)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: tokenizer.json: %w", dir, err)
	}
	return pairs, v.notes, nil
}

// specialNames reads which tokens tokenizer_config.json gives which role.
func specialNames(dir string) (map[string]string, error) {
	names := map[string]string{}
	data, err := bounded.ReadFile(filepath.Join(dir, "tokenizer_config.json"), 256<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("%s: tokenizer_config.json: %w", dir, err)
	}
	for _, role := range []string{"bos", "eos", "unk", "pad"} {
		var name string
		var token struct{ Content string }
		if raw := config[role+"_token"]; json.Unmarshal(raw, &name) == nil {
			names[role] = name
		} else if json.Unmarshal(raw, &token) == nil {
			names[role] = token.Content
		}
	}
	return names, nil
}

func (v *vocabulary) pairs(m Model) ([]gguf.Pair, error) {
	if kind := v.file.Model.Type; kind != "BPE" && kind != "" || v.file.Model.Merges == nil {
		return nil, fmt.Errorf("a model of type %q has no form in GGUF that is written here, only BPE", kind)
	}
	if err := v.list(); err != nil {
		return nil, err
	}
	merges, err := v.merges()
	if err != nil {
		return nil, err
	}
	pairs := []gguf.Pair{}
	add := func(key string, value any) { pairs = append(pairs, gguf.NewPair("tokenizer."+key, value)) }
	if v.file.Model.ByteFallback {
		add("ggml.model", "llama")
		add("ggml.pre", "default")
		add("ggml.tokens", v.tokens)
		add("ggml.scores", v.scores(merges))
		add("ggml.token_type", v.types)
		add("ggml.add_space_prefix", v.prefixesSpace())
	} else {
		pre, err := v.pre()
		if err != nil {
			return nil, err
		}
		add("ggml.model", "gpt2")
		add("ggml.pre", pre)
		add("ggml.tokens", v.tokens)
		add("ggml.token_type", v.types)
		joined := make([]string, len(merges))
		for i, m := range merges {
			joined[i] = m[0] + " " + m[1]
		}
		add("ggml.merges", joined)
	}
	v.addSpecial(add, m)
	if m.Template != "" {
		add("chat_template", m.Template)
	}
	return pairs, nil
}

// list fills in tokens and types by id. Ids without a token are filled as llama.cpp's converter does.
func (v *vocabulary) list() error {
	v.tokens, v.types = make([]string, v.size), make([]int32, v.size)
	for i := range v.tokens {
		v.tokens[i], v.types[i] = fmt.Sprintf("[PAD%d]", i), tokenUnused
	}
	set := func(token string, id int, kind int32) error {
		if id < 0 || id >= v.size {
			return fmt.Errorf("token %.40q has id %d, but the model embeds %d tokens", token, id, v.size)
		}
		v.tokens[id], v.types[id] = token, kind
		return nil
	}
	for token, id := range v.file.Model.Vocab {
		kind := int32(tokenNormal)
		switch {
		case v.file.Model.ByteFallback && isByte(token):
			kind = tokenByte
		case v.file.Model.Unknown != nil && token == *v.file.Model.Unknown:
			kind = tokenUnknown
		}
		if err := set(token, id, kind); err != nil {
			return err
		}
	}
	for _, a := range v.file.Added {
		kind, token := int32(tokenControl), a.Content
		switch {
		case v.file.Model.Unknown != nil && token == *v.file.Model.Unknown:
			kind = tokenUnknown
		case !a.Special && !looksSpecial(token):
			kind = tokenUserDefined
			token = strings.ReplaceAll(token, "▁", " ") // llama.cpp looks for these in plain text
		}
		if err := set(token, a.ID, kind); err != nil {
			return err
		}
	}
	return nil
}

// isByte reports whether a token stands for one byte: <0x0A>.
func isByte(token string) bool {
	return len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>'
}

// looksSpecial is for models that do not mark all of their control tokens (conversion/base.py,
// does_token_look_special).
func looksSpecial(token string) bool {
	between := func(start, end string) bool {
		return strings.HasPrefix(token, start) && strings.HasSuffix(token, end)
	}
	return slices.Contains([]string{"<pad>", "<mask>", "<2mass>", "[@BOS@]"}, token) ||
		between("<|", "|>") || between("<｜", "｜>") || between("<unused", ">")
}

// merges reads both forms: "a b" and ["a", "b"].
func (v *vocabulary) merges() ([][2]string, error) {
	list := make([][2]string, len(v.file.Model.Merges))
	for i, raw := range v.file.Model.Merges {
		var text string
		if json.Unmarshal(raw, &list[i]) == nil {
			if strings.Contains(list[i][0]+list[i][1], " ") {
				return nil, fmt.Errorf("merge %d has a space, which GGUF cannot say", i)
			}
			continue
		}
		if json.Unmarshal(raw, &text) != nil || strings.Count(text, " ") != 1 {
			return nil, fmt.Errorf("merge %d is no pair", i)
		}
		list[i][0], list[i][1], _ = strings.Cut(text, " ")
	}
	return list, nil
}

// scores gives tokens the ranks of the merges that make them. llama.cpp merges where the token that
// comes of it has the highest score, whatever its halves: that is the same where every way to halve a
// token is a merge, and all of them stand together, as in files made of SentencePiece models.
func (v *vocabulary) scores(merges [][2]string) []float32 {
	rank := make(map[string]int, len(merges))
	ways := make(map[string]int, len(merges))
	last, ordered := "", true
	for i, m := range merges {
		token := m[0] + m[1]
		if _, ok := rank[token]; !ok {
			rank[token] = i
		} else if last != token {
			ordered = false
		}
		ways[token]++
		last = token
	}
	scores := make([]float32, v.size)
	for token, id := range v.file.Model.Vocab {
		if r, ok := rank[token]; ok {
			scores[id] = -float32(r)
		} else if v.types[id] != tokenByte {
			scores[id] = -float32(len(merges)) // letters, which no merge makes
		}
		for i := range token {
			if i == 0 {
				continue
			}
			_, left := v.file.Model.Vocab[token[:i]]
			if _, right := v.file.Model.Vocab[token[i:]]; left && right {
				ways[token]--
			}
		}
	}
	for _, n := range ways {
		ordered = ordered && n == 0
	}
	if !ordered {
		v.notes = append(v.notes, "the order of merges cannot be said exactly for this kind of tokenizer: llama.cpp may split some words in other ways")
	}
	return scores
}

// prefixesSpace reports whether a space is put before a text.
func (v *vocabulary) prefixesSpace() bool {
	if strings.Contains(string(v.file.Normalizer), `"Prepend"`) {
		return true
	}
	for _, p := range v.file.PreTokenizer.parts() {
		if p.Type == "Metaspace" {
			return p.PrependScheme != "never" && (p.AddPrefixSpace == nil || *p.AddPrefixSpace)
		}
	}
	return false
}

// addSpecial adds the ids of special tokens, and whether they are put around a text.
func (v *vocabulary) addSpecial(add func(string, any), m Model) {
	ids := map[string]int{}
	for role, name := range v.names {
		for id, token := range v.tokens {
			if token == name && v.types[id] != tokenUnused {
				ids[role] = id
			}
		}
	}
	if m.BOS != nil && v.names["bos"] == "" {
		ids["bos"] = *m.BOS
	}
	if m.Pad != nil && v.names["pad"] == "" {
		ids["pad"] = *m.Pad
	}
	if _, ok := ids["eos"]; !ok && len(m.EOS) > 0 {
		ids["eos"] = m.EOS[0]
	}
	for _, role := range [][2]string{{"bos", "bos"}, {"eos", "eos"}, {"unk", "unknown"}, {"pad", "padding"}} {
		if id, ok := ids[role[0]]; ok {
			add("ggml."+role[1]+"_token_id", uint32(id))
		}
	}
	eos, ok := ids["eos"]
	for _, id := range m.EOS { // chat models end a turn with another token than a text
		if ok && id != eos && id < v.size {
			add("ggml.eot_token_id", uint32(id))
			break
		}
	}
	before, after := v.around()
	add("ggml.add_bos_token", before != "" && before == v.names["bos"])
	add("ggml.add_eos_token", after != "" && after == v.names["eos"])
}

// around is the tokens that the post-processor puts before and after a text.
func (v *vocabulary) around() (before, after string) {
	for _, p := range v.file.Post.parts() {
		for i, piece := range p.Single {
			switch {
			case piece.SpecialToken == nil:
			case i == 0:
				before = piece.SpecialToken.ID
			case i == len(p.Single)-1:
				after = piece.SpecialToken.ID
			}
		}
	}
	return before, after
}
