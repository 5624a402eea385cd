package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// ggufModels are the values of the key model, with what llama.cpp takes for missing keys
// (src/llama-vocab.cpp).
var ggufModels = map[string]struct {
	read func(*ggufVocabulary) (blueprint, error)
	ids  map[string]int32
	wrap wrap
}{
	"llama": {(*ggufVocabulary).llama, map[string]int32{"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0}, wrap{bos: true}},
	"gpt2":  {(*ggufVocabulary).gpt2, nil, wrap{}},
	"t5":    {(*ggufVocabulary).t5, map[string]int32{"eos_token_id": 1, "unknown_token_id": 2, "padding_token_id": 0}, wrap{eos: true}},
	"bert": {
		(*ggufVocabulary).bert,
		map[string]int32{"bos_token_id": 101, "seperator_token_id": 102, "unknown_token_id": 100, "padding_token_id": 0, "mask_token_id": 103},
		wrap{bos: true, sep: true},
	},
}

// ggufVocabulary is a GGUF vocabulary with what its file leaves out.
type ggufVocabulary struct {
	GGUF
	pieces
	ids map[string]int32 // by key; every one is in range
}

func fromGGUF(g GGUF) (*Tokenizer, error) {
	kind, ok := ggufModels[g.Model]
	if !ok {
		return nil, fmt.Errorf("model %q is not supported", g.Model)
	}
	v := &ggufVocabulary{GGUF: g, ids: map[string]int32{}}
	v.setPieces()
	for _, ids := range []map[string]int32{kind.ids, g.IDs} {
		for key, id := range ids {
			if id >= 0 && int(id) < len(v.text) {
				v.ids[key] = id
			}
		}
	}
	v.unk = v.id("unknown_token_id")
	b, err := kind.read(v)
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", g.Model, err)
	}
	b.added, b.names = v.added(), v.names()
	w := kind.wrap
	if b.wrap != nil {
		w.bos = w.bos || b.wrap.bos
	}
	for key, on := range map[string]*bool{"add_bos_token": &w.bos, "add_eos_token": &w.eos, "add_sep_token": &w.sep} {
		*on = g.flag(key, *on)
	}
	w.sep = w.sep && g.Model == "bert"
	b.wrap = &w
	return b.build()
}

func (g *GGUF) flag(key string, otherwise bool) bool {
	if on, ok := g.Flags[key]; ok {
		return on
	}
	return otherwise
}

func (v *ggufVocabulary) id(key string) int32 {
	if id, ok := v.ids[key]; ok {
		return id
	}
	return -1
}

// setPieces copies the lists, which belong to the caller, and fills in those that are not there.
func (v *ggufVocabulary) setPieces() {
	v.text, v.score, v.kind = slices.Clone(v.Tokens), v.Scores, slices.Clone(v.Types)
	for id, s := range v.text {
		if s == "" {
			v.text[id] = fmt.Sprintf("[EMPTY_%d]", id) // llama.cpp's name for it
		}
	}
	if v.score == nil {
		v.score = make([]float32, len(v.text))
	}
	if v.kind == nil {
		v.kind = make([]int32, len(v.text))
		for id := range v.kind {
			v.kind[id] = pieceNormal
		}
	}
}

// ggufNames maps keys to the names that Hugging Face has.
var ggufNames = map[string]string{
	"bos_token_id": "bos_token", "eos_token_id": "eos_token", "unknown_token_id": "unk_token", "padding_token_id": "pad_token",
	"seperator_token_id": "sep_token", "separator_token_id": "sep_token", "mask_token_id": "mask_token",
}

// ends are the tokens that end a turn whatever the file says of them, as in llama.cpp.
var ends = []string{
	"<|eot_id|>", "<|im_end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "<|end_of_text|>",
}

func (v *ggufVocabulary) names() names {
	n := names{tokens: map[string]string{}}
	for key, name := range ggufNames {
		if id := v.id(key); id >= 0 {
			n.tokens[name] = v.text[id]
		}
	}
	for _, key := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		if id := v.id(key); id >= 0 {
			n.stops = append(n.stops, id)
		}
	}
	for _, s := range ends {
		if id, ok := v.vocab[s]; ok && v.kind[id] == pieceControl {
			n.stops = append(n.stops, id)
		}
	}
	return n
}

