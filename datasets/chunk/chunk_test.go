package chunk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// words counts as a tokenizer would that knows every word: one token for each.
func words(s string) int { return len(strings.Fields(s)) }

func split(t *testing.T, text string, budget int, count func(string) int) []Chunk {
	t.Helper()
	chunks, err := Split(text, Options{MaxTokens: budget, Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

func texts(chunks []Chunk) []string {
	var list []string
	for _, c := range chunks {
		list = append(list, c.Text)
	}
	return list
}

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		budget int
		want   []string
	}{
		"empty":                     {"", 5, nil},
		"blank":                     {" \n\n", 5, []string{" \n\n"}},
		"fits":                      {"# A\n\none two\n", 5, []string{"# A\n\none two\n"}},
		"blocks merge":              {"a b\n\nc d\n\ne f\n", 4, []string{"a b\n\nc d\n\n", "e f\n"}},
		"heading goes on":           {"a b\n\n# H\n\nc d e f\n", 6, []string{"a b\n\n", "# H\n\nc d e f\n"}},
		"lone headings":             {"# A\n## B\nc d e f g\n", 5, []string{"# A\n## B\n", "c d e f g\n"}},
		"sentences":                 {"One two. Three four! Five six?\n", 2, []string{"One two. ", "Three four! ", "Five six?\n"}},
		"sentences merge":           {"One two. Three four! Five six?\n", 4, []string{"One two. Three four! ", "Five six?\n"}},
		"no false stops":            {"Pi is 3.14 e.g. here. Then more.", 5, []string{"Pi is 3.14 e.g. here. ", "Then more."}},
		"quoted stop":               {"He said \"no.\" Then left.", 3, []string{"He said \"no.\" ", "Then left."}},
		"hard wrapped":              {"a b\nc d\ne f\n", 2, []string{"a b\n", "c d\n", "e f\n"}},
		"words":                     {"a b c d e", 2, []string{"a b ", "c d ", "e"}},
		"table rows":                {"|a b|\n|-|\n|c d|\n", 3, []string{"|a b|\n|-|\n", "|c d|\n"}},
		"table whole":               {"x y z\n\n|a b|\n|-|\n|c d|\n", 5, []string{"x y z\n\n", "|a b|\n|-|\n|c d|\n"}},
		"items":                     {"- a b\n  - c\n- d e f\n", 5, []string{"- a b\n  - c\n", "- d e f\n"}},
		"list with gap":             {"- a\n\n- b\n\nafter it\n", 4, []string{"- a\n\n- b\n\n", "after it\n"}},
		"fence is no heading":       {"```\n# a\n\nb\n```\nc d\n", 5, []string{"```\n# a\n\nb\n```\n", "c d\n"}},
		"open fence":                {"~~~\na\n```\nb", 9, []string{"~~~\na\n```\nb"}},
		"fence lines":               {"```\na b\nc d\n```\n", 3, []string{"```\na b\n", "c d\n```\n"}},
		"setext":                    {"a\n\nTitle\n---\nb c d\n", 5, []string{"a\n\n", "Title\n---\nb c d\n"}},
		"leading blank lines":       {"\n\na b\n\nc\n", 2, []string{"\n\na b\n\n", "c\n"}},
		"cjk":                       {"一句。二句。", 1, []string{"一句。二句。"}},
		"windows line ends":         {"# A\r\n\r\nb c\r\n\r\nd e\r\n", 4, []string{"# A\r\n\r\nb c\r\n\r\n", "d e\r\n"}},
		"ordered list after a text": {"a b c\n1. d\n2. e\n", 4, []string{"a b c\n", "1. d\n2. e\n"}},
	} {
		if got := texts(split(t, c.text, c.budget, words)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestRunesAsTokens(t *testing.T) {
	// No space to cut at, and runes of three bytes.
	got := texts(split(t, "一句。二句很长。", 3, utf8.RuneCountInString))
	if !slices.Equal(got, []string{"一句。", "二句", "很长。"}) {
		t.Errorf("got %q", got)
	}
}

func TestHeadings(t *testing.T) {
	text := "top a\n\n# A #\n\none b\n\n## B\n\ntwo c\n\n## C\n\nthree d\n\n# D\n\nfour e\n"
	var got []string
	for _, c := range split(t, text, 4, words) {
		got = append(got, fmt.Sprintf("%q %v", c.Text, c.Headings))
	}
	want := []string{
		`"top a\n\n" []`,
		`"# A #\n\n" []`, `"one b\n\n" [A]`,
		`"## B\n\ntwo c\n\n" [A]`,
		`"## C\n\nthree d\n\n" [A]`,
		`"# D\n\nfour e\n" []`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A counter for which the whole is more than its parts: the sum must not be trusted.
func TestSuperadditiveCount(t *testing.T) {
	square := func(s string) int { return words(s) * words(s) }
	chunks := split(t, "a\n\nb\n\nc\n\nd\n", 5, square)
	check(t, "a\n\nb\n\nc\n\nd\n", chunks, 5, square)
}

func TestOverheadDoesNotWasteRoom(t *testing.T) {
	// Each call counts two special tokens; the sum of the parts is far above the whole.
	chunks := split(t, "a\n\nb\n\nc\n\nd\n", 6, func(s string) int { return words(s) + 2 })
	if len(chunks) != 1 {
		t.Errorf("got %q", texts(chunks))
	}
}

func TestBudgetTooSmall(t *testing.T) {
	_, err := Split("abc", Options{MaxTokens: 2, Count: func(string) int { return 3 }})
	if !errors.Is(err, ErrBudget) {
		t.Errorf("got %v", err)
	}
	for _, opts := range []Options{{MaxTokens: 0, Count: words}, {MaxTokens: 3}} {
		if _, err := Split("abc", opts); err == nil {
			t.Errorf("accepted %+v", opts.MaxTokens)
		}
	}
}

// check holds chunks to the promises: a partition in order, right offsets, within the budget.
func check(t *testing.T, text string, chunks []Chunk, budget int, count func(string) int) {
	t.Helper()
	at := 0
	for i, c := range chunks {
		n := utf8.RuneCountInString(c.Text)
		if c.Start != at || c.End != at+n || n == 0 {
			t.Fatalf("chunk %d is [%d, %d) with %d runes, want a start of %d", i, c.Start, c.End, n, at)
		}
		if got := count(c.Text); got != c.Tokens || got > budget {
			t.Fatalf("chunk %d counts %d, says %d, budget %d", i, got, c.Tokens, budget)
		}
		at = c.End
	}
	if joined := strings.Join(texts(chunks), ""); joined != text {
		t.Fatalf("chunks join to %q, want %q", joined, text)
	}
}

func TestPartition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	bits := []string{"word", "Sentence.", "# ", "\n", "\n\n", "- ", "| a |", "```", "é", "漢字。", " ", "\t", "!", "---", "1. ", "a very long line without an end", "\r\n"}
	counters := []func(string) int{
		utf8.RuneCountInString,
		func(s string) int { return (len(s) + 3) / 4 },
		func(s string) int { return words(s) + 1 },
	}
	for range 3000 {
		var b strings.Builder
		for range rng.IntN(60) {
			b.WriteString(bits[rng.IntN(len(bits))])
			if rng.IntN(3) == 0 {
				b.WriteByte(' ')
			}
		}
		count, budget := counters[rng.IntN(len(counters))], 2+rng.IntN(40)
		check(t, b.String(), split(t, b.String(), budget, count), budget, count)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("# A\n\none. Two\n- x\n\n|a|\n", 5)
	f.Add("```\n\xff\xfe\n", 1)
	f.Add("漢字。！\r\n===\n", 3)
	f.Fuzz(func(t *testing.T, text string, budget int) {
		budget = 1 + budget&1023
		chunks, err := Split(text, Options{MaxTokens: budget, Count: utf8.RuneCountInString})
		if err != nil {
			t.Fatal(err)
		}
		check(t, text, chunks, budget, utf8.RuneCountInString)
	})
}

func BenchmarkSplit(b *testing.B) {
	text := strings.Repeat("## Heading\n\nA paragraph with a few sentences. And another one here.\n\n- item one\n- item two\n\n", 2000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Split(text, Options{MaxTokens: 512, Count: words}); err != nil {
			b.Fatal(err)
		}
	}
}
