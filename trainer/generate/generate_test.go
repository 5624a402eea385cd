package generate

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// fixed is a batch in which logits depend on the length of the sequence only.
type fixed struct {
	logits [][]float32
	length map[int]int
}

func (*fixed) Len() int { return 1 }

func (f *fixed) Copy(to, from int) { f.length[to] = f.length[from] }

func (f *fixed) Reset(i int) { f.length[i] = 0 }

func (f *fixed) Append(tokens [][]int32) ([][]float32, error) {
	if f.length == nil {
		f.length = make(map[int]int)
	}
	out := make([][]float32, len(tokens))
	for i, t := range tokens {
		if f.length[i] += len(t); len(t) > 0 {
			out[i] = slices.Clone(f.logits[(f.length[i]-1)%len(f.logits)])
		}
	}
	return out, nil
}

func collect(t *testing.T, b Batch, prompt []int32, o Options) []int32 {
	t.Helper()
	var ids []int32
	err := All(context.Background(), b, [][]int32{prompt}, o, func(_ int, id int32) bool {
		ids = append(ids, id)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestGreedyTakesTheFirstOfTheLikeliest(t *testing.T) {
	s := &fixed{logits: [][]float32{{1, 3, 3}, {5, 2, 1}}}
	if got := collect(t, s, []int32{0}, Options{MaxNewTokens: 3}); !slices.Equal(got, []int32{1, 0, 1}) {
		t.Errorf("got %v", got)
	}
}

func TestStop(t *testing.T) {
	s := &fixed{logits: [][]float32{{1, 0, 0}, {0, 0, 1}}}
	if got := collect(t, s, []int32{0}, Options{MaxNewTokens: 9, Stop: []int32{2}}); !slices.Equal(got, []int32{0}) {
		t.Errorf("got %v", got)
	}
}

// share draws many tokens from one distribution and counts them.
func share(t *testing.T, logits []float32, o Options) []float64 {
	t.Helper()
	const n = 4000
	o.MaxNewTokens = n
	counts := make([]float64, len(logits))
	for _, id := range collect(t, &fixed{logits: [][]float32{logits}}, []int32{0}, o) {
		counts[id] += 1.0 / n
	}
	return counts
}

func TestSamplingFollowsTheDistribution(t *testing.T) {
	logits := []float32{float32(math.Log(0.1)), float32(math.Log(0.6)), float32(math.Log(0.3))}
	for _, tt := range []struct {
		name string
		o    Options
		want []float64
	}{
		{"plain", Options{Temperature: 1}, []float64{0.1, 0.6, 0.3}},
		{"temperature", Options{Temperature: 0.5}, []float64{0.01 / 0.46, 0.36 / 0.46, 0.09 / 0.46}},
		{"top-k", Options{Temperature: 1, TopK: 2}, []float64{0, 2.0 / 3, 1.0 / 3}},
		{"top-p", Options{Temperature: 1, TopP: 0.5}, []float64{0, 1, 0}},
		{"top-p reached by two", Options{Temperature: 1, TopP: 0.85}, []float64{0, 2.0 / 3, 1.0 / 3}},
		{"min-p", Options{Temperature: 1, MinP: 0.4}, []float64{0, 2.0 / 3, 1.0 / 3}},
	} {
		got := share(t, logits, tt.o)
		for i := range got {
			if math.Abs(got[i]-tt.want[i]) > 0.03 {
				t.Errorf("%s: shares %.3f, want %.3f", tt.name, got, tt.want)
				break
			}
		}
	}
}

func TestSeed(t *testing.T) {
	logits := []float32{1, 1.1, 0.9, 1}
	draw := func(seed uint64) []int32 {
		return collect(t, &fixed{logits: [][]float32{logits}}, []int32{0}, Options{Temperature: 1, MaxNewTokens: 20, Seed: seed})
	}
	if !slices.Equal(draw(1), draw(1)) {
		t.Error("the same seed draws otherwise")
	}
	if slices.Equal(draw(1), draw(2)) {
		t.Error("another seed draws the same")
	}
}

func TestRepetitionPenalty(t *testing.T) {
	s := &fixed{logits: [][]float32{{2, 1.5, -1}}}
	got := collect(t, s, []int32{0}, Options{MaxNewTokens: 2, RepetitionPenalty: 1.5})
	if !slices.Equal(got, []int32{1, 0}) { // 2/1.5 < 1.5, then 1.5/1.5 < 2/1.5
		t.Errorf("got %v", got)
	}
}

func TestErrors(t *testing.T) {
	ignore := func(int, int32) bool { return true }
	err := All(context.Background(), &fixed{}, [][]int32{nil}, Options{MaxNewTokens: 1}, ignore)
	if err == nil || !strings.Contains(err.Error(), "prompt") {
		t.Errorf("empty prompt: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = All(ctx, &fixed{logits: [][]float32{{1}}}, [][]int32{{0}}, Options{MaxNewTokens: 1}, ignore)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := (Options{Temperature: -1, TopP: 2}).Validate(); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("validate: %v", err)
	}
}

// Sequences end by themselves, and what one gets does not depend on the others.
func TestSideBySide(t *testing.T) {
	logits := [][]float32{{1, 3, 0, 0}, {5, 2, 1, 0}, {0, 0, 2, 0}, {0, 0, 0, 9}}
	prompts := [][]int32{{0}, {0, 1}, {0, 1, 2}}
	o := Options{MaxNewTokens: 6, Stop: []int32{3}}
	got := make([][]int32, len(prompts))
	err := All(context.Background(), &fixed{logits: logits}, prompts, o, func(i int, id int32) bool {
		got[i] = append(got[i], id)
		return len(got[i]) < 2
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]int32{{1, 0}, {0, 2}, {2}} {
		if !slices.Equal(got[i], want) {
			t.Errorf("sequence %d gets %v, want %v", i, got[i], want)
		}
	}
}