// added lists the tokens that are looked for in text as it is. Files of unknown type for ids
// without token, such as [PAD32011], are not.
func (v *ggufVocabulary) added() []addedToken {
	list := v.addedTokens()
	for key := range ggufNames {
		if id := v.id(key); id >= 0 && v.kind[id] == pieceNormal {
			list = append(list, addedToken{ID: id, Content: v.text[id], Special: true})
		}
	}
	slices.SortFunc(list, func(a, b addedToken) int { return int(a.ID) - int(b.ID) })
	name := strings.ToLower(v.Name)
	if strings.Contains(name, "phi-3") || strings.Contains(name, "phi3") {
		for i, a := range list {
			list[i].RStrip = a.Content != "<unk>" && a.Content != "<s>" && a.Content != "<|endoftext|>"
		}
	}
	return list
}

func (v *ggufVocabulary) llama() (blueprint, error) {
	if v.toByte = slices.Contains(v.kind, pieceByte); !v.toByte && v.unk < 0 {
		return blueprint{}, errors.New("there are neither byte tokens nor an unknown token")
	}
	n := &spmNormalizer{escape: true}
	if !v.flag("add_space_prefix", true) {
		n.scheme = prependNever
	}
	b := blueprint{norm: n, decoder: spmDecoder(n.scheme != prependNever), model: v.setBPE}
	return b, v.check()
}

func (v *ggufVocabulary) t5() (blueprint, error) {
	n := &spmNormalizer{escape: v.flag("escape_whitespaces", true), squeeze: v.flag("remove_extra_whitespaces", false)}
	if !v.flag("add_space_prefix", false) {
		n.scheme = prependNever
	}
	if err := n.setCharsmap(v.Charsmap); err != nil {
		return blueprint{}, err
	}
	v.toByte = slices.Contains(v.kind, pieceByte)
	b := blueprint{norm: n, decoder: spmDecoder(n.scheme != prependNever), model: v.setUnigram}
	return b, v.check()
}

// bert undoes what llama.cpp's converter does to WordPiece: there a token that begins a word is
// marked, here one that goes on.
func (v *ggufVocabulary) bert() (blueprint, error) {
	for id, s := range v.text {
		if v.kind[id] != pieceNormal || strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
			continue
		}
		// The mark alone is a character that goes on: no word begins with nothing.
		if rest, ok := strings.CutPrefix(s, metaspaceChar); ok && rest != "" {
			v.text[id] = rest
		} else {
			v.text[id] = "##" + s
		}
	}
	if err := v.check(); err != nil {
		return blueprint{}, err
	}
	if v.unk < 0 {
		return blueprint{}, errors.New("there is no unknown token")
	}
	lower := v.flag("normalizer.lowercase", true)
	b := blueprint{
		normalizer: component(object{
			"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
			"lowercase": lower, "strip_accents": v.flag("normalizer.strip_accents", lower),
		}),
		preTokenizer: component(object{"type": "BertPreTokenizer"}),
		decoder:      component(object{"type": "WordPiece", "prefix": "##", "cleanup": true}),
		model: func(t *Tokenizer) (map[string]int32, error) {
			p := wordPieceJSON{Unk: v.text[v.unk], Prefix: "##", MaxWord: maxWordPieceWord, Vocab: v.vocab}
			return t.setWordPiece(p)
		},
	}
	return b, nil
}

// gpt2 is byte-level BPE, whose pre-tokenizer is known by name.
func (v *ggufVocabulary) gpt2() (blueprint, error) {
	if err := v.check(); err != nil {
		return blueprint{}, err
	}
	pre, ok := ggufPres[v.Pre]
	if !ok {
		return blueprint{}, fmt.Errorf("pre-tokenizer %q is not supported", v.Pre)
	}
	merges := make([]mergeJSON, len(v.Merges))
	for i, s := range v.Merges {
		// The first character is the token's even when it is a space.
		at := strings.IndexByte(s[min(1, len(s)):], ' ')
		if at < 0 {
			return blueprint{}, fmt.Errorf("merge %d has not two parts", i)
		}
		merges[i] = mergeJSON{s[:at+1], s[at+2:]}
	}
	b := blueprint{
		preTokenizer: splitComponent(false, pre.patterns...),
		decoder:      byteLevelComponent(false, true),
		wrap:         &wrap{bos: pre.bos},
		model: func(t *Tokenizer) (map[string]int32, error) {
			return v.vocab, t.setBPE(bpeJSON{typed: typed{"BPE"}, IgnoreMerges: pre.ignoreMerges, Vocab: v.vocab, Merges: merges})
		},
	}
	return b, nil
}
