package tokenizer

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func parseFile(t testing.TB, name string) *Tokenizer {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestVectors(t *testing.T) {
	var want map[string][]vector
	readJSON(t, "testdata/vectors.json", &want)
	for _, name := range []string{"llama2", "llama3"} {
		if len(want[name]) == 0 {
			t.Fatalf("no vectors for %s", name)
		}
		checkVectors(t, parseFile(t, name+".json"), want[name])
	}
}

// scanTexts returns texts of all that patterns tell apart, in arbitrary order.
func scanTexts() []string {
	parts := []string{"a", "S", "s", "t", "re", "LL", "'", "’", " ", "  ", "\n", "\r\n", "\t", "1", "12345", "½", "é", "中", "\u0301", "ſ", "\u00a0", "\u3000", "\u2028", "!", "--", "🙂", "\x00", "\u200b", "𐐀", "ⅷ", "/", "A", "ǅ", "ʰ", "あ", "ー", "/\n", "€"}
	list := make([]string, 5000)
	state := uint32(1)
	for i := range list {
		var b strings.Builder
		for range 12 {
			state = state*1664525 + 1013904223
			b.WriteString(parts[int(state>>16)%len(parts)])
		}
		list[i] = b.String()
	}
	return list
}

// compileProgram is compilePattern without its short cuts, which are held against this.
func compileProgram(expr string) (*program, error) {
	n, err := parsePattern(expr)
	if err != nil {
		return nil, err
	}
	return compileNode(expr, n)
}

// TestScanners holds the hand-written scanners against their patterns in the general engine.
func TestScanners(t *testing.T) {
	for expr, scan := range scanners {
		p, err := compileProgram(expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range scanTexts() {
			if got, want := cutBy(scan, text), cutBy(p, text); !slices.Equal(got, want) {
				t.Fatalf("%q by %.20q…\n got %q\nwant %q", text, expr, got, want)
			}
		}
	}
}

// TestCharRun holds the short cut for runs of a character against the engine.
func TestCharRun(t *testing.T) {
	for _, expr := range []string{` {2,}`, `a+`, `x{3,}`, `(?:a)+`} {
		fast, err := compilePattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := compileProgram(expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", " ", "  ", "a  aa   x xx xxx xxxx", "xxxxxa"} {
			if got, want := cutBy(fast, text), cutBy(slow, text); !slices.Equal(got, want) {
				t.Errorf("%s on %q: got %q, want %q", expr, text, got, want)
			}
		}
	}
}

// TestTokenizerFloat holds numbers to what serde_json makes of them: usually the nearest, now and
// then its neighbour.
func TestTokenizerFloat(t *testing.T) {
	for s, want := range map[string]float64{
		"0": 0, "-0.0": 0, "-2.5": -2.5, "1e2": 100, "12.5E-1": 1.25, "-9.31134033203125": -9.31134033203125, "123456789012345678901234": 1.2345678901234567e23,
		"-13.123456954956055": -13.123456954956056, "0.1": 0.1, "1e-400": 0,
	} {
		if got, err := tokenizerFloat(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-", "1e", "1e400", "x", "1.2.3", "null"} {
		if got, err := tokenizerFloat(s); err == nil {
			t.Errorf("%q is accepted as %v", s, got)
		}
	}
}

// TestFused holds the scanners that stand for several pre-tokenizers against those.
func TestFused(t *testing.T) {
	for _, f := range fused {
		var chain []splitter
		for _, source := range f.sources {
			p, err := compileProgram(source)
			if err != nil {
				t.Fatal(err)
			}
			chain = append(chain, splitPattern{pattern: p, behavior: isolated, source: source})
		}
		scan, rest := fuse(chain, nil)
		if len(rest) > 0 {
			t.Fatalf("%q is not fused", f.sources)
		}
		for _, text := range scanTexts() {
			var want []string
			emit := func(p piece) { want = append(want, p.s) }
			for i := len(chain) - 1; i >= 0; i-- {
				s, next := chain[i], emit
				emit = func(p piece) { s.split(p, next) }
			}
			emit(piece{s: text})
			if got := cutBy(scan, text); !slices.Equal(got, want) {
				t.Fatalf("%q by %.20q…\n got %q\nwant %q", text, f.sources, got, want)
			}
		}
	}
}

func cutBy(p pattern, s string) []string {
	var out []string
	p.matches(s, func(i, j int) { out = append(out, s[i:j]) })
	return out
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		want       []string
	}{
		{`a|ab`, "abab", []string{"a", "a"}}, // alternatives in order, not the longest
		{`a+?b??`, "aab", []string{"a", "a"}},
		{`x*`, "axxb", []string{"", "xx", ""}},
		{`(?<=a)b|(?<!a)c`, "abacbc", []string{"b", "c"}},
		{`(?=ab)a|b(?!b)`, "abbb", []string{"a", "b"}},
		{`\p{Lu}\P{Lu}+|\p{^L}`, "AbC1d", []string{"Ab", "C1d"}},
		{`[a-c&&[^b]]+|[\]\-x]`, "abc-]", []string{"a", "c", "-", "]"}},
		{`a{2}|b{1,2}|c{2,}`, "aaabbbccc", []string{"aa", "bb", "b", "ccc"}},
		{`a(?i)b|C`, "aBaCac", []string{"aB", "aC", "ac"}},
		{`[^\n]?+a++b`, "aab xaab", []string{"aab", "xaab"}},
		{`^a|b$|\bc\b`, "a\nab\nc cc", []string{"a", "a", "b", "c"}},
		{`\x41\x{42}\u0043\t`, "ABC\t", []string{"ABC\t"}},
		{`(?:ab|c)+d`, "abcabd cd c", []string{"abcabd", "cd"}},
	} {
		p, err := compileProgram(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if got := cutBy(p, c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s on %q: got %q, want %q", c.expr, c.text, got, c.want)
		}
	}
	for _, bad := range []string{`(`, `)`, `[`, `[]`, `a**b|(a*)*`, `*a`, `\1`, `\h`, `\p{Nope}`, `\p{L`, `(?<n>a)`, `(?>a)`, `a{2000}`, `(?<=a+)b`, `(ab)++`, `[[:alpha:]]`, `\x{110000}`, `\xff`, `a{b`, `[b-a]`, strings.Repeat("(", 1000), strings.Repeat("(?:a{1000}){1000}", 3)} {
		if _, err := compileProgram(bad); err == nil {
			t.Errorf("%.40s is accepted", bad)
		}
	}
}

// within fails the test when f takes longer than is right for work that is not quadratic. The
// bound is wide: machines that run tests are busy.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("%s takes %v", what, d)
	}
}

func TestNoQuadraticTime(t *testing.T) {
	const size = 1 << 20
	texts := map[string]string{
		"letter": strings.Repeat("a", size), "spaces": strings.Repeat(" ", size) + "x", "newlines": strings.Repeat("\n", size),
		"pair": strings.Repeat("ab", size/2), "emoji": strings.Repeat("🙂", size/4), "digits": strings.Repeat("7", size),
		"tokens": strings.Repeat("<|eot_id|>", size/10), "brackets": strings.Repeat("<", size), "marks": "a" + strings.Repeat("\u0323\u0301", size/16),
	}
	models := map[string]*Tokenizer{"llama2.json": parseFile(t, "llama2.json"), "llama3.json": parseFile(t, "llama3.json")}
	for _, c := range append(madeCases(t), readCases(t, "testdata/precompiled.json.gz")...) {
		if strings.HasPrefix(c.Name, "unigram") || strings.HasPrefix(c.Name, "bert") || c.Name == "t5" || c.Name == "deepseek" || c.Name == "o200k ignore merges" {
			tok, err := Parse(c.Tokenizer, nil)
			if err != nil {
				t.Fatal(err)
			}
			models[c.Name] = tok
		}
	}
	var pieces []spmCase
	readGzip(t, "testdata/spm.json.gz", &pieces)
	for _, c := range pieces {
		tok, err := fromSPM(c.Model, names{tokens: map[string]string{}})
		if err != nil {
			t.Fatal(err)
		}
		models[c.Name] = tok
	}
	for name, tok := range models {
		for what, text := range texts {
			if !strings.HasSuffix(name, ".json") && what != "letter" && what != "spaces" {
				continue
			}
			within(t, name+" "+what, func() { tok.Decode(tok.Encode(text, true), false) })
		}
	}
	for _, form := range []norm.Form{norm.NFC, norm.NFKD} {
		within(t, "normalization", func() { unicodeForm(form).normalize(piece{s: texts["marks"]}) })
	}
}

func TestPatternsAreLinear(t *testing.T) {
	text := strings.Repeat("a", 30_000)
	for _, expr := range []string{`(?:a+)+b`, `(?:a|aa)+b`, `(?:a|a)+b`, `a*a*a*a*b`, `a+b|a`, `(?=.*b)a`, `(?=.*a)a`, `(?!.*b)a`, `a++b|a`, `(?:(?=a+b)a)+c`} {
		p, err := compileProgram(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		within(t, expr, func() { p.matches(text, func(int, int) {}) })
	}
}

// TestCuts holds that cutting a text before merging changes nothing.
func TestCuts(t *testing.T) {
	tok := parseFile(t, "llama2.json")
	m := tok.model.(*bpe)
	if m.cuts == nil {
		t.Fatal("the model has no cuts")
	}
	whole := *tok
	uncut := &bpe{vocab: m.vocab, order: m.order, merges: m.merges, byteIDs: m.byteIDs, chars: m.chars, ascii: m.ascii, unk: m.unk, fuseUnk: m.fuseUnk, byteFallback: m.byteFallback, cache: newWordCache()}
	whole.model = uncut
	for _, c := range madeCases(t)[:1] {
		for _, v := range c.Vectors {
			if got, want := tok.Encode(v.Text, true), whole.Encode(v.Text, true); !slices.Equal(got, want) {
				t.Errorf("%q: got %v, want %v", v.Text, got, want)
			}
		}
	}
}

func TestMergeShortAndLong(t *testing.T) {
	m := parseFile(t, "llama3.json").model.(*bpe)
	text := "the release manager reviews the backup budget within seven days, unless 1234 says otherwise"
	for n := 2; n < len(text); n++ {
		var short, long symbols
		for i := range n {
			m.addByte(text[i], &short)
			m.addByte(text[i], &long)
		}
		short.mergeShort(&m.merges)
		long.mergeLong(&m.merges)
		if !slices.Equal(short.ids, long.ids) || !slices.Equal(short.lens, long.lens) {
			t.Fatalf("%q: short %v, long %v", text[:n], short.ids, long.ids)
		}
	}
}

func TestNormalLong(t *testing.T) {
	for _, s := range []string{"é", "e\u0323\u0301", "e\u0301\u0323", "q\u0307\u0323", "각", "\u1100\u1161\u11a8", "ﬁ", "a\u0323\u0323\u0301\u0307b\u0301", "\u0301e", "ệ\u0301", "\u1e9b\u0323"} {
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			if got, want := normalLong(form, s), form.String(s); got != want {
				t.Errorf("form %d of %+q: got %+q, want %+q", form, s, got, want)
			}
		}
	}
	long := "e" + strings.Repeat("\u0323", 40) + "\u0301"
	if got := (unicodeForm(norm.NFC)).normalize(piece{s: long}).s; got != "ẹ"+strings.Repeat("\u0323", 39)+"\u0301" {
		t.Errorf("got %+q", got)
	}
}

func TestOffsets(t *testing.T) {
	for name, want := range map[string]string{
		"llama3.json": "[<|begin_of_text|>][Hello][,][ world][<|eot_id|>]",
	} {
		tok := parseFile(t, name)
		text := "Hello, world<|eot_id|>"
		ids, spans := tok.EncodeOffsets(text, true)
		if spans[0] != (Span{}) {
			t.Errorf("%s: BOS has span %v", name, spans[0])
		}
		last := spans[len(spans)-1]
		if text[last.Start:last.End] != "<|eot_id|>" || !tok.IsSpecial(ids[len(ids)-1]) {
			t.Errorf("%s: last token %v, want that of %s", name, last, want)
		}
		joined := ""
		for _, s := range spans {
			joined += text[s.Start:s.End]
		}
		if joined != text {
			t.Errorf("%s: spans cover %q", name, joined)
		}
	}
	// Half a character stands for all of it; so does what normalization made of one.
	tok := parseFile(t, "llama3.json")
	_, spans := tok.EncodeOffsets("🙂", false)
	for _, s := range spans {
		if s != (Span{0, 4}) {
			t.Errorf("part of a character has span %v", s)
		}
	}
	tok = parseFile(t, "llama2.json")
	ids, spans := tok.EncodeOffsets("a b", false)
	if len(ids) != len(spans) || spans[len(spans)-1].End != 3 || spans[0].Start != 0 {
		t.Errorf("got %v %v", ids, spans)
	}
}

func TestStream(t *testing.T) {
	for _, name := range []string{"llama2.json", "llama3.json"} {
		tok := parseFile(t, name)
		for _, text := range []string{"Hello, world! 東京都 🙂👩‍👩‍👧‍👦 naïve", "", "a", " b", "\n\n x", "🙂"} {
			ids := tok.Encode(text, true)
			s := tok.Stream()
			got := ""
			for _, id := range ids {
				part := s.Next(id)
				if !utf8.ValidString(part) || strings.Contains(part, "\uFFFD") {
					t.Errorf("%s: part %q of %q", name, part, text)
				}
				got += part
			}
			if got += s.Flush(); got != tok.Decode(ids, true) {
				t.Errorf("%s: got %q, want %q", name, got, tok.Decode(ids, true))
			}
			if again := s.Flush(); again != "" {
				t.Errorf("%s: flushed twice: %q", name, again)
			}
		}
	}
}

// TestStreamOfBrokenText holds that bytes that never become a character do not stop a stream.
func TestStreamOfBrokenText(t *testing.T) {
	tok := parseFile(t, "llama3.json")
	half, ok := tok.ID(byteChars[0xF0])
	a, ok2 := tok.ID("a")
	if !ok || !ok2 {
		t.Fatal("the vocabulary has no bytes")
	}
	s := tok.Stream()
	got := ""
	for range 100 {
		got += s.Next(half)
	}
	if len(s.ids) > 3*maxPending {
		t.Errorf("the window holds %d tokens", len(s.ids))
	}
	if got += s.Next(a); !strings.HasSuffix(got, "a") || !strings.HasPrefix(got, "\uFFFD") {
		t.Errorf("got %q", got)
	}
}

func TestLossy(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "\xff": "\uFFFD", "\xff\xfe": "\uFFFD\uFFFD", "\xe4\xb8": "\uFFFD", "\xe4\xb8a": "\uFFFDa", "\xf0\x9f\x99": "\uFFFD",
		"\xf0\x9f\x99\xf0": "\uFFFD\uFFFD", "\xed\xa0\x80": "\uFFFD\uFFFD\uFFFD", "\xc0\x80": "\uFFFD\uFFFD", "\xf4\x90\x80\x80": "\uFFFD\uFFFD\uFFFD\uFFFD", "é\xc3": "é\uFFFD",
	} {
		if got := lossy(in); got != want {
			t.Errorf("%q: got %+q, want %+q", in, got, want)
		}
	}
}

