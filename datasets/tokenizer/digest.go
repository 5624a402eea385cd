package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"slices"
)

// sum hashes everything that decides what the tokenizer does, each part with its length so that
// no two tokenizers write the same bytes.
func (t *Tokenizer) sum(components []json.RawMessage) string {
	h := sha256.New()
	write(h, []byte("cultivar tokenizer 1"))
	for _, data := range components {
		write(h, canonical(data))
	}
	params, _ := json.Marshal(t.params) // a struct of strings, numbers and booleans always marshals
	write(h, params)
	for id, token := range t.tokens {
		if t.exists[id] {
			write(h, binary.LittleEndian.AppendUint32(nil, uint32(id)))
			write(h, []byte(token))
		}
	}
	switch m := t.model.(type) {
	case *bpe:
		_ = binary.Write(h, binary.LittleEndian, m.order) // a hash takes every write
		if m.scores != nil {
			_ = binary.Write(h, binary.LittleEndian, m.scores)
		}
	case *unigram:
		_ = binary.Write(h, binary.LittleEndian, m.scores)
	}
	added, _ := json.Marshal(t.added.list)
	write(h, added)
	special, _ := json.Marshal([]any{t.special, t.stops})
	write(h, special)
	if t.added.split {
		write(h, []byte("split_special_tokens"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func write(h hash.Hash, data []byte) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(data))))
	h.Write(data)
}

// canonical returns JSON with sorted keys and no spaces; null and nothing are the same.
func canonical(data json.RawMessage) []byte {
	if absent(data) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return slices.Clone(data)
	}
	out, _ := json.Marshal(v)
	return out
}
