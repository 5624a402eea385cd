package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

const tinyModel = `"model":{"type":"BPE","unk_token":null,"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}`

// sequenceOf is a component of n equal parts.
func sequenceOf(key, part string, n int) string {
	return `{"type":"Sequence","` + key + `":[` + strings.Repeat(part+",", n-1) + part + `]}`
}

func nest(key string, depth int) string {
	return strings.Repeat(`{"type":"Sequence","`+key+`":[`, depth) + strings.Repeat(`]}`, depth)
}

// TestGrowth holds that what components make of a text is bounded when they are read.
func TestGrowth(t *testing.T) {
	ten := `{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"}`
	regex := `{"type":"Replace","pattern":{"Regex":"[a-z]"},"content":"aaaaaaaaaa"}`
	byteLevel := `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false}`
	metaspace := `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`
	template := func(n int) string {
		return `{"type":"TemplateProcessing","single":[` + strings.Repeat(`{"SpecialToken":{"id":"a","type_id":0}},`, n) +
			`{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"a":{"id":"a","ids":[0,0,0,0],"tokens":["a"]}}}`
	}
	for name, c := range map[string]struct {
		components string
		ok         bool
	}{
		"a few replacements":   {`"normalizer":` + sequenceOf("normalizers", ten, 3), true},
		"nine replacements":    {`"normalizer":` + sequenceOf("normalizers", ten, 9), false},
		"nine by pattern":      {`"normalizer":` + sequenceOf("normalizers", regex, 9), false},
		"long prefixes":        {`"normalizer":` + sequenceOf("normalizers", `{"type":"Prepend","prepend":"`+strings.Repeat("x", 400)+`"}`, 20), false},
		"one long replacement": {`"normalizer":{"type":"Replace","pattern":{"String":"a"},"content":"` + strings.Repeat("x", 5000) + `"}`, false},
		"bytes of bytes":       {`"normalizer":` + sequenceOf("normalizers", `{"type":"ByteLevel"}`, 20), false},
		"cut bytes of bytes":   {`"pre_tokenizer":` + sequenceOf("pretokenizers", byteLevel, 20), false},
		"spaces":               {`"pre_tokenizer":` + sequenceOf("pretokenizers", metaspace, 20), false},
		"one of each":          {`"normalizer":` + sequenceOf("normalizers", `{"type":"NFKC"}`, 1) + `,"pre_tokenizer":` + metaspace, true},
		"normalizers in all":   {`"normalizer":` + sequenceOf("normalizers", sequenceOf("normalizers", `{"type":"NFC"}`, 20), 20), false},
		"too many splits":      {`"pre_tokenizer":` + sequenceOf("pretokenizers", `{"type":"Whitespace"}`, 1000), false},
		"decoders":             {`"decoder":` + sequenceOf("decoders", ten, 9), false},
		"decoder of bytes":     {`"decoder":` + sequenceOf("decoders", `{"type":"ByteFallback"}`, 40), true},
		"deep normalizers":     {`"normalizer":` + nest("normalizers", 4000), false},
		"deep pre-tokenizers":  {`"pre_tokenizer":` + nest("pretokenizers", 4000), false},
		"deep decoders":        {`"decoder":` + nest("decoders", 4000), false},
		"deep processors":      {`"post_processor":` + nest("processors", 4000), false},
		"nested as some are":   {`"pre_tokenizer":` + nest("pretokenizers", 8), true},
		"a template":           {`"post_processor":` + template(2), true},
		"a long template":      {`"post_processor":` + template(1000), false},
		"templates":            {`"post_processor":` + sequenceOf("processors", template(200), 20), false},
	} {
		file := []byte(`{"version":"1.0",` + c.components + `,` + tinyModel + `}`)
		var err error
		got := testkit.Allocated(func() { _, err = Parse(file, nil) })
		if bound := 64*uint64(len(file)) + 8<<20; got > bound {
			t.Errorf("%s: %d bytes are made of %d, want at most %d", name, got, len(file), bound)
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGrowthIsAnUpperBound holds the forecast against what happens.
func TestGrowthIsAnUpperBound(t *testing.T) {
	texts := append(scanTexts()[:200], "\ufdfa", "\u0390", "\U0001d160", "İȺ", "aaa", strings.Repeat("\xff", 9), "do not", " ")
	replace := func(old, text string) string {
		return fmt.Sprintf(`{"type":"Replace","pattern":{"String":%q},"content":%q}`, old, text)
	}
	for _, parts := range []string{
		`{"type":"NFKD"}`, `{"type":"NFD"}`, `{"type":"NFC"}`, `{"type":"Lowercase"},` + replace("a", "aaaaa"),
		replace("ab", "abab") + "," + replace("b", "xyz"), replace(" ", "▁") + "," + replace("▁", "  "),
		`{"type":"Prepend","prepend":"▁"},` + replace("▁", "abc"), `{"type":"NFKC"},` + replace(" ", "▁▁"), `{"type":"ByteLevel"},{"type":"ByteLevel"}`,
		`{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},` + replace(" ", "---"),
		`{"type":"Replace","pattern":{"Regex":"\\s|x*"},"content":"<>"},` + replace("<", "<<"),
	} {
		tok, err := Parse([]byte(`{"version":"1.0","normalizer":{"type":"Sequence","normalizers":[`+parts+`]},`+tinyModel+`}`), nil)
		if err != nil {
			t.Fatal(parts, err)
		}
		g := newGrowth()
		tok.norm.grow(g)
		for _, s := range texts {
			if got := tok.norm.normalize(piece{s: s}).s; float64(len(got)) > g.worst()*float64(max(len(s), 1)) {
				t.Errorf("%s makes %d bytes of %q, forecast are %v for one", parts, len(got), s, g.worst())
			}
		}
	}
	for _, parts := range []string{
		replace("a", "aa") + `,{"type":"ByteFallback"},{"type":"Fuse"},` + replace("\ufffd", "1234567890"), `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`,
		`{"type":"WordPiece","prefix":"##","cleanup":true},` + replace("'", "12345678"), `{"type":"BPEDecoder","suffix":"a"},` + replace(" ", "12345"),
	} {
		list, err := parseDecoder(json.RawMessage(`{"type":"Sequence","decoders":[` + parts + `]}`))
		if err != nil {
			t.Fatal(parts, err)
		}
		g := newGrowth()
		g.cut = true
		for _, d := range slices.Backward(list) {
			d.grow(g)
		}
		for _, s := range append(texts, "<0xFF>", "do not") {
			tokens := []string{s, s, s}
			for _, d := range list {
				tokens = d.decode(tokens)
			}
			if got := strings.Join(tokens, ""); float64(len(got)) > g.worst()*float64(max(3*len(s), 1)) {
				t.Errorf("%s makes %d bytes of %q thrice, forecast are %v for one", parts, len(got), s, g.worst())
			}
		}
	}
}

// TestSpacesAroundTokens: tokens that take the white space around them do not go through it again for each of them.
func TestSpacesAroundTokens(t *testing.T) {
	for _, strip := range []string{`"lstrip":true,"rstrip":false`, `"lstrip":false,"rstrip":true`} {
		tok, err := Parse([]byte(`{"version":"1.0","added_tokens":[{"id":3,"content":"  ","single_word":false,`+strip+`,"normalized":false,"special":false}],`+tinyModel+`}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		within(t, strip, func() { tok.Encode(strings.Repeat(" ", 1<<19), false) })
	}
}