func TestEncodeAll(t *testing.T) {
	tok := parseFile(t, "llama3.json")
	texts := scanTexts()[:100]
	all := tok.EncodeAll(texts, true)
	for i, text := range texts {
		if want := tok.Encode(text, true); !slices.Equal(all[i], want) {
			t.Errorf("%q: got %v, want %v", text, all[i], want)
		}
	}
	if got := tok.EncodeAll(nil, true); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := parseFile(t, "llama3.json")
	text := strings.Repeat("The auditor reviews the ledger, unless section 12.4 says otherwise. ", 50)
	want := fmt.Sprint(tok.Encode(text, true))
	done := make(chan string)
	for range 4 {
		go func() {
			got := ""
			for range 20 {
				got = fmt.Sprint(tok.Encode(text, true))
			}
			done <- got
		}()
	}
	for range 4 {
		if got := <-done; got != want {
			t.Error("another answer from another goroutine")
		}
	}
}

// What HF's tokenizers 0.23 gives where pieces of text vanish: characters that a model without an
// unknown token drops, and white space that two added tokens claim.
func TestVanishingText(t *testing.T) {
	const model = `"model":{"type":"BPE","unk_token":%s,"vocab":{"<unk>":0,"a":1,"b":2,"ab":3},"merges":["a b"]}`
	const spaces = `{"id":4,"content":"  ","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":false}`
	for _, c := range []struct {
		unk, added, text string
		want             []int32
	}{
		{`null`, ``, "aſb", []int32{3}},
		{`"<unk>"`, ``, "aſb", []int32{1, 0, 2}},
		{`null`, spaces, "a    b", []int32{1, 4, 2}},
	} {
		tok, err := Parse(fmt.Appendf(nil, `{"version":"1.0","added_tokens":[%s],`+model+`}`, c.added, c.unk), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode(c.text, false); !slices.Equal(got, c.want) {
			t.Errorf("unknown %s: %q becomes %v, want %v", c.unk, c.text, got, c.want)
		}
	}
}
