package ops

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/kernels/attention"
)

// convGraphs is convolutions after a projection, so that their input is a result and no leaf.
func convGraphs() []graph {
	conv := func(kernel int, bias, silu bool) func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		return func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			x = b.RMSNorm(x, b.Trainable("norm", 1, testHidden), 1e-6)
			w, bs := b.Frozen("conv", kernel, testHidden), (*Weight)(nil)
			if bias {
				bs = b.Frozen("bias", 1, testHidden)
			}
			return b.CausalConv(x, w, bs, silu)
		}
	}
	return []graph{
		{"conv", conv(3, false, false), nil},
		{"conv of one tap", conv(1, true, true), nil},
		{"conv with bias and silu", conv(4, true, true), nil},
		{"conv longer than a sequence", conv(6, false, true), nil},
		{"conv between gates", func(b *Builder, x *gorgonia.Node) *gorgonia.Node { // LFM2's
			third := func(i int) *gorgonia.Node { return b.Columns(x, Columns{2 * i, 2}) }
			h := b.CausalConv(b.GatedBy(third(2), third(0), Product), b.Frozen("conv", 3, 2), nil, false)
			up := &LoRA{A: b.Trainable("A", 1, 2), B: b.Trainable("B", testHidden, 1), Scaling: 0.5}
			return b.Linear(b.GatedBy(h, third(1), Product), Projection{Weight: b.Frozen("out", testHidden, 2), LoRA: up})
		}, nil},
	}
}

func TestCausalConvGradients(t *testing.T) {
	for _, g := range convGraphs() {
		g.checkGradients(t, nil)
		g.checkPlan(t)
		g.checkDecoding(t)
	}
}

// checkDecoding holds pieces of a sequence with a cache to the bits of the whole, in the layout of
// two sequences, on every implementation.
func (g graph) checkDecoding(t *testing.T) {
	t.Helper()
	tape, _ := g.bound(t)
	tape.Run.Training = false
	m := tape.NewMachine(NewArena(nil, nil))
	x := random("x", testRows*testHidden)
	forward := func(x []float32) []float32 {
		y, err := m.Forward(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(y)
	}
	want := forward(x)
	cols := len(want) / testRows
	cputest.EachImplementation(t, func(t *testing.T) {
		if !slices.Equal(forward(x), want) {
			t.Errorf("%s: the results differ from another implementation's", g.name)
		}
	})
	first, second := testLayout.Segments[0], testLayout.Segments[1]
	tape.Run.Caches = []*Cache{new(Cache), new(Cache)}
	for range 2 { // again after a Reset
		at := [2]int{first.Q0, second.Q0}
		for _, n := range [][2]int{{1, 1}, {2, 1}, {1, 1}} { // rows of either
			lo := at
			at = [2]int{at[0] + n[0], at[1] + n[1]}
			tape.Run.Layout = pieces(lo, at)
			got := forward(slices.Concat(x[lo[0]*testHidden:at[0]*testHidden], x[lo[1]*testHidden:at[1]*testHidden]))
			if !slices.Equal(got, slices.Concat(want[lo[0]*cols:at[0]*cols], want[lo[1]*cols:at[1]*cols])) {
				t.Errorf("%s: rows %v to %v differ from those of the whole", g.name, lo, at)
			}
		}
		for _, c := range tape.Run.Caches {
			c.Reset()
		}
	}
}

// pieces is the layout of rows [lo, hi) of testLayout's sequences, end to end.
func pieces(lo, hi [2]int) Layout {
	var l Layout
	for i, s := range testLayout.Segments {
		q := len(l.Positions)
		for r := lo[i]; r < hi[i]; r++ {
			l.Positions = append(l.Positions, int32(r-s.Q0))
		}
		l.Segments = append(l.Segments, attention.Segment{Q0: q, Q1: len(l.Positions), K0: 0, K1: hi[i] - s.Q0})
	}
	return l
}

// The formula, written out, on two sequences.
func TestCausalConvFormula(t *testing.T) {
	g := graph{"conv", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		return b.CausalConv(x, b.Frozen("conv", 3, testHidden), b.Frozen("bias", 1, testHidden), true)
	}, nil}
	tape, _ := g.bound(t)
	x, w, bias := random("x", testRows*testHidden), random("conv", 3*testHidden), random("bias", testHidden)
	y, err := tape.NewMachine(NewArena(nil, nil)).Forward(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range testLayout.Segments {
		for r := s.Q0; r < s.Q1; r++ {
			for c := range testHidden {
				z := float64(bias[c])
				for k := range 3 {
					if from := r - 2 + k; from >= s.Q0 {
						z += float64(w[k*testHidden+c]) * float64(x[from*testHidden+c])
					}
				}
				want := z / (1 + math.Exp(-z))
				if got := float64(y[r*testHidden+c]); math.Abs(got-want) > 1e-6 {
					t.Errorf("row %d, channel %d is %g, want %g", r, c, got, want)
				}
			}
		}
	}
}
