package dedup

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// words returns n pseudo-random words, of a vocabulary in which no five in a row repeat by chance.
func words(r *rand.Rand, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("w%d", r.IntN(1<<20))
	}
	return out
}

// overlapping returns two texts whose shingle sets have about the given Jaccard similarity: they
// share a prefix of the right length.
func overlapping(r *rand.Rand, n int, similarity float64) (a, b string) {
	share := int(float64(n) * 2 * similarity / (1 + similarity))
	common := words(r, share)
	a = strings.Join(append(common[:share:share], words(r, n-share)...), " ")
	b = strings.Join(append(common[:share:share], words(r, n-share)...), " ")
	return a, b
}

func jaccard(a, b string) float64 {
	set := func(s string) map[uint64]bool {
		m := map[uint64]bool{}
		for _, x := range appendShingles(nil, s) {
			m[x] = true
		}
		return m
	}
	x, y := set(a), set(b)
	both := 0
	for k := range x {
		if y[k] {
			both++
		}
	}
	return float64(both) / float64(len(x)+len(y)-both)
}

// The estimate is unbiased for short texts, where it takes many rounds, and for long ones.
func TestSimilarityEstimate(t *testing.T) {
	var sk Sketcher
	for _, n := range []int{8, 30, 100, 3000} {
		for _, want := range []float64{0, 0.3, 0.5, 0.8, 0.95} {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			var bias, square float64
			const trials = 60
			for range trials {
				a, b := overlapping(r, n, want)
				d := sk.Signature(a).Similarity(sk.Signature(b)) - jaccard(a, b)
				bias += d / trials
				square += d * d / trials
			}
			if math.Abs(bias) > 0.025 || math.Sqrt(square) > 0.06 {
				t.Errorf("n=%d s=%v: bias %.3f, rms error %.3f", n, want, bias, math.Sqrt(square))
			}
		}
	}
}

func TestBandsCollideAsComputed(t *testing.T) {
	var sk Sketcher
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ s, low, high float64 }{{0.5, 0, 0.15}, {0.8, 0.84, 0.98}, {0.95, 0.99, 1}} {
		hits := 0
		const trials = 200
		for range trials {
			a, b := overlapping(r, 400, c.s)
			x, y := sk.Signature(a), sk.Signature(b)
			for i := range bands {
				if x.band(i) == y.band(i) {
					hits++
					break
				}
			}
		}
		if p := float64(hits) / trials; p < c.low || p > c.high {
			t.Errorf("at %v: %v of pairs share a band", c.s, p)
		}
	}
}

func TestShinglesNormalise(t *testing.T) {
	same := [][2]string{
		{"One, two -- THREE four five!", "one two three four five"},
		{"ÄPFEL und Birnen", "äpfel, und birnen"},
		{"hi", "Hi."},
	}
	for _, c := range same {
		if jaccard(c[0], c[1]) != 1 {
			t.Errorf("%q and %q differ", c[0], c[1])
		}
	}
	if jaccard("invoice total 100 euro due", "invoice total 200 euro due") != 0 {
		t.Error("digits do not count")
	}
	if got := len(appendShingles(nil, "日本語の文章です")); got != 4 {
		t.Errorf("8 characters without spaces: %d shingles, want 4", got)
	}
	var sk Sketcher
	if sk.Signature(" -- ") != nil {
		t.Error("no words, yet a signature")
	}
}

func TestExact(t *testing.T) {
	long := strings.Repeat("long ", 3000) + strings.Repeat("x", 9000)
	x := NewExact()
	for id, text := range map[string]string{"b": "a b\n c", "a": " a  b c ", "c": "a b C", "d": long, "e": long + "\n"} {
		if err := x.Add(Entry{DocID: id, Size: 5, Digest: DigestOf(text)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := x.Verdicts()
	want := map[string]Verdict{"a": {"a", 1}, "b": {"a", 1}, "d": {"d", 1}, "e": {"d", 1}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v %v", got, err)
	}
}

func entry(id string, text []string) Entry {
	var sk Sketcher
	s := strings.Join(text, " ")
	return Entry{DocID: id, Size: len(s), Signature: sk.Signature(s)}
}

func TestNearKeepsTheLongestAndIgnoresOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	base := words(r, 400)
	edited := append([]string{"changed"}, base[1:]...)
	entries := []Entry{
		entry("c", base), entry("b", base), entry("a", edited[:380]),
		entry("longest", append(base[:400:400], "and", "more")),
		entry("other", words(r, 400)), {DocID: "empty"},
	}
	var first map[string]Verdict
	for trial := range 5 {
		x := NewNear(0.75)
		for _, i := range r.Perm(len(entries)) {
			if err := x.Add(entries[i]); err != nil {
				t.Fatal(err)
			}
		}
		got, err := x.Verdicts()
		if err != nil {
			t.Fatal(err)
		}
		if trial == 0 {
			first = got
		}
		if !maps.Equal(got, first) {
			t.Fatalf("order changed the verdicts: %v, then %v", first, got)
		}
	}
	for _, id := range []string{"a", "b", "c", "longest"} {
		if first[id].Winner != "longest" || first[id].Similarity < 0.75 {
			t.Errorf("%s: %+v", id, first[id])
		}
	}
	if len(first) != 4 {
		t.Errorf("got %v", first)
	}
}

// In a chain the ends have little in common, and both stay.
func TestNearDoesNotFollowChains(t *testing.T) {
	base := words(rand.New(rand.NewPCG(5, 6)), 1600)
	x := NewNear(0.75)
	for i := range 9 {
		if err := x.Add(entry(fmt.Sprint(i), base[i*100:i*100+800])); err != nil {
			t.Fatal(err)
		}
	}
	got, err := x.Verdicts()
	if err != nil {
		t.Fatal(err)
	}
	winners := map[string]bool{}
	for id, v := range got {
		winners[v.Winner] = true
		if v.Similarity < 0.75 {
			t.Errorf("%s lost to %s at %v", id, v.Winner, v.Similarity)
		}
	}
	if len(winners) < 2 {
		t.Errorf("one winner for a whole chain: %v", got)
	}
}

func TestNearSurvivesACrowd(t *testing.T) {
	x := NewNear(0.75)
	base := words(rand.New(rand.NewPCG(7, 8)), 300)
	for i := range 2000 {
		if err := x.Add(entry(fmt.Sprintf("%04d", i), base)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := x.Verdicts()
	if err != nil || len(got) != 2000 || got["1999"].Winner != "0000" {
		t.Errorf("%d verdicts, %v", len(got), err)
	}
}

func TestValidate(t *testing.T) {
	for _, threshold := range []float64{0, 0.4, 1.1, math.NaN()} {
		if (Config{Threshold: threshold}).Validate() == nil {
			t.Errorf("threshold %v passes", threshold)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func BenchmarkSignature(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{50, 1000, 20000} {
		text := strings.Join(words(r, n), " ")
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var sk Sketcher
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				sk.Signature(text)
			}
		})
	}
}
