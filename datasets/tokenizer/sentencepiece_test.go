package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
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
