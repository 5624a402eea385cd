package tokenizer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ranked is a vocabulary in tiktoken's form (https://github.com/openai/tiktoken): tokens are bytes,
// and any two neighbours merge that make a token, the one of the lowest rank first.
type ranked struct {
	tokens map[string]int32 // rank by bytes
	shift  int32            // id of rank 0
}

// isTiktoken reports whether a file looks like lines of base64 and rank. A SentencePiece model does
// not: its first byte is a tag.
func isTiktoken(data []byte) bool {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	_, _, err := tiktokenLine(string(line))
	return err == nil
}

func tiktokenLine(line string) (token string, rank int32, err error) {
	text, number, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	if !ok {
		return "", 0, errors.New("line has not two parts")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 || len(raw) > maxPiece {
		return "", 0, errors.New("line has no token in base64")
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 {
		return "", 0, errors.New("line has no rank")
	}
	return string(raw), int32(n), nil
}

func parseTiktoken(data []byte) (*ranked, error) {
	r := &ranked{tokens: make(map[string]int32, bytes.Count(data, []byte("\n"))+1)}
	n := 0
	for line := range strings.Lines(string(data)) {
		if n++; line == "\n" || line == "\r\n" {
			continue
		}
		token, rank, err := tiktokenLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if _, ok := r.tokens[token]; ok {
			return nil, fmt.Errorf("line %d: token is there twice", n)
		}
		r.tokens[token] = rank
	}
	return r, nil
}

// setBPE makes the model, with special tokens by their ids.
func (r *ranked) setBPE(t *Tokenizer, special map[string]int32) (map[string]int32, error) {
	m := &bpe{vocab: make(map[string]int32, len(r.tokens)+len(special)), unk: -1, bytes: true, ignoreMerges: true, cache: newWordCache()}
	m.whole = make(map[string]int32, len(r.tokens))
	for b := range 256 {
		rank, ok := r.tokens[string([]byte{byte(b)})]
		if !ok {
			return nil, fmt.Errorf("byte %#02x is no token", b)
		}
		m.byteIDs[b] = rank + r.shift
	}
	for token, rank := range r.tokens {
		m.vocab[alphabet(token)], m.whole[token] = rank+r.shift, rank+r.shift
	}
	for token, id := range special {
		if old, ok := m.vocab[token]; ok && old != id {
			return nil, fmt.Errorf("special token %q is also token %d", token, old)
		}
		m.vocab[token] = id
	}
	if err := r.addMerges(m); err != nil {
		return nil, err
	}
	t.pre = m.useBytes(t.pre)
	t.params = spmParams{Type: "tiktoken"}
	t.model = m
	return m.vocab, nil
}

// addMerges lists every way to make a token of two, the lowest rank first.
func (r *ranked) addMerges(m *bpe) error {
	order := make([]string, 0, len(r.tokens))
	for token := range r.tokens {
		order = append(order, token)
	}
	slices.SortFunc(order, func(a, b string) int { return int(r.tokens[a]) - int(r.tokens[b]) })
	var list []rankedMerge
	for _, token := range order {
		rank := r.tokens[token]
		for i := 1; i < len(token); i++ {
			left, ok1 := r.tokens[token[:i]]
			right, ok2 := r.tokens[token[i:]]
			if ok1 && ok2 {
				list = append(list, rankedMerge{merge{left + r.shift, right + r.shift}, rank, rank + r.shift})
			}
		}
		if len(list) > maxPairs(len(r.tokens)) {
			return errTooManyPairs
		}
	}
	m.setRanked(list)
	return nil
}

// alphabet writes bytes in GPT-2's alphabet.
func alphabet(token string) string {
	var b strings.Builder
	for i := range len(token) {
		b.WriteString(byteChars[token[i]])
	}
	return b.String()
}

// blueprint has what all vocabularies of this form have in common.
func (r *ranked) blueprint(n names, pattern string, special map[string]int32) blueprint {
	b := blueprint{names: n, decoder: byteLevelComponent(false, true), preTokenizer: splitComponent(false, pattern)}
	b.model = func(t *Tokenizer) (map[string]int32, error) { return r.setBPE(t, special) }
	for token, id := range special {
		b.added = append(b.added, addedToken{ID: id, Content: token, Special: true})
	}
	slices.SortFunc(b.added, func(a, b addedToken) int { return int(a.ID) - int(b.ID) })
	b.wrap = &wrap{}
	return b
}

// encoding is a vocabulary that is known by its size. Its file holds only what is learnt: special
// tokens and the pattern are in the code that reads it.
type encoding struct {
	pattern  string
	special  func(first int32) map[string]int32
	bos, eos string
	addBOS   bool
}

// encodings are the vocabularies in tiktoken's form by how many tokens their files have.
var encodings = map[int]encoding{
	50256:  {pattern: patternGPT2, special: listed(endOfText), bos: endOfText, eos: endOfText},
	100256: {pattern: patternGPT4, special: cl100kSpecial, eos: endOfText},
	199998: {pattern: patternO200K, special: o200kSpecial, bos: "<|startoftext|>", eos: endOfText},
	128000: {pattern: patternGPT4, special: llama3Special, bos: "<|begin_of_text|>", eos: "<|end_of_text|>", addBOS: true},
	151643: {pattern: patternQwen2, special: qwenSpecial, eos: endOfText},
}

// listed gives ids in order.
func listed(tokens ...string) func(int32) map[string]int32 {
	return func(first int32) map[string]int32 {
		ids := make(map[string]int32, len(tokens))
		for i, token := range tokens {
			ids[token] = first + int32(i)
		}
		return ids
	}
}

// numbered appends tokens of a form with a number in it, the numbers from lo up to hi.
func numbered(list []string, form string, lo, hi int) []string {
	for i := lo; i < hi; i++ {
		list = append(list, fmt.Sprintf(form, i))
	}
	return list
}

func cl100kSpecial(int32) map[string]int32 {
	return map[string]int32{
		endOfText: 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276,
	}
}

// o200kSpecial has the tokens of o200k_harmony, which gpt-oss uses; o200k_base has two of them.
func o200kSpecial(first int32) map[string]int32 {
	ids := map[string]int32{
		"<|startoftext|>": 199998, endOfText: 199999, "<|return|>": 200002, "<|constrain|>": 200003, "<|channel|>": 200005,
		"<|start|>": 200006, "<|end|>": 200007, "<|message|>": 200008, "<|call|>": 200012, "<|endofprompt|>": 200018,
	}
	taken := map[int32]bool{}
	for _, id := range ids {
		taken[id] = true
	}
	for id := first; id < 201088; id++ {
		if !taken[id] {
			ids[fmt.Sprintf("<|reserved_%d|>", id)] = id
		}
	}
	return ids
}

// llama3Special are the 256 tokens of Llama 3 (its tokenizer.py), with the names that 3.1 gave some.
func llama3Special(first int32) map[string]int32 {
	list := []string{
		"<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
		"<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
	}
	return listed(numbered(list, "<|reserved_special_token_%d|>", 3, 256-8)...)(first)
}

// qwenSpecial are the tokens of the first Qwen (its tokenization_qwen.py).
func qwenSpecial(first int32) map[string]int32 {
	return listed(numbered([]string{endOfText, "<|im_start|>", "<|im_end|>"}, "<|extra_%d|>", 0, 205)...)(first)
}

// fromTiktoken makes a tokenizer of a file in tiktoken's form. Special tokens that
// tokenizer_config.json gives with their ids win over those that the vocabulary is known to have.
func fromTiktoken(name string, data []byte, n names) (*Tokenizer, error) {
	r, err := parseTiktoken(data)
	if err != nil {
		return nil, err
	}
	e, known := encodings[len(r.tokens)]
	if !known {
		e.pattern = patternGPT4 // what HF's converter takes when nothing is said
	}
	special := n.withIDs()
	if len(special) == 0 {
		if !known {
			return nil, fmt.Errorf("a vocabulary of %d tokens is not known, and tokenizer_config.json lists no added tokens", len(r.tokens))
		}
		special = e.special(int32(len(r.tokens)))
	}
	for token, id := range map[string]string{"bos_token": e.bos, "eos_token": e.eos} {
		if _, ok := special[id]; ok {
			n.fallback(token, id)
		}
	}
	b := r.blueprint(n, e.pattern, special)
	b.wrap.bos = e.addBOS
	b.wrap.configure(n.config)
	return b.build()
}

// withIDs returns the added tokens whose id is said.
func (n *names) withIDs() map[string]int32 {
	ids := map[string]int32{}
	for _, a := range n.added {
		if a.ID >= 0 && a.Content != "" {
			ids[a.Content] = a.ID
		}
	}
	return ids
}

// tekkenJSON is tekken.json of Mistral's mistral-common.
type tekkenJSON struct {
	Config struct {
		Pattern     string `json:"pattern"`
		Size        int    `json:"default_vocab_size"`
		SpecialSize int    `json:"default_num_special_tokens"`
	} `json:"config"`
	Vocab []struct {
		Rank  int32  `json:"rank"`
		Bytes []byte `json:"token_bytes"`
	} `json:"vocab"`
	Special []struct {
		Rank int32  `json:"rank"`
		Text string `json:"token_str"`
	} `json:"special_tokens"`
}

// tekkenSpecial are the special tokens of files that list none.
var tekkenSpecial = []string{
	"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
	"[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]",
	"[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
}

// fromTekken makes a tokenizer of tekken.json: special tokens come first, then the ranks, as many as
// the file says are used.
func fromTekken(data []byte, n names) (*Tokenizer, error) {
	var f tekkenJSON
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	c := f.Config
	if c.SpecialSize < 0 || c.SpecialSize > maxHoles || c.Size < c.SpecialSize {
		return nil, fmt.Errorf("sizes %d and %d are out of range", c.Size, c.SpecialSize)
	}
	r := &ranked{tokens: make(map[string]int32, len(f.Vocab)), shift: int32(c.SpecialSize)}
	for i, v := range f.Vocab {
		if len(v.Bytes) == 0 || len(v.Bytes) > maxPiece || v.Rank < 0 {
			return nil, fmt.Errorf("token %d has no rank or no bytes", i)
		}
		if int(v.Rank) < c.Size-c.SpecialSize {
			r.tokens[string(v.Bytes)] = v.Rank
		}
	}
	special := listed(numbered(slices.Clone(tekkenSpecial), "<SPECIAL_%d>", len(tekkenSpecial), c.SpecialSize)[:c.SpecialSize]...)(0)
	if len(f.Special) > 0 {
		clear(special)
	}
	for _, s := range f.Special {
		if s.Rank < 0 || int(s.Rank) >= c.SpecialSize || len(s.Text) == 0 {
			return nil, fmt.Errorf("special token %d is out of range", s.Rank)
		}
		special[s.Text] = s.Rank
	}
	for name, token := range map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"} {
		if _, ok := special[token]; ok {
			n.fallback(name, token)
		}
	}
	b := r.blueprint(n, c.Pattern, special)
	b.wrap.bos = true
	b.wrap.configure(n.config)
	return b.build()
}
