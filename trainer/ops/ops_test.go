package ops

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/rng"
)

// layer is a small decoder layer with every operator in it: frozen and trainable weights, a bias,
// LoRA on two projections, one segment boundary.
type layer struct {
	tape   *Tape
	frozen map[string][]float32
	params map[string]*Param
}

const (
	testRows   = 7
	testHidden = 8
	testInner  = 6
)

var testAttention = attention.Config{Heads: 2, KVHeads: 1, HeadDim: 4, Scale: 0.5}

func newLayer(t *testing.T, dropout float32) *layer {
	t.Helper()
	l := &layer{frozen: map[string][]float32{}, params: map[string]*Param{}}
	b := NewBuilder()
	x := b.Input("x", testHidden)
	norm := b.Trainable("norm", 1, testHidden)
	bias := b.Frozen("q.bias", 1, 8)
	lora := func(name string, in, out int) *LoRA {
		return &LoRA{A: b.Trainable(name+".A", 2, in), B: b.Trainable(name+".B", out, 2), Scaling: 1.5, Dropout: dropout}
	}
	h := b.RMSNorm(x, norm, 1e-6)
	qkv := b.Linear(h,
		Projection{Weight: b.Frozen("q", 8, testHidden), Bias: bias, LoRA: lora("q", testHidden, 8)},
		Projection{Weight: b.Trainable("k", 4, testHidden)},
		Projection{Weight: b.Frozen("v", 4, testHidden), LoRA: lora("v", testHidden, 4)})
	y := b.AddLinear(x, b.Attention(qkv, testAttention), Projection{Weight: b.Frozen("o", testHidden, 8), LoRA: lora("o", 8, testHidden)})
	h = b.RMSNorm(y, b.Frozen("norm2", 1, testHidden), 1e-6)
	h = b.Gated(b.Linear(h, Projection{Weight: b.Frozen("gate", testInner, testHidden)}, Projection{Weight: b.Frozen("up", testInner, testHidden)}), SiLU)
	y = b.Add(y, b.Linear(h, Projection{Weight: b.Frozen("down", testHidden, testInner)}))
	tape, err := b.Compile(x, y, OfWeightsInput)
	if err != nil {
		t.Fatal(err)
	}
	l.tape = tape
	rope := plainRope([]float64{1, 0.3}, 1)
	rope.Grow(testRows)
	tape.Run.Rope = rope
	tape.Run.Training = true
	tape.Run.Layout = testLayout
	for _, w := range tape.Weights {
		values := random(w.Name, w.Rows*w.Cols)
		if w.Trainable() {
			p := NewParam(w.Name, w.Rows, w.Cols)
			copy(p.Value, values)
			l.params[w.Name] = p
			w.BindParam(p)
		} else {
			l.frozen[w.Name] = values
			w.Bind(gemm.F32(values, w.Rows, w.Cols))
		}
	}
	rehearse(t, tape)
	return l
}

func rehearse(t testing.TB, tape *Tape) {
	t.Helper()
	if err := tape.Rehearse(); err != nil {
		t.Fatal(err)
	}
}

var testLayout = Layout{Positions: []int32{0, 1, 2, 3, 0, 1, 2}, Segments: []attention.Segment{{Q0: 0, Q1: 4, K0: 0, K1: 4}, {Q0: 4, Q1: 7, K0: 4, K1: 7}}}

// rehearsed is the tape of y and the gradients of its weights, which are random where they are frozen.
func rehearsed(t testing.TB, b *Builder, x, y *gorgonia.Node) *Tape {
	t.Helper()
	tape, err := b.Compile(x, y, OfWeights)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tape.Weights {
		if w.Trainable() {
			w.BindParam(NewParam(w.Name, w.Rows, w.Cols))
		} else {
			w.Bind(gemm.F32(random(w.Name, w.Rows*w.Cols), w.Rows, w.Cols))
		}
	}
	rehearse(t, tape)
	return tape
}

// plainRope turns whole heads by the same inverse frequencies (HeadDim/2) at any length.
func plainRope(invFreq []float64, scale float64) *Rope {
	return NewRope(RopeConfig{HeadDim: 2 * len(invFreq), Scale: scale, Frequencies: func(int) []float64 { return invFreq }})
}

func random(name string, n int) []float32 {
	s := rng.New(1, name).At(0, 0)
	x := make([]float32, n)
	for i := range x {
		x[i] = s.Normal() * 0.6
	}
	return x
}

// objective is Σ y·dy in float64.
func objective(y, dy []float32) float64 {
	var sum float64
	for i := range y {
		sum += float64(y[i]) * float64(dy[i])
	}
	return sum
}

