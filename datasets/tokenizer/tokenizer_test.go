package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	if err := json.Unmarshal(testkit.Read(t, path), v); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, dir string) *Tokenizer {
	t.Helper()
	tok, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// vector is a text with what HF tokenizers make of it.
type vector struct {
	Text         string  `json:"text"`
	IDs          []int32 `json:"ids"`
	IDsNoSpecial []int32 `json:"ids_no_special"`
	Decoded      string  `json:"decoded"`
}

func checkVectors(t *testing.T, tok *Tokenizer, vectors []vector) {
	t.Helper()
	for _, v := range vectors {
		if got := tok.Encode(v.Text, true); !slices.Equal(got, v.IDs) {
			t.Errorf("%q\n got %v\nwant %v", v.Text, got, v.IDs)
		}
		if got := tok.Encode(v.Text, false); !slices.Equal(got, v.IDsNoSpecial) {
			t.Errorf("no special, %q\n got %v\nwant %v", v.Text, got, v.IDsNoSpecial)
		}
		if got := tok.Decode(v.IDsNoSpecial, false); got != v.Decoded {
			t.Errorf("decode\n got %q\nwant %q", got, v.Decoded)
		}
		ids, spans := tok.EncodeOffsets(v.Text, true)
		if !slices.Equal(ids, v.IDs) || len(spans) != len(ids) {
			t.Errorf("with offsets, %q\n got %v\nwant %v", v.Text, ids, v.IDs)
		}
	}
}

func TestGoldens(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), "*", "base"))
	if err != nil || len(dirs) < 10 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			expected := filepath.Join(dir, "..", "expected.json")
			if _, err := os.Stat(expected); err != nil {
				t.Skip(err)
			}
			var want struct{ Tokenizer []vector }
			readJSON(t, expected, &want)
			if len(want.Tokenizer) == 0 {
				t.Skip("case has no vectors")
			}
			checkVectors(t, mustOpen(t, dir), want.Tokenizer)
		})
	}
}

// multilingual runs the vectors of a real tokenizer.
func multilingual(t *testing.T, tok *Tokenizer, name string) {
	var inputs []struct{ ID, Text string }
	readJSON(t, testkit.Shared(t, "real", "tokenizers", "multilingual", "inputs.json"), &inputs)
	var want struct {
		Entries []struct {
			ID       string
			InputIDs []int32 `json:"input_ids"`
			With     string  `json:"decoded_with_special"`
			Without  string  `json:"decoded_skip_special"`
		}
	}
	readJSON(t, testkit.Shared(t, "real", "tokenizers", "multilingual", name), &want)
	texts := map[string]string{}
	for _, in := range inputs {
		texts[in.ID] = in.Text
	}
	for _, e := range want.Entries {
		text, ok := texts[e.ID]
		if !ok {
			t.Fatalf("no input %q", e.ID)
		}
		if got := tok.Encode(text, true); !slices.Equal(got, e.InputIDs) {
			t.Errorf("%s: %q\n got %v\nwant %v", e.ID, text, got, e.InputIDs)
		}
		if got := tok.Decode(e.InputIDs, false); got != e.With {
			t.Errorf("%s: decode\n got %q\nwant %q", e.ID, got, e.With)
		}
		if got := tok.Decode(e.InputIDs, true); got != e.Without {
			t.Errorf("%s: decode, skipping special\n got %q\nwant %q", e.ID, got, e.Without)
		}
	}
}

func TestTinyLlama(t *testing.T) {
	multilingual(t, mustOpen(t, testkit.Shared(t, "real", "tokenizers", "tinyllama")), "tinyllama_multilingual.json")
}

func TestGPT2(t *testing.T) {
	multilingual(t, mustOpen(t, testkit.Shared(t, "real", "tokenizers", "gpt2")), "gpt2_multilingual.json")
}
