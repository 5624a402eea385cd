package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// rawTokenizers are tokenizers that encode text as it is given, by name: one for each way to say
// that spaces become visible, and for each way to normalize before Unigram.
func rawTokenizers(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	var made struct {
		Normalizer struct{ Normalizers []json.RawMessage }
	}
	if err := json.Unmarshal(readCases(t, "testdata/precompiled.json.gz")[0].Tokenizer, &made); err != nil {
		t.Fatal(err)
	}
	charsmap := string(made.Normalizer.Normalizers[0])
	const (
		replace   = `{"type":"Replace","pattern":{"String":" "},"content":"▁"}`
		llama     = `{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},` + replace + `]}`
		split     = `{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}`
		metaspace = `{"type":"Metaspace","replacement":"▁","prepend_scheme":%q,"split":%t}`
		squeeze   = `{"type":"Replace","pattern":{"Regex":" {2,}"},"content":%q}`
		bpe       = `{"type":"BPE","unk_token":"?","fuse_unk":true,"vocab":{"?":0,"▁":1,"a":2,"b":3,"é":4,"\n":5,"▁a":6,"ab":7,"▁▁":8,"▁ab":9,"-":10,"--":11},
			"merges":[["▁","a"],["a","b"],["▁","▁"],["▁","ab"],["-","-"]]}`
		unigram = `{"type":"Unigram","unk_id":0,"vocab":[["?",0],["▁",-2],["a",-3],["b",-3.5],["é",-4],["\n",-4],["▁a",-2.5],["ab",-4],["-",-5],["--",-6],["e",-4]]}`
	)
	all := map[string]*Tokenizer{}
	for _, c := range []struct {
		name, norm, pre, model string
		size                   int
	}{
		{"llama", llama, "null", bpe, 12},
		{"gemma", replace, split, bpe, 12},
		{"llama, metaspace", "null", fmt.Sprintf(metaspace, "first", false), bpe, 12},
		{"always", "null", fmt.Sprintf(metaspace, "always", false), bpe, 12},
		{"unigram", "null", fmt.Sprintf(metaspace, "always", true), unigram, 11},
		{"first", "null", fmt.Sprintf(metaspace, "first", true), unigram, 11},
		{"never", "null", fmt.Sprintf(metaspace, "never", true), unigram, 11},
		{"squeezed", fmt.Sprintf(squeeze, "▁"), fmt.Sprintf(metaspace, "always", true), unigram, 11},
		{"charsmap", charsmap, fmt.Sprintf(metaspace, "always", true), unigram, 11},
		{"charsmap, squeezed", `{"type":"Sequence","normalizers":[` + charsmap + "," + fmt.Sprintf(squeeze, " ") + "]}", fmt.Sprintf(metaspace, "always", true), unigram, 11},
	} {
		tok, err := Parse([]byte(fmt.Sprintf(`{"version":"1.0","added_tokens":[{"id":%d,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
			"normalizer":%s,"pre_tokenizer":%s,"post_processor":null,"decoder":null,"model":%s}`, c.size, c.norm, c.pre, c.model)), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if tok.raw == nil {
			t.Errorf("%s takes the long way", c.name)
		}
		all[c.name] = tok
	}
	return all
}

// checkRaw holds a text's ids to those of the long way.
func checkRaw(t *testing.T, name string, tok *Tokenizer, text string) {
	t.Helper()
	long := *tok
	long.raw = nil
	if got, want := tok.Encode(text, false), long.Encode(text, false); !slices.Equal(got, want) {
		t.Errorf("%s: %q is %v, the long way %v", name, text, got, want)
	}
}

func TestRaw(t *testing.T) {
	parts := []string{
		" ", " ", "  ", "a", "a", "b", "ab", "-", "\n", "\r", "\r\n", "\t", "é", "e", "\u0301", "\u00a0", "\u3000", "▁", "\u200b",
		"\x00", "\x01", "\xff", "\u0600", "的", "ﬁ", "<x>", "aaaabbbbaaaabbbbaaaa", strings.Repeat("-", 130),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for name, tok := range rawTokenizers(t) {
		for range 4000 {
			var text strings.Builder
			for range 1 + rng.IntN(9) {
				text.WriteString(parts[rng.IntN(len(parts))])
			}
			checkRaw(t, name, tok, text.String())
		}
	}
}

func FuzzRaw(f *testing.F) {
	all := rawTokenizers(f)
	f.Add("a  b\r\n\u00a0e\u0301 <x> ▁ab\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for name, tok := range all {
			checkRaw(t, name, tok, text)
		}
	})
}
