package filter

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cultivar/cultivar/pipeline/spill"
)

func TestSignals(t *testing.T) {
	for _, c := range []struct {
		text string
		want map[string]float64
	}{
		{"", map[string]float64{"chars": 0, "words": 0, "mean_word_length": 0, "duplicate_lines": 0}},
		{"the cat, and the dog", map[string]float64{"chars": 20, "words": 5, "mean_word_length": 16.0 / 5, "stop_words": 2, "alpha_words": 1, "symbol_chars": 1.0 / 20}},
		{"a 1 2 %", map[string]float64{"alpha_words": 0.25}},
		{"# one #two", map[string]float64{"hash_ratio": 2.0 / 3}},
		{"wait... what… no", map[string]float64{"ellipsis_ratio": 2.0 / 3}},
		{"- a\n• b\n* c\nd", map[string]float64{"bullet_lines": 0.75, "short_lines": 1, "lines_per_word": 4.0 / 7}},
		{"one.\n\ntwo…\nthree...\nfour", map[string]float64{"terminal_lines": 0.5, "ellipsis_lines": 0.5}},
		{"ab\ncd\nab\nab", map[string]float64{"duplicate_lines": 0.5, "duplicate_line_chars": 0.5}},
		{"ab\n\ncd\n\nab", map[string]float64{"duplicate_paragraphs": 1.0 / 3, "duplicate_paragraph_chars": 2.0 / 6}},
		{"ab cd x ab cd y", map[string]float64{"top_2gram_chars": 8.0 / 10, "top_3gram_chars": 0}},
		{"a b c d e X a b c d e", map[string]float64{"duplicate_5gram_chars": 5.0 / 11, "duplicate_6gram_chars": 0}},
		{"日本語の文", map[string]float64{"words": 5, "mean_word_length": 1, "alpha_words": 1}},
		{"ab\ufffd\ufffd", map[string]float64{"replacement_chars": 0.5}},
		{"grün", map[string]float64{"chars": 4, "mean_word_length": 4}},
	} {
		got := New(DefaultConfig()).Judge(c.text).Signals
		for name, want := range c.want {
			if v, ok := got[name]; !ok || math.Abs(v-want) > 1e-12 {
				t.Errorf("%q: %s = %v, want %v", c.text, name, v, want)
			}
		}
		if len(got) != int(numSignals) {
			t.Errorf("%d signals", len(got))
		}
	}
}

// gramsByHand counts n-grams as strings, as the published rules do.
func gramsByHand(text string, n int) (top, duplicate int) {
	words := strings.Fields(text)
	counts := map[string]int{}
	best := 1
	for i := 0; i+n <= len(words); i++ {
		g := strings.Join(words[i:i+n], " ")
		counts[g]++
		if length := utf8.RuneCountInString(strings.ReplaceAll(g, " ", "")); counts[g] > best {
			best, top = counts[g], length
		} else if counts[g] == best && best > 1 {
			top = max(top, length)
		}
	}
	seen := map[string]bool{}
	for i := 0; i+n <= len(words); {
		g := strings.Join(words[i:i+n], " ")
		if seen[g] {
			duplicate += utf8.RuneCountInString(strings.ReplaceAll(g, " ", ""))
			i += n
		} else {
			seen[g] = true
			i++
		}
	}
	return top * best, duplicate
}

func TestGramsAgainstStrings(t *testing.T) {
	var b strings.Builder
	x := uint32(1)
	for range 3000 {
		x = x*1664525 + 1013904223
		fmt.Fprintf(&b, "w%d ", x>>24%6)
	}
	text := b.String()
	signals := New(DefaultConfig()).Judge(text).Signals
	runes := float64(utf8.RuneCountInString(strings.ReplaceAll(text, " ", "")))
	for n := 2; n <= 10; n++ {
		top, duplicate := gramsByHand(text, n)
		want, name := float64(top)/runes, fmt.Sprintf("top_%dgram_chars", n)
		if n > 4 {
			want, name = float64(duplicate)/runes, fmt.Sprintf("duplicate_%dgram_chars", n)
		}
		if signals[name] != want {
			t.Errorf("%s = %v, want %v", name, signals[name], want)
		}
	}
}

func TestModes(t *testing.T) {
	cfg := DefaultConfig()
	f := New(cfg)
	if j := f.Judge("short"); j.Drop == nil || j.Drop.Rule != "min_chars" || j.Drop.Value != 5 || j.Drop.Threshold != 16 {
		t.Errorf("got %+v", j.Drop)
	}
	if j := f.Judge(strings.Repeat("the same line over again\n", 50)); j.Drop == nil || j.Drop.Rule != "max_duplicate_line_chars" {
		t.Errorf("got %+v", j.Drop)
	}
	// What the web rules would drop is flagged: a short list with code.
	j := f.Judge("- {\"a\": 1}\n- {\"b\": 2}\n- see #3")
	if j.Drop != nil || len(j.Flags) == 0 {
		t.Errorf("got %+v", j)
	}
	cfg.MinChars.Mode, cfg.MinWords.Mode = Off, Drop
	if j := New(cfg).Judge("short"); j.Drop == nil || j.Drop.Rule != "min_words" {
		t.Errorf("got %+v", j.Drop)
	}
}

