package export

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// reference computes the merged weight in float64.
func reference(w []float32, m peft.Module, scaling float64) []float64 {
	merged := make([]float64, len(w))
	for i := range out {
		norm := 0.0
		for j := range in {
			var delta float64
			for p := range rank {
				delta += float64(m.B.Data[i*rank+p]) * float64(m.A.Data[p*in+j])
			}
			v := float64(w[i*in+j]) + scaling*delta
			merged[i*in+j] = v
			norm += v * v
		}
		if m.Magnitude != nil {
			for j := range in {
				merged[i*in+j] *= float64(m.Magnitude.Data[i]) / math.Sqrt(norm)
			}
		}
	}
	return merged
}

func TestMerge(t *testing.T) {
	for name, tt := range map[string]struct {
		dora, rslora bool
		scaling      float64
	}{
		"LoRA": {scaling: 2}, "rsLoRA": {rslora: true, scaling: 6 / math.Sqrt(3)}, "DoRA": {dora: true, scaling: 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			a := adapterOn(r, tt.dora, qProj)
			a.Config.UseRSLoRA = tt.rslora
			w := random(r, out*in)
			want := reference(w, onlyModule(t, a), tt.scaling)
			Merge(w, onlyModule(t, a), a.Config)
			for i := range w {
				if math.Abs(float64(w[i])-want[i]) > 1e-5*(1+math.Abs(want[i])) {
					t.Fatalf("element %d: got %g, want %g", i, w[i], want[i])
				}
			}
		})
	}
}

// The arithmetic is defined to the bit: this element takes another value if products are summed in
// another order, if the scaled product is fused into the sum or if anything is done in float64.
func TestMergeRounding(t *testing.T) { cputest.EachImplementation(t, testMergeRounding) }

func testMergeRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	a := adapterOn(r, false, qProj)
	m := onlyModule(t, a)
	w := random(r, out*in)
	plain := slices.Clone(w)
	Merge(w, m, a.Config)
	for i := range w {
		var acc float32
		for p := range rank {
			acc = fma.FMA32(m.B.Data[i/in*rank+p], m.A.Data[p*in+i%in], acc)
		}
		if want := plain[i] + float32(2*acc); w[i] != want {
			t.Fatalf("element %d: got %g, want %g", i, w[i], want)
		}
	}
}

func TestDoRAKeepsARowOfZeros(t *testing.T) {
	a := adapterOn(rand.New(rand.NewPCG(5, 6)), true, qProj)
	m := onlyModule(t, a)
	clear(m.B.Data)
	w := make([]float32, out*in)
	Merge(w, m, a.Config)
	if slices.ContainsFunc(w, func(v float32) bool { return v != 0 }) {
		t.Error("zeros became something else")
	}
}
