package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Parse reads a tokenizer from the contents of tokenizer.json and, unless nil, of
// tokenizer_config.json, which names the special tokens and may add more.
func Parse(tokenizerJSON, tokenizerConfigJSON []byte) (*Tokenizer, error) {
	names, err := parseNames(tokenizerConfigJSON)
	if err != nil {
		return nil, fmt.Errorf("parse tokenizer_config.json: %w", err)
	}
	t, err := parse(tokenizerJSON, names)
	if err != nil {
		return nil, fmt.Errorf("parse tokenizer.json: %w", err)
	}
	return t, nil
}

func parse(data []byte, names names) (*Tokenizer, error) {
	var f file
	if err := strict(data, &f); err != nil {
		return nil, err
	}
	t := &Tokenizer{}
	var err error
	if t.norm, err = parseNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if t.pre, err = parsePreTokenizer(f.PreTokenizer); err != nil {
		return nil, err
	}
	if t.decode, err = parseDecoder(f.Decoder); err != nil {
		return nil, err
	}
	p, err := parsePost(f.PostProcessor)
	if err != nil {
		return nil, err
	}
	t.prefix, t.suffix = p.prefix, p.suffix
	vocab, err := t.parseModel(f.Model)
	if err != nil {
		return nil, err
	}
	if err := t.addTokens(vocab, f.AddedTokens, names); err != nil {
		return nil, err
	}
	for _, id := range slices.Concat(t.prefix, t.suffix) {
		if !t.has(id) {
			return nil, fmt.Errorf("post-processor adds id %d, which is not in the vocabulary", id)
		}
	}
	if err := t.nameSpecial(names); err != nil {
		return nil, err
	}
	components := []json.RawMessage{f.Normalizer, f.PreTokenizer, f.PostProcessor, f.Decoder}
	t.digest = sync.OnceValue(func() string { return t.sum(components) })
	return t, nil
}

// addTokens builds the table of tokens by id from the model's vocabulary and the added tokens.
func (t *Tokenizer) addTokens(vocab map[string]int32, list []addedToken, names names) error {
	if err := t.setTokens(vocab); err != nil {
		return err
	}
	var added []addedToken
	seen := map[string]bool{}
	add := func(a addedToken) error {
		if a.Content == "" || seen[a.Content] {
			return nil
		}
		if len(a.Content) > maxAddedToken {
			return fmt.Errorf("added token of %d bytes is longer than %d", len(a.Content), maxAddedToken)
		}
		// As HF does: a token keeps the model's id, or takes the next free one. A file that says
		// otherwise means ids that HF would not give.
		id, ok := t.model.id(a.Content)
		if !ok {
			id = int32(len(t.tokens))
		}
		if a.ID >= 0 && a.ID != id {
			return fmt.Errorf("added token %q has id %d where Hugging Face tokenizers give it %d", a.Content, a.ID, id)
		}
		if !ok {
			t.tokens, t.exists = append(t.tokens, a.Content), append(t.exists, true)
		}
		a.ID = id
		seen[a.Content] = true
		added = append(added, a)
		return nil
	}
	for _, a := range slices.Concat(list, names.added) {
		if err := add(a); err != nil {
			return err
		}
	}
	t.added = newAddedVocabulary(added, t.norm)
	return nil
}

// setTokens fills the table of tokens by id.
func (t *Tokenizer) setTokens(vocab map[string]int32) error {
	n := 0
	for token, id := range vocab {
		if id < 0 || int(id) >= len(vocab)+maxHoles {
			return fmt.Errorf("id %d of token %q is out of range", id, token)
		}
		n = max(n, int(id)+1)
	}
	t.tokens, t.exists = make([]string, n), make([]bool, n)
	for token, id := range vocab {
		if t.exists[id] {
			return fmt.Errorf("tokens %q and %q have the same id", min(token, t.tokens[id]), max(token, t.tokens[id]))
		}
		t.tokens[id], t.exists[id] = token, true
	}
	return nil
}

// parseModel sets the model and returns its vocabulary.
func (t *Tokenizer) parseModel(data json.RawMessage) (map[string]int32, error) {
	var head struct {
		Type   string          `json:"type"`
		Merges json.RawMessage `json:"merges"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if head.Type == "" && head.Merges != nil {
		head.Type = "BPE" // files from before models had a type
	}
	parse, ok := map[string]func(json.RawMessage) (map[string]int32, error){
		"BPE": t.parseBPE, "Unigram": t.parseUnigram, "WordPiece": t.parseWordPiece, "WordLevel": t.parseWordLevel,
	}[head.Type]
	if !ok {
		return nil, fmt.Errorf("model %q is not supported", head.Type)
	}
	vocab, err := parse(data)
	if err == nil && len(vocab) == 0 {
		err = errors.New("vocabulary is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", head.Type, err)
	}
	return vocab, nil
}

func (t *Tokenizer) parseUnigram(data json.RawMessage) (map[string]int32, error) {
	var v struct {
		typed
		UnkID        *int32       `json:"unk_id"`
		Vocab        []scoredJSON `json:"vocab"`
		ByteFallback bool         `json:"byte_fallback"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	tokens, scores := make([]string, len(v.Vocab)), make([]float64, len(v.Vocab))
	for i, s := range v.Vocab {
		tokens[i], scores[i] = s.token, s.score
	}
	unk := int32(-1)
	if v.UnkID != nil {
		if unk = *v.UnkID; unk < 0 || int(unk) >= len(tokens) {
			return nil, fmt.Errorf("unk_id %d is out of range", unk)
		}
	}
	v.Vocab = nil
	t.params = v
	m := newUnigram(tokens, scores, unk, v.ByteFallback)
	t.model = m
	return m.vocab, nil
}

// scoredJSON is a token with its log probability, written as an array of two.
type scoredJSON struct {
	token string
	score float64
}

func (s *scoredJSON) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	if len(raw) != 2 {
		return errors.New("token with its score has not two parts")
	}
	return errors.Join(json.Unmarshal(raw[0], &s.token), json.Unmarshal(raw[1], &s.score))
}

func (t *Tokenizer) parseWordPiece(data json.RawMessage) (map[string]int32, error) {
	v := struct {
		typed
		Unk     string           `json:"unk_token"`
		Prefix  string           `json:"continuing_subword_prefix"`
		MaxWord int              `json:"max_input_chars_per_word"`
		Vocab   map[string]int32 `json:"vocab"`
	}{Unk: "[UNK]", Prefix: "##", MaxWord: 100}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	unk, ok := v.Vocab[v.Unk]
	if !ok {
		return nil, fmt.Errorf("unknown token %q is not in the vocabulary", v.Unk)
	}
	vocab := v.Vocab
	v.Vocab = nil
	t.params, t.modelUnk = v, v.Unk
	t.model = newWordPiece(vocab, unk, v.Prefix, v.MaxWord)
	return vocab, nil
}

func (t *Tokenizer) parseWordLevel(data json.RawMessage) (map[string]int32, error) {
	var v struct {
		typed
		Unk   string           `json:"unk_token"`
		Vocab map[string]int32 `json:"vocab"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	m := &wordLevel{vocab: v.Vocab, unk: -1}
	if unk, ok := v.Vocab[v.Unk]; ok {
		m.unk = unk
	}
	v.Vocab = nil
	t.params, t.modelUnk = v, v.Unk
	t.model = m
	return m.vocab, nil
}