func TestGradientsMatchCentralDifferences(t *testing.T) {
	for _, dropout := range []float32{0, 0.3} {
		l := newLayer(t, dropout)
		m := l.tape.NewMachine(NewArena(nil, nil))
		x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
		forward := func() float64 {
			y, err := m.Forward(x, nil)
			if err != nil {
				t.Fatal(err)
			}
			return objective(y, dy)
		}
		forward()
		dx, err := m.Backward(dy, nil)
		if err != nil {
			t.Fatal(err)
		}
		dx = append([]float32(nil), dx...)
		check := func(name string, values, grad []float32) {
			for i := range values {
				const h = 1.0 / 512
				old := values[i]
				values[i] = old + h
				up := forward()
				values[i] = old - h
				down := forward()
				values[i] = old
				want := (up - down) / (2 * h)
				if diff := math.Abs(float64(grad[i]) - want); diff > 2e-3*math.Max(1, math.Abs(want)) {
					t.Errorf("dropout %g: gradient of %s[%d] is %g, differences say %g", dropout, name, i, grad[i], want)
				}
			}
		}
		check("x", x, dx)
		for name, p := range l.params {
			check(name, p.Value, p.Grad)
		}
	}
}

func TestGradientsAccumulate(t *testing.T) {
	l := newLayer(t, 0)
	m := l.tape.NewMachine(NewArena(nil, nil))
	x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
	run := func() {
		if _, err := m.Forward(x, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Backward(dy, nil); err != nil {
			t.Fatal(err)
		}
	}
	run()
	once := append([]float32(nil), l.params["q.A"].Grad...)
	run()
	for i, g := range l.params["q.A"].Grad {
		if math.Abs(float64(g-2*once[i])) > 1e-4 {
			t.Errorf("after two passes the gradient is %g, after one %g", g, once[i])
		}
	}
}

func TestMachinesKeepTheirActivations(t *testing.T) {
	l := newLayer(t, 0)
	x1, x2, dy := random("x1", testRows*testHidden), random("x2", testRows*testHidden), random("dy", testRows*testHidden)
	alone := func(x []float32) []float32 {
		m := l.tape.NewMachine(NewArena(nil, nil))
		if _, err := m.Forward(x, nil); err != nil {
			t.Fatal(err)
		}
		dx, err := m.Backward(dy, nil)
		if err != nil {
			t.Fatal(err)
		}
		return append([]float32(nil), dx...)
	}
	want1, want2 := alone(x1), alone(x2)
	m1, m2 := l.tape.NewMachine(NewArena(nil, nil)), l.tape.NewMachine(NewArena(nil, nil))
	for m, x := range map[*Machine][]float32{m1: x1, m2: x2} {
		if _, err := m.Forward(x, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		m    *Machine
		want []float32
	}{{m2, want2}, {m1, want1}} {
		dx, err := c.m.Backward(dy, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range dx {
			if dx[i] != c.want[i] {
				t.Fatalf("dx[%d] is %g with another machine between, %g alone", i, dx[i], c.want[i])
			}
		}
	}
}

// A plan must change where results lie and nothing else.
func TestPlannedMemoryGivesTheSameBits(t *testing.T) {
	x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
	type result struct{ y, dx, gradA, gradNorm []float32 }
	run := func(l *layer, a *Arena) result {
		m := l.tape.NewMachine(a)
		out, dx := make([]float32, len(x)), make([]float32, len(x))
		var r result
		for range 2 { // a replay uses what the first run left behind
			for _, p := range l.params {
				clear(p.Grad)
			}
			y, err := m.Forward(x, out)
			if err != nil {
				t.Fatal(err)
			}
			r.y = slices.Clone(y)
			d, err := m.Backward(dy, dx)
			if err != nil {
				t.Fatal(err)
			}
			r.dx = slices.Clone(d)
		}
		r.gradA, r.gradNorm = l.params["v.A"].Grad, l.params["norm"].Grad
		return r
	}
	for _, dropout := range []float32{0, 0.3} {
		want := run(newLayer(t, dropout), NewArena(nil, nil))
		l, scratch := newLayer(t, dropout), new(Scratch)
		plan := l.tape.Plan()
		a := NewArena(plan, scratch)
		if got := run(l, a); !reflect.DeepEqual(got, want) {
			t.Errorf("dropout %g: the results differ from those of unplanned memory", dropout)
		}
		if a.Bytes() != plan.KeptBytes(testRows) || scratch.Bytes() != plan.ScratchBytes(testRows) {
			t.Errorf("dropout %g: arena and scratch take %d and %d bytes, the plan says %d and %d",
				dropout, a.Bytes(), scratch.Bytes(), plan.KeptBytes(testRows), plan.ScratchBytes(testRows))
		}
	}
}

func TestRehearsalLeavesGradientsAlone(t *testing.T) {
	l := newLayer(t, 0)
	for name, p := range l.params {
		for _, g := range p.Grad {
			if g != 0 {
				t.Fatalf("a rehearsal leaves gradient %g in %s", g, name)
			}
		}
	}
}
