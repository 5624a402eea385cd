package tokenizer

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const tinyVocab = `{"<unk>": 0, "a": 1, "b": 2, "ab": 3, "<s>": 4}`

// tiny returns a tokenizer.json with a little BPE model and the given members.
func tiny(members map[string]string) []byte {
	all := map[string]json.RawMessage{"model": json.RawMessage(`{"type": "BPE", "vocab": ` + tinyVocab + `, "merges": ["a b"], "unk_token": "<unk>"}`)}
	for k, v := range members {
		all[k] = json.RawMessage(v)
	}
	data, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return data
}

// TestRefused holds that what is not known is refused, with its name in the error.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		members map[string]string
		want    string
	}{
		{map[string]string{"surprise": `1`}, `"surprise"`},
		{map[string]string{"normalizer": `{"type": "Precompiled", "precompiled_charsmap": ""}`}, `"Precompiled"`},
		{map[string]string{"normalizer": `{"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAABh"}`}, `do not end`},
		{map[string]string{"normalizer": `{"type": "NFC", "extra": 1}`}, `"extra"`},
		{map[string]string{"normalizer": `{"type": "Sequence", "normalizers": [{"type": "Sloppy"}]}`}, `"Sloppy"`},
		{map[string]string{"normalizer": `{"type": "Replace", "pattern": {"Regex": "(?<n>a)"}, "content": ""}`}, `group`},
		{map[string]string{"pre_tokenizer": `{"type": "UnicodeScripts"}`}, `"UnicodeScripts"`},
		{map[string]string{"pre_tokenizer": `{"type": "Split", "pattern": {"String": " "}, "behavior": "Sideways", "invert": false}`}, `"Sideways"`},
		{map[string]string{"pre_tokenizer": `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "last"}`}, `"last"`},
		{map[string]string{"decoder": `{"type": "CTC"}`}, `"CTC"`},
		{map[string]string{"post_processor": `{"type": "Other"}`}, `"Other"`},
		{map[string]string{"post_processor": `{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B", "type_id": 0}}], "pair": [], "special_tokens": {}}`}, `template`},
		{map[string]string{"post_processor": `{"type": "BertProcessing", "sep": ["x", 99], "cls": ["y", 0]}`}, `99`},
		{map[string]string{"model": `{"type": "Diffusion"}`}, `"Diffusion"`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}`}, `dropout`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}`}, `same id`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 2000000000}, "merges": []}`}, `out of range`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": -1}, "merges": []}`}, `out of range`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 0}, "merges": ["a c"]}`}, `merge 0`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 0}, "merges": ["a a"]}`}, `merge 0`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}`}, `two parts`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {}, "merges": []}`}, `empty`},
		{map[string]string{"model": `{"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "nope"}`}, `"nope"`},
		{map[string]string{"model": `{"type": "Unigram", "vocab": [["a", 0]], "unk_id": 7}`}, `7`},
		{map[string]string{"model": `{"type": "WordPiece", "vocab": {"a": 0}}`}, `[UNK]`},
		{map[string]string{"added_tokens": `[{"id": 9, "content": "new", "special": true}]`}, `"new"`},
		{map[string]string{"added_tokens": `[{"id": 5, "content": "` + strings.Repeat("x", 1000) + `"}]`}, `longer`},
	} {
		_, err := Parse(tiny(c.members), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want an error with %s", c.members, err, c.want)
		}
	}
	for _, bad := range []string{"", "{", "[]", "null", `{"model": 3}`, `{} {}`} {
		if _, err := Parse([]byte(bad), nil); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestNames(t *testing.T) {
	tok, err := Parse(tiny(nil), []byte(`{"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>", "pad_token": null,
		"added_tokens_decoder": {"5": {"content": "</s>", "special": true}}, "additional_special_tokens": ["<x>"]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Special{BOS: Named{"<s>", 4, true}, EOS: Named{"</s>", 5, true}, UNK: Named{"<unk>", 0, true}}
	if got := tok.Special(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if names := tok.Names(); !maps.Equal(names, map[string]string{"bos_token": "<s>", "eos_token": "</s>"}) {
		t.Errorf("got names %v", names)
	}
	if got := tok.Encode("<s>ab</s><x>", false); !slices.Equal(got, []int32{4, 3, 5, 6}) {
		t.Errorf("got %v", got)
	}
	if n := tok.VocabSize(); n != 7 || tok.Token(6) != "<x>" || tok.Token(7) != "" || tok.Token(-1) != "" || !tok.IsSpecial(5) || tok.IsSpecial(3) {
		t.Errorf("size %d, token 6 %q", n, tok.Token(6))
	}
	if id, ok := tok.ID("ab"); id != 3 || !ok {
		t.Errorf("ab has id %d, %v", id, ok)
	}
	if id, ok := tok.ID("nope"); ok {
		t.Errorf("nope has id %d", id)
	}
	if got := tok.Decode([]int32{4, 3, 99, -7, 5}, true); got != "ab" {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{`{"bos_token": 3}`, `{"added_tokens_decoder": {"x": {"content": "a"}}}`, `{"added_tokens_decoder": {"9": {"content": "new"}}}`, `[`} {
		if _, err := Parse(tiny(nil), []byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// TestSplitSpecial: a base may say that texts hold no special tokens, which chat templates then write
// as text too (transformers sets tokenizers' encode_special_tokens).
func TestSplitSpecial(t *testing.T) {
	file := tiny(map[string]string{"added_tokens": `[{"id": 4, "content": "<s>", "special": true}, {"id": 3, "content": "ab"}]`})
	for config, want := range map[string][]int32{
		`{"bos_token": "<s>"}`:                                {4, 1, 3},
		`{"bos_token": "<s>", "split_special_tokens": true}`:  {0, 0, 0, 1, 3},
		`{"bos_token": "<s>", "split_special_tokens": false}`: {4, 1, 3},
	} {
		tok, err := Parse(file, []byte(config))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode("<s>aab", false); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", config, got, want)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]?{c}") // no pattern
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); err == nil {
		t.Error("an empty directory is accepted")
	}
	put("vocab.json", `{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}`)
	put("merges.txt", "#version: 0.2\na b\n")
	tok := mustOpen(t, dir)
	if got := tok.Encode("ab<|endoftext|>", true); !slices.Equal(got, []int32{2, 3}) || tok.Special().EOS.ID != 3 || !slices.Equal(tok.Stops(), []int32{3}) {
		t.Errorf("got %v, %+v", got, tok.Special())
	}
	put("tokenizer.json", string(tiny(nil)))
	put("special_tokens_map.json", `{"eos_token": "<s>"}`)
	put("generation_config.json", `{"eos_token_id": [3, 4], "bos_token_id": 4, "pad_token_id": 99}`)
	tok = mustOpen(t, dir)
	if s := tok.Special(); s.EOS.ID != 4 || s.BOS.ID != 4 || s.PAD.OK || !slices.Equal(tok.Stops(), []int32{4, 3}) {
		t.Errorf("got %+v, stops %v", s, tok.Stops())
	}
}

func TestDigest(t *testing.T) {
	digest := func(tokenizer, config string) string {
		tok, err := Parse([]byte(tokenizer), []byte(config))
		if err != nil {
			t.Fatal(err)
		}
		return tok.Digest()
	}
	base := digest(string(tiny(nil)), "")
	for _, same := range []string{
		string(tiny(map[string]string{"truncation": `{"max_length": 3}`, "normalizer": "null", "version": `"1.0"`})),
		string(tiny(map[string]string{"model": `{"merges": [["a", "b"]], "unk_token": "<unk>", "vocab": {"b": 2, "a": 1, "<s>": 4, "ab": 3, "<unk>": 0}, "type": "BPE"}`})),
	} {
		if got := digest(same, ""); got != base {
			t.Errorf("%s\nhas another digest", same)
		}
	}
	seen := map[string]bool{base: true}
	for _, other := range [][2]string{
		{string(tiny(map[string]string{"normalizer": `{"type": "NFC"}`})), ""},
		{string(tiny(map[string]string{"added_tokens": `[{"id": 4, "content": "<s>", "special": true}]`})), ""},
		{string(tiny(map[string]string{"added_tokens": `[{"id": 4, "content": "<s>"}]`})), ""},
		{string(tiny(map[string]string{"model": `{"type": "BPE", "vocab": ` + tinyVocab + `, "merges": [], "unk_token": "<unk>"}`})), ""},
		{string(tiny(map[string]string{"model": `{"type": "BPE", "vocab": ` + tinyVocab + `, "merges": ["a b"], "unk_token": "<unk>", "fuse_unk": true}`})), ""},
		{string(tiny(nil)), `{"eos_token": "<s>"}`},
		{string(tiny(nil)), `{"split_special_tokens": true}`},
	} {
		d := digest(other[0], other[1])
		if seen[d] {
			t.Errorf("%v: same digest as another", other)
		}
		seen[d] = true
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range madeCases(f) {
		if len(c.Tokenizer) < 20_000 {
			f.Add([]byte(c.Tokenizer), []byte(`{"bos_token": "<s>"}`))
		}
	}
	f.Add(tiny(nil), []byte(`{"added_tokens_decoder": {"5": {"content": "x", "rstrip": true}}}`))
	f.Add(tiny(map[string]string{"pre_tokenizer": `{"type": "Split", "pattern": {"Regex": "(?i:ab)+|[^a-c]{2,3}?(?=x)"}, "behavior": "Isolated", "invert": false}`}), []byte(`{}`))
	f.Fuzz(func(t *testing.T, tokenizer, config []byte) {
		if len(tokenizer) > 64<<10 {
			return
		}
		tok, err := Parse(tokenizer, config)
		if err != nil {
			return
		}
		for _, text := range []string{"ab <s> aab\n  x", "é\u0301 中 \xff\xfe", ""} {
			checkSpans(t, tok, text)
			ids := tok.Encode(text, true)
			tok.Decode(ids, true)
			for _, id := range ids {
				if !tok.has(id) {
					t.Fatalf("id %d is not in the vocabulary", id)
				}
			}
		}
		tok.Digest()
	})
}

func FuzzPattern(f *testing.F) {
	for expr := range scanners {
		f.Add(expr, "Hello  there,\n\nit's 12345")
	}
	f.Add(`(?:a|b)+?c*(?!d)[^x-z]{1,3}|\p{L}++`, "abcabcaaad")
	f.Fuzz(func(t *testing.T, expr, text string) {
		p, err := compileProgram(expr)
		if err != nil || len(text) > 1000 {
			return
		}
		last := 0
		p.matches(text, func(i, j int) {
			if i < last || j < i || j > len(text) {
				t.Fatalf("match %d to %d after %d", i, j, last)
			}
			last = j
		})
	})
}

// FuzzRoundTrip holds that byte-level tokenizers without normalizer lose nothing.
func FuzzRoundTrip(f *testing.F) {
	tok, spm := parseFile(f, "llama3.json"), parseFile(f, "llama2.json")
	for _, s := range []string{"Hello, world!", " a  b\n\n", "🙂é\u0301", "<|eot_id|>x", "1234567"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			tok.Encode(text, true) // must not panic
			spm.Encode(text, true)
			return
		}
		if got := tok.Decode(tok.Encode(text, false), false); got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
		checkSpans(t, tok, text)
		checkSpans(t, spm, text)
	})
}