func TestRuleNames(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range DefaultConfig().rules() {
		if seen[r.name] || r.min != strings.HasPrefix(r.name, "min_") || !strings.HasSuffix(r.name, signalNames[r.signal]) {
			t.Errorf("rule %s is about %s", r.name, signalNames[r.signal])
		}
		seen[r.name] = true
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	cfg := DefaultConfig()
	cfg.MinWords.Mode, cfg.MaxChars.Threshold, cfg.Boilerplate.MinDocuments = "", math.NaN(), 0
	err := cfg.Validate()
	for _, path := range []string{"min_words.mode", "max_chars.threshold", "boilerplate.min_documents"} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s is not in %v", path, err)
		}
	}
}

const notice = "This page is confidential and not to be shared."

func TestBoilerplate(t *testing.T) {
	cfg := DefaultConfig().Boilerplate
	cfg.MinDocuments = 3
	lines := NewLines(cfg, spill.New("", 1<<20))
	doc := func(i int) string {
		return fmt.Sprintf("## A heading that all pages have\n\nTéxt of page %d, which is longer than the rest of it.\n%s\n| a row that all the pages have |\n```\ncode that all pages have in common\n```\nshort\nEnd of page %d.", i, notice, i)
	}
	var six []string
	for i := range 6 {
		six = append(six, doc(i))
	}
	learn(t, lines, six...)
	text, spans := lines.Strip(doc(2))
	if text != strings.Replace(doc(2), notice+"\n", "", 1) || len(spans) != 1 || spans[0].Share != 1 {
		t.Fatalf("got %q %+v", text, spans)
	}
	if got := string([]rune(doc(2))[spans[0].Start:spans[0].End]); got != notice+"\n" {
		t.Errorf("the span is %q", got)
	}
	if text, spans := lines.Strip(notice); text != notice || spans != nil {
		t.Errorf("a document of nothing else: %q %+v", text, spans)
	}
	few := NewLines(cfg, spill.New("", 1<<20))
	learn(t, few, doc(1), doc(2))
	if _, spans := few.Strip(doc(1)); spans != nil {
		t.Errorf("two documents: %+v", spans)
	}
}

func learn(t *testing.T, l *Lines, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := l.Add(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Settle(); err != nil {
		t.Fatal(err)
	}
}

// A count that spills finds what one in memory finds.
func TestBoilerplateSpills(t *testing.T) {
	var texts []string
	for i := range 3000 {
		texts = append(texts, fmt.Sprintf("a line that is only in document %d\n%s\nshared by a third, number %d of the three", i, notice, i%3))
	}
	cfg := Boilerplate{Enabled: true, MinDocuments: 10, Share: 0.3, MinChars: 20, MaxRemoved: 1}
	roomy, tight := NewLines(cfg, spill.New(t.TempDir(), 1<<30)), NewLines(cfg, spill.New(t.TempDir(), 4096))
	learn(t, roomy, texts...)
	learn(t, tight, texts...)
	if !maps.Equal(roomy.counts, tight.counts) || len(roomy.counts) != 4 {
		t.Errorf("%v, spilled %v", roomy.counts, tight.counts)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("a b a b\n\n#...…\u3042\ufffd")
	filter := New(DefaultConfig())
	f.Fuzz(func(t *testing.T, text string) {
		for name, v := range filter.Judge(text).Signals {
			if math.IsNaN(v) || v < 0 || math.IsInf(v, 0) {
				t.Fatalf("%s = %v", name, v)
			}
		}
		lines := NewLines(Boilerplate{Enabled: true, MinDocuments: 1, Share: 0.1, MinChars: 3, MaxRemoved: 1}, spill.New("", 1<<20))
		learn(t, lines, text)
		runes := int64(utf8.RuneCountInString(text))
		at := int64(0)
		_, spans := lines.Strip(text)
		for _, s := range spans {
			if s.Start < at || s.End <= s.Start || s.End > runes {
				t.Fatalf("span %+v after %d of %d", s, at, runes)
			}
			at = s.End
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	var text strings.Builder
	x := uint32(1)
	for i := range 5000 {
		x = x*1664525 + 1013904223
		fmt.Fprintf(&text, "word%d ", x>>20)
		if i%12 == 11 {
			text.WriteString("ends.\n")
		}
	}
	f := New(DefaultConfig())
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		f.Judge(text.String())
	}
}
