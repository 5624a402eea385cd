package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// blueprint is a tokenizer before it is built. Every kind of file comes down to one: components as
// tokenizer.json writes them, and a model. What a format has and tokenizer.json has not is a
// component of its own, which the digest sees by its parameters.
type blueprint struct {
	normalizer, preTokenizer, postProcessor, decoder json.RawMessage

	norm  *spmNormalizer // in the place of normalizer
	model func(*Tokenizer) (map[string]int32, error)
	added []addedToken
	names names
	wrap  *wrap // in the place of postProcessor
}

// wrap says which named tokens go around a text.
type wrap struct{ bos, eos, sep bool }

// configure lets tokenizer_config.json have its way.
func (w *wrap) configure(c tokenizerConfig) {
	if c.AddBOS != nil {
		w.bos = *c.AddBOS
	}
	if c.AddEOS != nil {
		w.eos = *c.AddEOS
	}
}

// set fills in what goes around a text, and returns that for the digest.
func (w *wrap) set(t *Tokenizer) (json.RawMessage, error) {
	for _, x := range []struct {
		on   bool
		name string
		ids  *[]int32
	}{{w.bos, "bos_token", &t.prefix}, {w.sep, "sep_token", &t.suffix}, {w.eos, "eos_token", &t.suffix}} {
		if !x.on {
			continue
		}
		id, ok := t.ID(t.names[x.name])
		if !ok {
			return nil, fmt.Errorf("%s is to be added to texts, and there is none", x.name)
		}
		*x.ids = append(*x.ids, id)
	}
	return component(object{"type": "wrap", "before": t.prefix, "after": t.suffix}), nil
}

func (b blueprint) build() (*Tokenizer, error) {
	t := &Tokenizer{}
	if err := b.setComponents(t); err != nil {
		return nil, err
	}
	p, err := parsePost(b.postProcessor)
	if err != nil {
		return nil, err
	}
	t.prefix, t.suffix = p.prefix, p.suffix
	vocab, err := b.model(t)
	if err != nil {
		return nil, err
	}
	if err := t.addTokens(vocab, b.added, b.names); err != nil {
		return nil, err
	}
	for _, id := range slices.Concat(t.prefix, t.suffix) {
		if !t.has(id) {
			return nil, fmt.Errorf("post-processor adds id %d, which is not in the vocabulary", id)
		}
	}
	if err := t.nameSpecial(b.names); err != nil {
		return nil, err
	}
	if b.wrap != nil {
		if b.postProcessor, err = b.wrap.set(t); err != nil {
			return nil, err
		}
	}
	components := []json.RawMessage{b.normalizer, b.preTokenizer, b.postProcessor, b.decoder}
	t.digest = sync.OnceValue(func() string { return t.sum(components) })
	return t, nil
}

func (b *blueprint) setComponents(t *Tokenizer) (err error) {
	for _, data := range []json.RawMessage{b.normalizer, b.preTokenizer, b.postProcessor, b.decoder} {
		if err := checkNesting(data); err != nil {
			return err
		}
	}
	if b.norm != nil {
		t.norm = b.norm
		b.normalizer = b.norm.describe()
	} else if t.norm, err = parseNormalizer(b.normalizer); err != nil {
		return err
	}
	if t.pre, err = parsePreTokenizer(b.preTokenizer); err != nil {
		return err
	}
	if t.decode, err = parseDecoder(b.decoder); err != nil {
		return err
	}
	return t.checkGrowth()
}

// addTokens builds the table of tokens by id from the model's vocabulary and the added tokens.
func (t *Tokenizer) addTokens(vocab map[string]int32, list []addedToken, names names) error {
	if err := t.setTokens(vocab); err != nil {
		return err
	}
	var added []addedToken
	seen := map[string]bool{}
	for _, a := range slices.Concat(list, names.added) {
		if a.Content == "" || seen[a.Content] {
			continue
		}
		id, err := t.addToken(a)
		if err != nil {
			return err
		}
		a.ID = id
		seen[a.Content] = true
		added = append(added, a)
	}
	t.added = newAddedVocabulary(added, t.norm)
	t.added.split = names.config.SplitSpecial
	t.setRaw()
	return nil
}

// addToken gives an added token its id as HF does: the model's, or the next free one. A file that
// says otherwise means ids that HF would not give.
func (t *Tokenizer) addToken(a addedToken) (int32, error) {
	if len(a.Content) > maxAddedToken {
		return 0, fmt.Errorf("added token of %d bytes is longer than %d", len(a.Content), maxAddedToken)
	}
	id, ok := t.model.id(a.Content)
	if !ok {
		id = int32(len(t.tokens))
	}
	if a.ID >= 0 && a.ID != id {
		return 0, fmt.Errorf("added token %q has id %d where Hugging Face tokenizers give it %d", a.Content, a.ID, id)
	}
	if !ok {
		t.tokens, t.exists = append(t.tokens, a.Content), append(t.exists, true)
	}
	return id, nil
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
