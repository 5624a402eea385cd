package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// spmCase is a small model with what SentencePiece makes of some texts, made by testdata/spm.py.
type spmCase struct {
	Name    string
	Model   []byte
	Vectors []struct {
		Text string
		IDs  []int32
	}
}

func readGzip(t testing.TB, path string, v any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatal(err)
	}
}

func TestSentencePiece(t *testing.T) {
	var cases []spmCase
	readGzip(t, "testdata/spm.json.gz", &cases)
	off := false
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			// SentencePiece itself puts no space after symbols.
			tok, err := fromSPM(c.Model, names{tokens: map[string]string{}, config: tokenizerConfig{Legacy: &off}})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.Vectors {
				if got := tok.Encode(v.Text, false); !slices.Equal(got, v.IDs) {
					t.Errorf("%q\n got %v\nwant %v", v.Text, got, v.IDs)
				}
				checkSpans(t, tok, v.Text)
			}
		})
	}
}

func TestSentencePieceRefused(t *testing.T) {
	piece := func(text string, kind byte) []byte {
		body := append([]byte{1<<3 | wireBytes, byte(len(text))}, text...)
		body = append(body, 3<<3|wireVarint, kind)
		return append([]byte{1<<3 | wireBytes, byte(len(body))}, body...)
	}
	unk, a := piece("<unk>", pieceUnknown), piece("a", pieceNormal)
	spec := func(kind byte) []byte { return []byte{2<<3 | wireBytes, 2, 3<<3 | wireVarint, kind} }
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "empty"},
		{[]byte{0xff}, "cut short"},
		{[]byte{1<<3 | wireBytes, 9, 1}, "cut short"},
		{[]byte{1<<3 | 3}, "not known"},
		{[]byte{0, 0}, "field number"},
		{[]byte{1<<3 | wireVarint, 1}, "another type"},
		{a, "no unknown"},
		{slices.Concat(unk, unk), "both"},
		{slices.Concat(unk, piece("b", pieceUnknown)), "two unknown"},
		{slices.Concat(unk, piece("", pieceNormal)), "is empty"},
		{slices.Concat(unk, piece("b", 9)), "unknown type"},
		{slices.Concat(unk, a, spec(3)), "model type 3"},
		{slices.Concat(unk, piece("b", pieceUnused), spec(2)), "unused"},
		{unk, "normal type"},
		{slices.Concat(unk, a, []byte{3<<3 | wireBytes, 4, 2<<3 | wireBytes, 2, 1, 2}), "charsmap"},
	} {
		_, err := fromSPM(c.data, names{tokens: map[string]string{}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want an error with %s", c.data, err, c.want)
		}
	}
}

// TestSentencePieceOptions holds what tokenizer_config.json changes.
func TestSentencePieceOptions(t *testing.T) {
	var cases []spmCase
	readGzip(t, "testdata/spm.json.gz", &cases)
	open := func(config string) *Tokenizer {
		t.Helper()
		n, err := parseNames([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := fromSPM(cases[0].Model, n)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	for _, c := range []struct{ config, text, want string }{
		{`{}`, "a<sep>a", "<s> ▁a <sep> ▁a"},
		{`{"legacy": false}`, "a<sep>a", "<s> ▁a <sep> a"},
		{`{"add_bos_token": false, "add_eos_token": true}`, "a", "▁a </s>"},
		{`{"add_prefix_space": false}`, "a", "<s> a"},
		{`{"added_tokens_decoder": {"3": {"content": "<turn>", "special": true}}}`, "a<turn>", "<s> ▁a <turn>"},
	} {
		tok := open(c.config)
		var got []string
		for _, id := range tok.Encode(c.text, true) {
			got = append(got, tok.Token(id))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.config, got, c.want)
		}
	}
	if s := open(`{}`).Special(); s.BOS.ID != 1 || s.EOS.ID != 2 || s.UNK.ID != 0 || s.PAD.OK {
		t.Errorf("got %+v", s)
	}
	if a, b := open(`{}`).Digest(), open(`{"legacy": false}`).Digest(); a == b {
		t.Error("the place of the first space is not in the digest")
	}
}

// TestAbsent holds that characters that are no pieces merge to pieces that have them, and are bytes
// where they do not.
func TestAbsent(t *testing.T) {
	v := GGUF{
		Model: "llama", Tokens: []string{"<unk>", "<s>", "</s>", "<0x09>", "a", "\t\t", "\t\ta"}, Scores: []float32{0, 0, 0, 0, -3, -1, -2},
		Types: []int32{2, 3, 3, 6, 1, 1, 1}, Flags: map[string]bool{"add_space_prefix": false},
	}
	tok, err := FromGGUF(v)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int32{"\t": {3}, "\t\t": {5}, "\t\t\t": {5, 3}, "\t\ta": {6}, "a\ta": {4, 3, 4}, "b": {0}, "b\tb": {0, 3, 0}} {
		if got := tok.Encode(text, false); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func FuzzSentencePiece(f *testing.F) {
	var cases []spmCase
	readGzip(f, "testdata/spm.json.gz", &cases)
	for _, c := range cases {
		f.Add(c.Model)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		if tok, err := fromSPM(data, names{tokens: map[string]string{}}); err == nil {
			exercise(t, tok)
		}
	})
}
