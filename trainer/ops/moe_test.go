package ops

import (
	"math"
	"testing"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// mixtureLayer is a residual around a small layer of experts.
func mixtureLayer(t *testing.T, normalise, fused bool) *Tape {
	t.Helper()
	const experts, inner = 4, 6
	b := NewBuilder()
	x := b.Input("x", testHidden)
	m := Mixture{Router: Affine{b.Frozen("router", experts, testHidden), b.Frozen("router.bias", 1, experts)}, TopK: 2, Normalise: normalise, Gate: SiLU}
	for i := range experts {
		name := string(rune('a' + i))
		e := Expert{Down: Affine{b.Frozen(name+".down", testHidden, inner), nil}}
		if fused {
			m.Gate = ClampedSwiGLU
			e.Down.Bias = b.Frozen(name+".down.bias", 1, testHidden)
			e.GateUp = []Affine{{b.Frozen(name+".gate_up", 2*inner, testHidden), b.Frozen(name+".bias", 1, 2*inner)}}
		} else {
			e.GateUp = []Affine{{b.Frozen(name+".gate", inner, testHidden), nil}, {b.Frozen(name+".up", inner, testHidden), nil}}
		}
		m.Experts = append(m.Experts, e)
	}
	w := b.Trainable("norm", 1, testHidden)
	y := b.Add(x, b.Mixture(b.RMSNorm(x, w, 1e-6), m))
	tape, err := b.Compile(x, y, OfWeightsInput)
	if err != nil {
		t.Fatal(err)
	}
	tape.Run.Layout = testLayout
	for _, w := range tape.Weights {
		if w.Trainable() {
			p := NewParam(w.Name, w.Rows, w.Cols)
			copy(p.Value, random(w.Name, w.Rows*w.Cols))
			w.BindParam(p)
		} else {
			w.Bind(gemm.F32(random(w.Name, w.Rows*w.Cols), w.Rows, w.Cols))
		}
	}
	rehearse(t, tape)
	return tape
}

func TestMixtureGradient(t *testing.T) {
	for _, normalise := range []bool{false, true} {
		for _, fused := range []bool{false, true} {
			m := mixtureLayer(t, normalise, fused).NewMachine(NewArena(nil, nil))
			x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
			forward := func() float64 {
				y, err := m.Forward(x, nil)
				if err != nil {
					t.Fatal(err)
				}
				return objective(y, dy)
			}
			forward()
			got, err := m.Backward(dy, nil)
			if err != nil {
				t.Fatal(err)
			}
			got = append([]float32(nil), got...)
			for i := range x {
				const h = 1.0 / 512 // small enough that no token changes its experts
				old := x[i]
				x[i] = old + h
				up := forward()
				x[i] = old - h
				down := forward()
				x[i] = old
				if want := (up - down) / (2 * h); math.Abs(float64(got[i])-want) > 2e-3*math.Max(1, math.Abs(want)) {
					t.Errorf("normalise %t, fused %t: gradient of x[%d] is %g, differences say %g", normalise, fused, i, got[i], want)
				}
			}
		}
	}
}

// A token's result must not depend on the others, whatever experts they pick.
func TestMixtureRowsAreIndependent(t *testing.T) {
	x := random("x", testRows*testHidden)
	run := func() []float32 {
		y, err := mixtureLayer(t, true, false).NewMachine(NewArena(nil, nil)).Forward(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		return append([]float32(nil), y...)
	}
	before := run()
	for i := range testHidden {
		x[i] = -x[i]
	}
	after := run()
	for i := testHidden; i < len(x); i++ {
		if before[i] != after[i] {
			t.Fatalf("element %d changes with another token", i)
		}
	}
}
