package generate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// rankedWhole are the tokens that may be drawn and their probabilities, from a whole sorted vocabulary.
func rankedWhole(logits []float32, o Options) (ids []int32, probs []float64) {
	for i := range logits {
		ids = append(ids, int32(i))
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
	if o.TopK > 0 {
		ids = ids[:min(o.TopK, len(ids))]
	}
	normalised := func() {
		probs = nil
		var sum float64
		for _, id := range ids {
			p := math.Exp((float64(logits[id]) - float64(logits[ids[0]])) / o.Temperature)
			probs, sum = append(probs, p), sum+p
		}
		for i := range probs {
			probs[i] /= sum
		}
	}
	normalised()
	if o.TopP > 0 && o.TopP < 1 {
		var mass float64
		for i, p := range probs {
			if mass += p; mass >= o.TopP {
				ids = ids[:i+1]
				break
			}
		}
		normalised()
	}
	for o.MinP > 0 && probs[len(ids)-1] < o.MinP*probs[0] {
		ids = ids[:len(ids)-1]
	}
	normalised()
	return ids, probs
}

// Tokens are put in order piece by piece; what is drawn follows from the whole order.
func TestSamplingIsThatOfAWholeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, vocabulary := range []int{1, 2, 63, 64, 65, 5000} {
		for _, o := range []Options{
			{Temperature: 1}, {Temperature: 0.2}, {Temperature: 30}, {Temperature: 1, TopK: 1}, {Temperature: 1, TopK: 100},
			{Temperature: 1, TopP: 0.9}, {Temperature: 3, TopP: 0.99}, {Temperature: 1, MinP: 0.05},
			{Temperature: 2, TopK: 70, TopP: 0.95, MinP: 0.01}, {Temperature: 1, TopK: 9999, TopP: 1},
		} {
			logits := make([]float32, vocabulary)
			for i := range logits {
				logits[i] = float32(math.Round(r.NormFloat64()*40) / 16) // many are equal
			}
			ids, probs := rankedWhole(logits, o)
			s := newSampler(o, 0, nil)
			for step := range 200 {
				draw := s.stream.At(uint64(step), 0)
				u, want := float64(draw.Float32()), 0
				var sum float64
				for want = 0; want < len(ids)-1; want++ {
					if sum += probs[want]; sum > u {
						break
					}
				}
				if got := s.sample(logits, step); got != ids[want] && math.Abs(sum-u) > 1e-6 {
					t.Fatalf("%d tokens, %+v: drew %d, want %d, rank %d", vocabulary, o, got, ids[want], want)
				}
			}
		}
	}
}

func TestGreedyPassesByWhatIsNoNumber(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, tt := range []struct {
		logits []float32
		want   int32
	}{
		{[]float32{nan, 1, 3, nan, 3}, 2}, {[]float32{nan, nan}, 0}, {[]float32{inf, inf}, 0}, {[]float32{inf, -1}, 1},
		{[]float32{-1, float32(math.Copysign(0, -1)), 0}, 1},
	} {
		if got := argmax(tt.logits); got != tt.want {
			t.Errorf("%v: token %d, want %d", tt.logits, got, tt.want)
		}
	}
}

// BenchmarkSampler is a choice from a vocabulary of 49152.
func BenchmarkSampler(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 49152)
	for i := range logits {
		logits[i] = float32(r.NormFloat64()) * 2
	}
	for _, o := range []Options{{}, {Temperature: 1}, {Temperature: 0.8, TopP: 0.9}, {Temperature: 0.8, TopK: 50}} {
		b.Run(fmt.Sprintf("temperature=%g,p=%g,k=%d", o.Temperature, o.TopP, o.TopK), func(b *testing.B) {
			s := newSampler(o, 0, nil)
			for step := 0; b.Loop(); step++ {
				s.next(logits, step)
			}
		})
	}
}
