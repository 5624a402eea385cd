package train

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"It's 12345 rows":     {"It", "'s", " ", "123", "45", " rows"},
		"WE'LL 'tis":          {"WE", "'LL", " '", "tis"},
		"**Q: How?**\n\nA: x": {"**", "Q", ":", " How", "?**\n\n", "A", ":", " x"},
		"a  b\n \n  c":        {"a", " ", " b", "\n \n", " ", " c"},
		"end  ":               {"end", "  "},
		"\tone\u00a0two 3½x":  {"\tone", "\u00a0two", " ", "3½", "x"},
		"a\xff\xfeb":          {"a", "\xff\xfe", "b"},
		"-x- (y)":             {"-x", "-", " (", "y", ")"},
		"'ſ'":                 {"'ſ", "'"},
	} {
		var got []string
		split(text, func(p string) { got = append(got, p) })
		if !slices.Equal(got, want) {
			t.Errorf("split(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("It's 12345 rows\r\n \n\t x\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var joined strings.Builder
		split(text, func(p string) {
			if p == "" {
				t.Fatal("empty piece")
			}
			joined.WriteString(p)
		})
		if joined.String() != text {
			t.Errorf("pieces of %q join to %q", text, joined.String())
		}
	})
}

// learnText learns from testdata/text.txt. Its merges.txt is what Hugging Face's BpeTrainer
// (tokenizers 0.23, min_frequency 2) learns from it.
func learnText(t *testing.T, size int) *Vocabulary {
	t.Helper()
	text, err := os.ReadFile("testdata/text.txt")
	if err != nil {
		t.Fatal(err)
	}
	v, err := Train(slices.Values([]string{string(text)}), Config{VocabSize: size})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTrainEqualsHuggingFace(t *testing.T) {
	want, err := os.ReadFile("testdata/merges.txt")
	if err != nil {
		t.Fatal(err)
	}
	v := learnText(t, 320)
	var got strings.Builder
	for _, m := range v.Merges {
		got.WriteString(m[0] + " " + m[1] + "\n")
	}
	if got.String() != string(want) {
		t.Errorf("merges differ; got\n%s", got.String())
	}
	if len(v.Tokens) != 320 {
		t.Errorf("got %d tokens, want 320", len(v.Tokens))
	}
}

func TestTrainStopsWhenNothingRepeats(t *testing.T) {
	v := learnText(t, 100_000)
	if len(v.Tokens) >= 100_000 || len(v.Tokens) < 320 {
		t.Errorf("got %d tokens", len(v.Tokens))
	}
	seen := make(map[string]bool)
	for _, token := range v.Tokens {
		if seen[token] {
			t.Errorf("token %q has two ids", token)
		}
		seen[token] = true
	}
}

func TestTrainRefuses(t *testing.T) {
	none := slices.Values([]string{})
	for name, cfg := range map[string]Config{
		"small": {VocabSize: 261},
		"bos":   {VocabSize: 400, Specials: []string{}},
	} {
		if _, err := Train(none, cfg); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func TestJSON(t *testing.T) {
	v := learnText(t, 320)
	data, err := v.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		AddedTokens []struct {
			ID      int
			Content string
			Special bool
		} `json:"added_tokens"`
		Model struct {
			Vocab  map[string]int
			Merges [][2]string
		}
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	for i, s := range Specials {
		if a := f.AddedTokens[i]; a.ID != i || a.Content != s || !a.Special {
			t.Errorf("added token %d is %+v, want %s", i, a, s)
		}
	}
	if len(f.Model.Vocab) != len(v.Tokens) || !slices.Equal(f.Model.Merges, v.Merges) {
		t.Error("the file's model is not the vocabulary")
	}
	for id, token := range v.Tokens {
		if f.Model.Vocab[token] != id {
			t.Errorf("token %q has id %d in the file, want %d", token, f.Model.Vocab[token], id)
		}
	}
	if f.Model.Vocab["!"] != 6 || f.Model.Vocab["Ġ"] != 6+94+94+32 {
		t.Errorf("bytes are not in Hugging Face's order: ! is %d, the blank %d", f.Model.Vocab["!"], f.Model.Vocab["Ġ"])
	}
	if strings.Contains(string(data), `\u003c`) {
		t.Error("angle brackets are escaped")
	}
}
