package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
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
	return blueprint{
		normalizer: f.Normalizer, preTokenizer: f.PreTokenizer, postProcessor: f.PostProcessor, decoder: f.Decoder,
		model: func(t *Tokenizer) (map[string]int32, error) { return t.parseModel(f.Model) },
		added: f.AddedTokens, names: names,
	}.build()
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
		if len(s.token) > maxPiece {
			return nil, fmt.Errorf("token %d is longer than %d bytes", i, maxPiece)
		}
	}
	unk := int32(-1)
	if v.UnkID != nil {
		if unk = *v.UnkID; unk < 0 || int(unk) >= len(tokens) {
			return nil, fmt.Errorf("unk_id %d is out of range", unk)
		}
	}
	v.Vocab = nil
	t.params = v
	m := newUnigram(tokens, scores, nil, lowest(scores), unk, v.ByteFallback)
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
	score, err := tokenizerFloat(string(raw[1]))
	if err != nil {
		return err
	}
	s.score = score
	return json.Unmarshal(raw[0], &s.token)
}

// wordPieceJSON is the model WordPiece.
type wordPieceJSON struct {
	typed
	Unk     string           `json:"unk_token"`
	Prefix  string           `json:"continuing_subword_prefix"`
	MaxWord int              `json:"max_input_chars_per_word"`
	Vocab   map[string]int32 `json:"vocab"`
}

// maxWordPieceWord is tokenizers' max_input_chars_per_word where a file has none.
const maxWordPieceWord = 100

func (t *Tokenizer) parseWordPiece(data json.RawMessage) (map[string]int32, error) {
	v := wordPieceJSON{Unk: "[UNK]", Prefix: "##", MaxWord: maxWordPieceWord}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	return t.setWordPiece(v)
}

func (t *Tokenizer) setWordPiece(v wordPieceJSON) (map[string]int32, error) {
	unk, ok := v.Vocab[v.Unk]
	if !ok {
		return nil, fmt.Errorf("unknown token %q is not in the vocabulary", v.Unk)
	}
	for token := range v.Vocab {
		if len(token) > maxPiece {
			return nil, fmt.Errorf("token of %d bytes is longer than %d", len(token), maxPiece)
		}
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
