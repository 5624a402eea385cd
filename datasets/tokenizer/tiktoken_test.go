package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tiktokenCase is a small vocabulary with what tiktoken makes of some texts, made by
// testdata/tiktoken.py.
type tiktokenCase struct {
	File    string
	Vectors []struct {
		Text string
		IDs  []int32
	}
}

const tiktokenConfig = `{"added_tokens_decoder": {"600": {"content": "<|endoftext|>", "special": true}, "610": {"content": "<sep>", "special": true}}, "eos_token": "<|endoftext|>"}`

func (c *tiktokenCase) check(t *testing.T, tok *Tokenizer, shift int32) {
	t.Helper()
	for _, v := range c.Vectors {
		want := slices.Clone(v.IDs)
		for i, id := range want {
			if id < 600 {
				want[i] += shift
			}
		}
		if got := tok.Encode(v.Text, false); !slices.Equal(got, want) {
			t.Errorf("%q\n got %v\nwant %v", v.Text, got, want)
		}
		if got := tok.Decode(want, false); got != v.Text {
			t.Errorf("decode: got %q, want %q", got, v.Text)
		}
		checkSpans(t, tok, v.Text)
	}
}

func TestTiktoken(t *testing.T) {
	var c tiktokenCase
	readGzip(t, "testdata/tiktoken.json.gz", &c)
	for _, name := range []string{"tokenizer.model", "small.tiktoken"} {
		dir := t.TempDir()
		for file, text := range map[string]string{name: c.File, "tokenizer_config.json": tiktokenConfig} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tok := mustOpen(t, dir)
		c.check(t, tok, 0)
		if s := tok.Special(); s.EOS.ID != 600 || s.BOS.OK || tok.VocabSize() != 611 || tok.Token(605) != "" {
			t.Errorf("got %+v, %d tokens", s, tok.VocabSize())
		}
	}
}

// TestTekken holds that the same vocabulary in tekken.json differs by its special tokens alone.
func TestTekken(t *testing.T) {
	var c tiktokenCase
	readGzip(t, "testdata/tiktoken.json.gz", &c)
	var vocab []object
	for line := range strings.Lines(c.File) {
		token, rank, err := tiktokenLine(line)
		if err != nil {
			t.Fatal(err)
		}
		vocab = append(vocab, object{"rank": rank, "token_bytes": base64.StdEncoding.EncodeToString([]byte(token)), "token_str": nil})
	}
	vocab = append(vocab, object{"rank": 600, "token_bytes": "enp6", "token_str": "beyond the size"})
	data, err := json.Marshal(object{
		"config": object{"pattern": patternGPT4, "default_vocab_size": 625, "default_num_special_tokens": 25}, "vocab": vocab,
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := fromTekken(data, names{tokens: map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range c.Vectors {
		if strings.Contains(v.Text, "<sep>") {
			continue
		}
		want := []int32{1}
		for _, id := range v.IDs {
			want = append(want, id+25)
		}
		if got := tok.Encode(v.Text, true); !slices.Equal(got, want) {
			t.Errorf("%q\n got %v\nwant %v", v.Text, got, want)
		}
	}
	if got := tok.Encode("[INST]<SPECIAL_24></s>", false); !slices.Equal(got, []int32{3, 24, 2}) || tok.VocabSize() != 625 {
		t.Errorf("got %v, %d tokens", got, tok.VocabSize())
	}
}

// TestEncodings holds the ids of the special tokens that go without saying.
func TestEncodings(t *testing.T) {
	for size, want := range map[int]map[string]int32{
		50256:  {"<|endoftext|>": 50256},
		100256: {"<|endoftext|>": 100257, "<|endofprompt|>": 100276},
		128000: {"<|begin_of_text|>": 128000, "<|finetune_right_pad_id|>": 128004, "<|eot_id|>": 128009, "<|python_tag|>": 128010, "<|reserved_special_token_3|>": 128011, "<|reserved_special_token_247|>": 128255},
		151643: {"<|endoftext|>": 151643, "<|im_end|>": 151645, "<|extra_204|>": 151850},
		199998: {"<|return|>": 200002, "<|endofprompt|>": 200018, "<|reserved_200019|>": 200019, "<|reserved_201087|>": 201087},
	} {
		got := encodings[size].special(int32(size))
		for token, id := range want {
			if got[token] != id {
				t.Errorf("%d: %s has id %d, want %d", size, token, got[token], id)
			}
		}
	}
}

func TestTiktokenRefused(t *testing.T) {
	for text, want := range map[string]string{
		"YQ== 0\nYg==\n": "line 2", "YQ== 0\n": "not known", "YQ== 0\nYQ== 1\n": "twice", "YQ== -1\n": "rank", "!! 1\n": "base64",
	} {
		n := names{tokens: map[string]string{}}
		if _, err := fromTiktoken("x.tiktoken", []byte(text), n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %s", text, err, want)
		}
	}
	n := names{tokens: map[string]string{}, added: []addedToken{{ID: 3, Content: "x"}}}
	if _, err := fromTiktoken("x.tiktoken", []byte("YQ== 0\n"), n); err == nil || !strings.Contains(err.Error(), "no token") {
		t.Errorf("got %v", err)
	}
}

func FuzzTiktoken(f *testing.F) {
	var c tiktokenCase
	readGzip(f, "testdata/tiktoken.json.gz", &c)
	f.Add([]byte(c.File), []byte(tiktokenConfig))
	f.Add([]byte("YQ== 0\n\r\nYg== 1\r\n"), []byte(`{}`))
	f.Fuzz(func(t *testing.T, data, config []byte) {
		if len(data)+len(config) > 64<<10 {
			return
		}
		n, err := parseNames(config)
		if err != nil {
			return
		}
		if tok, err := fromTekken(data, n); err == nil {
			exercise(t, tok)
		}
		if n, err = parseNames(config); err != nil || !isTiktoken(data) {
			return
		}
		if tok, err := fromTiktoken("x.tiktoken", data, n); err == nil {
			exercise(t, tok)
		}
	})
}

// exercise holds that a tokenizer of a hostile file does not panic and gives only ids that it has.
func exercise(t *testing.T, tok *Tokenizer) {
	for _, text := range []string{"ab <s> aab\n  x", "é\u0301 中 \xff\xfe ab\u0301", ""} {
		checkSpans(t, tok, text)
		ids := tok.Encode(text, true)
		tok.Decode(ids, true)
		for _, id := range ids {
			if !tok.has(id) {
				t.Fatal(fmt.Errorf("id %d is not in the vocabulary", id))
			}
		}
	}
	tok.Digest()
}
