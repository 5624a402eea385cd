package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Named is a special token that has a name. OK is false when the tokenizer has none of that name.
type Named struct {
	Token string
	ID    int32
	OK    bool
}

// Special holds the named tokens a trainer needs.
type Special struct {
	BOS, EOS, PAD, UNK Named
}

// names is what tokenizer_config.json and its companions say.
type names struct {
	tokens map[string]string // "bos_token" → "<s>"
	added  []addedToken      // tokens to add when tokenizer.json lacks them; ID -1: whatever is free
	stops  []int32           // generation_config.json's eos_token_id
	bos    []int32           // the same of bos_token_id and pad_token_id
	pad    []int32
	config tokenizerConfig
}

// tokenizerConfig is what tokenizer_config.json says. All but SplitSpecial is for vocabularies that
// are not tokenizer.json, which says it itself; nil is the default of the kind of vocabulary.
type tokenizerConfig struct {
	SplitSpecial   bool   `json:"split_special_tokens"` // texts hold no special tokens, whatever they spell
	Class          string `json:"tokenizer_class"`
	AddBOS         *bool  `json:"add_bos_token"`
	AddEOS         *bool  `json:"add_eos_token"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	Legacy         *bool  `json:"legacy"`
}

// fallback names a token that the configuration leaves without a name.
func (n *names) fallback(name, token string) {
	if n.tokens[name] == "" && token != "" {
		n.tokens[name] = token
	}
}

// namedTokens are the names that HF gives tokens, in the order in which it adds them.
var namedTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// tokenJSON is a token written as a string, or as an object with its content; null is none.
type tokenJSON struct {
	content string
	token   addedToken
}

func (t *tokenJSON) UnmarshalJSON(data []byte) error {
	t.token = addedToken{ID: -1, Special: true}
	if len(data) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &t.token); err != nil {
			return err
		}
		t.token.ID, t.token.Special = -1, true
		t.content = t.token.Content
		return nil
	}
	err := json.Unmarshal(data, &t.content)
	t.token.Content = t.content
	return err
}

// parseNames reads tokenizer_config.json or special_tokens_map.json.
func parseNames(data []byte) (names, error) {
	n := names{tokens: map[string]string{}}
	if len(data) == 0 {
		return n, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return n, err
	}
	var list []addedToken
	for _, name := range namedTokens {
		var t tokenJSON
		if v, ok := raw[name]; !ok || string(v) == "null" {
			continue
		} else if err := json.Unmarshal(v, &t); err != nil {
			return n, fmt.Errorf("%s: %w", name, err)
		}
		if t.content != "" {
			n.tokens[name] = t.content
			list = append(list, t.token)
		}
	}
	if err := json.Unmarshal(data, &n.config); err != nil {
		return n, err
	}
	extra, err := extraTokens(raw)
	if err != nil {
		return n, err
	}
	decoder, err := decoderTokens(raw["added_tokens_decoder"])
	n.added = slices.Concat(decoder, list, extra)
	return n, err
}

// extraTokens reads additional_special_tokens, which newer files call extra_special_tokens and may
// write as an object by name.
func extraTokens(raw map[string]json.RawMessage) ([]addedToken, error) {
	var out []addedToken
	for _, key := range []string{"additional_special_tokens", "extra_special_tokens"} {
		v, ok := raw[key]
		if !ok || string(v) == "null" {
			continue
		}
		var list []tokenJSON
		if len(v) > 0 && v[0] == '{' {
			var byName map[string]tokenJSON
			if err := json.Unmarshal(v, &byName); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			for _, name := range slices.Sorted(maps.Keys(byName)) {
				list = append(list, byName[name])
			}
		} else if err := json.Unmarshal(v, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		for _, t := range list {
			out = append(out, t.token)
		}
	}
	return out, nil
}

// decoderTokens reads added_tokens_decoder: added tokens by id.
func decoderTokens(data json.RawMessage) ([]addedToken, error) {
	if absent(data) {
		return nil, nil
	}
	var byID map[string]addedToken
	if err := json.Unmarshal(data, &byID); err != nil {
		return nil, fmt.Errorf("added_tokens_decoder: %w", err)
	}
	var list []addedToken
	for key, a := range byID {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("added_tokens_decoder: bad id %q", key)
		}
		a.ID = int32(id)
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b addedToken) int { return int(a.ID) - int(b.ID) })
	return list, nil
}

// parseGeneration adds the ids of generation_config.json.
func (n *names) parseGeneration(data []byte) error {
	var v struct {
		BOS idsJSON `json:"bos_token_id"`
		EOS idsJSON `json:"eos_token_id"`
		PAD idsJSON `json:"pad_token_id"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	n.bos, n.stops, n.pad = v.BOS, v.EOS, v.PAD
	return nil
}

// idsJSON is an id, a list of ids, or null.
type idsJSON []int32

func (l *idsJSON) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]int32)(l))
	}
	var id *int32
	if err := json.Unmarshal(data, &id); err != nil {
		return err
	}
	if id != nil {
		*l = idsJSON{*id}
	}
	return nil
}

// nameSpecial resolves the names. A name that only generation_config.json gives counts too.
func (t *Tokenizer) nameSpecial(n names) error {
	find := func(name, fallback string, ids []int32) (Named, error) {
		token := n.tokens[name]
		if token == "" && len(ids) > 0 && t.has(ids[0]) {
			token = t.tokens[ids[0]]
		}
		if token == "" {
			token = fallback
		}
		if token == "" {
			return Named{}, nil
		}
		id, ok := t.ID(token)
		if !ok {
			return Named{}, fmt.Errorf("%s %q is not in the vocabulary", name, token)
		}
		return Named{token, id, true}, nil
	}
	var err error
	if t.special.BOS, err = find("bos_token", "", n.bos); err != nil {
		return err
	}
	if t.special.EOS, err = find("eos_token", "", n.stops); err != nil {
		return err
	}
	if t.special.PAD, err = find("pad_token", "", n.pad); err != nil {
		return err
	}
	unk := t.modelUnk
	if _, known := t.ID(unk); !known {
		unk = ""
	}
	if t.special.UNK, err = find("unk_token", unk, nil); err != nil {
		return err
	}
	t.names = n.tokens
	if e := t.special.EOS; e.OK {
		t.stops = append(t.stops, e.ID)
	}
	for _, id := range n.stops {
		if t.has(id) && !slices.Contains(t.stops, id) {
			t.stops = append(t.stops, id)
		}
	}
	return nil
}

// Names returns the named tokens by HF's names, such as "bos_token", as chat templates see them.
// The map is a copy.
func (t *Tokenizer) Names() map[string]string { return maps.Clone(t.names) }

// Stops returns the ids that end a generated text: EOS first, then the others that
// generation_config.json lists.
func (t *Tokenizer) Stops() []int32 { return slices.Clone(t.stops) }
