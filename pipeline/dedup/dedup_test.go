package dedup

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/pipeline/spill"
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

// name is a document's identity in a test.
func name(s string) (id ID) {
	copy(id[:], s)
	return id
}

// decide runs an index over documents in an order, and returns what it decides by name. Winners and
// similarities are as the oracle gives them.
func decide(t *testing.T, x Index, entries []Entry, order []int) map[string]memoryVerdict {
	t.Helper()
	defer x.Close()
	for _, i := range order {
		e := entries[i]
		e.Ordinal = uint32(i)
		if err := x.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]memoryVerdict{}
	for range 2 { // it can be read twice
		last := -1
		for v, err := range x.Verdicts() {
			if err != nil {
				t.Fatal(err)
			}
			if int(v.Ordinal) <= last {
				t.Errorf("verdict of %d after %d", v.Ordinal, last)
			}
			last = int(v.Ordinal)
			got[word(entries[v.Ordinal].ID)] = memoryVerdict{word(v.Winner), v.Similarity}
		}
	}
	return got
}

func word(id ID) string { return strings.TrimRight(string(id[:]), "\x00") }

func inOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

func TestExact(t *testing.T) {
	long := strings.Repeat("long ", 3000) + strings.Repeat("x", 9000)
	var entries []Entry
	for _, c := range [][2]string{{"b", "a b\n c"}, {"a", " a  b c "}, {"c", "a b C"}, {"d", long}, {"e", long + "\n"}} {
		entries = append(entries, Entry{ID: name(c[0]), Size: 5, Digest: DigestOf(c[1])})
	}
	got := decide(t, NewExact(spill.New(t.TempDir(), 1<<20)), entries, inOrder(5))
	want := map[string]memoryVerdict{"a": {"a", 1}, "b": {"a", 1}, "d": {"d", 1}, "e": {"d", 1}}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func entry(id string, text []string) Entry {
	var sk Sketcher
	s := strings.Join(text, " ")
	return Entry{ID: name(id), Size: len(s), Signature: sk.Signature(s)}
}

// crowd decides in a budget that has everything spilled.
func crowd(t *testing.T, entries []Entry, order []int) map[string]memoryVerdict {
	t.Helper()
	return decide(t, NewNear(spill.New(t.TempDir(), 1), 0.75), entries, order)
}

func TestNearKeepsTheLongestAndIgnoresOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	base := words(r, 400)
	edited := append([]string{"changed"}, base[1:]...)
	entries := []Entry{
		entry("c", base), entry("b", base), entry("a", edited[:380]),
		entry("longest", append(base[:400:400], "and", "more")),
		entry("other", words(r, 400)), {ID: name("empty")},
	}
	var first map[string]memoryVerdict
	for trial := range 5 {
		got := crowd(t, entries, r.Perm(len(entries)))
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
	var entries []Entry
	for i := range 9 {
		entries = append(entries, entry(fmt.Sprint(i), base[i*100:i*100+800]))
	}
	winners := map[string]bool{}
	for id, v := range crowd(t, entries, inOrder(9)) {
		winners[v.Winner] = true
		if v.Similarity < 0.75 {
			t.Errorf("%s lost to %s at %v", id, v.Winner, v.Similarity)
		}
	}
	if len(winners) < 2 {
		t.Errorf("one winner for a whole chain: %v", winners)
	}
}

func TestNearSurvivesACrowd(t *testing.T) {
	base := words(rand.New(rand.NewPCG(7, 8)), 300)
	var entries []Entry
	for i := range 2000 {
		entries = append(entries, entry(fmt.Sprintf("%04d", i), base))
	}
	if got := crowd(t, entries, inOrder(2000)); len(got) != 2000 || got["1999"].Winner != "0000" {
		t.Errorf("%d verdicts", len(got))
	}
}

// families returns documents of which many resemble one another, in chains and in crowds, and some
// are the same.
func families(r *rand.Rand, n int) []Entry {
	var entries []Entry
	var text []string
	for len(entries) < n {
		switch r.IntN(6) {
		case 0:
			text = words(r, 20+r.IntN(200))
		case 1, 2: // change a word
			text = append([]string(nil), text...)
			if len(text) > 0 {
				text[r.IntN(len(text))] = "changed"
			}
		case 3: // shift
			if len(text) > 30 {
				text = append(append([]string(nil), text[10:]...), words(r, 10)...)
			}
		}
		e := entry(fmt.Sprintf("%08x", r.Uint32()), text)
		e.Digest = DigestOf(strings.Join(text, " "))
		entries = append(entries, e)
	}
	return entries
}

// Whatever the budget, an index decides as one that holds everything in memory.
func TestAgreesWithTheOracle(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 9))
		entries := families(r, 700)
		exact, near := memoryExact{}, &memoryNear{threshold: 0.6}
		for _, e := range entries {
			m := memoryEntry{word(e.ID), e.Size, e.Digest, e.Signature}
			if err := errors.Join(exact.Add(m), near.Add(m)); err != nil {
				t.Fatal(err)
			}
		}
		wantExact, _ := exact.Verdicts()
		wantNear, _ := near.Verdicts()
		if len(wantExact) < 100 || len(wantNear) < 300 {
			t.Fatalf("too few duplicates: %d, %d", len(wantExact), len(wantNear))
		}
		for _, budget := range []int64{1, 100_000, 1 << 30} {
			s := spill.New(t.TempDir(), budget)
			if got := decide(t, NewExact(s), entries, r.Perm(len(entries))); !maps.Equal(got, wantExact) {
				t.Errorf("seed %d, budget %d: exact duplicates differ", seed, budget)
			}
			if got := decide(t, NewNear(s, 0.6), entries, r.Perm(len(entries))); !maps.Equal(got, wantNear) {
				t.Errorf("seed %d, budget %d: near-duplicates differ", seed, budget)
			}
		}
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
