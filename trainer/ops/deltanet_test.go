package ops

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

var testDelta = DeltaNet{KeyHeads: 2, ValueHeads: 4, KeyDim: 3, ValueDim: 5}

// deltaGraph is a delta net between two linear modules.
func deltaGraph(name string, d DeltaNet) graph {
	return graph{name, func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		lora := &LoRA{A: b.Trainable("ba.A", 2, testHidden), B: b.Trainable("ba.B", 2*d.ValueHeads, 2), Scaling: 1.5}
		qkv := b.Linear(x, Projection{Weight: b.Frozen("qkv", d.Width(), testHidden)})
		ba := b.Linear(x, Projection{Weight: b.Frozen("ba", 2*d.ValueHeads, testHidden), LoRA: lora})
		y := b.DeltaNet(qkv, ba, d, b.Frozen("A_log", 1, d.ValueHeads), b.Frozen("dt_bias", 1, d.ValueHeads))
		return b.Linear(y, Projection{Weight: b.Frozen("out", testHidden, d.Values())})
	}, nil}
}

func TestDeltaNetGradients(t *testing.T) {
	for _, every := range []int{0, 1, 2, 3} {
		d := testDelta
		d.every = every
		g := deltaGraph("delta net", d)
		g.checkGradients(t, nil)
		g.checkPlan(t)
	}
}

func TestGatesAndColumns(t *testing.T) {
	linear := func(b *Builder, x *gorgonia.Node, name string, n int) *gorgonia.Node {
		return b.Linear(x, Projection{Weight: b.Frozen(name, n, testHidden)})
	}
	trained := func(b *Builder, x *gorgonia.Node) *gorgonia.Node { // whose input is computed again
		n := x.Shape()[1]
		lora := &LoRA{A: b.Trainable("o.A", 2, n), B: b.Trainable("o.B", 3, 2), Scaling: 1.5}
		return b.Linear(x, Projection{Weight: b.Frozen("o", 3, n), LoRA: lora})
	}
	for _, g := range []graph{
		{"gated by a sigmoid", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			return trained(b, b.GatedBy(linear(b, x, "x", 6), linear(b, x, "gate", 6), Sigmoid))
		}, nil},
		{"gated by one sigmoid", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			return trained(b, b.GatedBy(linear(b, x, "x", 6), linear(b, x, "gate", 1), Sigmoid))
		}, nil},
		{"heads normalised and gated", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			h := b.HeadNorm(linear(b, x, "x", 6), b.Frozen("norm", 1, 3), 1e-6)
			return trained(b, b.GatedBy(h, linear(b, x, "gate", 6), SiLU))
		}, nil},
		{"trained norm of heads", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			return trained(b, b.HeadNorm(linear(b, x, "x", 6), b.Trainable("norm", 1, 3), 1e-6))
		}, nil},
		{"columns", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			h := linear(b, x, "x", 9)
			return trained(b, b.GatedBy(b.Columns(h, Columns{6, 2}, Columns{0, 2}), b.Columns(h, Columns{2, 4}), SiLU))
		}, nil},
	} {
		g.checkGradients(t, nil)
		g.checkPlan(t)
	}
}

// deltaRows is a layout whose segments begin and end within, at and across checkpoints.
func deltaRows(lengths ...int) Layout {
	var l Layout
	for _, n := range lengths {
		at := l.Rows()
		for i := range n {
			l.Positions = append(l.Positions, int32(i))
		}
		l.Segments = append(l.Segments, attention.Segment{Q0: at, Q1: at + n, K0: at, K1: at + n})
	}
	return l
}

// deltaNetOn runs a delta net on inputs of its own, forward and backward.
func deltaNetOn(t *testing.T, d DeltaNet, l Layout, x, dy []float32, caches []*Cache) (y, dx []float32) {
	t.Helper()
	b := NewBuilder()
	width := d.Width() + 2*d.ValueHeads
	in := b.Input("x", width)
	out := b.DeltaNet(b.Columns(in, Columns{0, d.Width()}), b.Columns(in, Columns{d.Width(), 2 * d.ValueHeads}), d,
		b.Frozen("A_log", 1, d.ValueHeads), b.Frozen("dt_bias", 1, d.ValueHeads))
	gradients := OfWeightsInput
	if dy == nil {
		gradients = NoGradients
	}
	tape, err := b.Compile(in, out, gradients)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tape.Weights {
		w.Bind(gemm.F32(random(w.Name, w.Cols), 1, w.Cols))
	}
	rehearse(t, tape)
	tape.Run.Layout, tape.Run.Training, tape.Run.Caches = l, dy != nil, caches
	m := tape.NewMachine(NewArena(nil, nil))
	if y, err = m.Forward(x, nil); err != nil {
		t.Fatal(err)
	}
	y = slices.Clone(y)
	if dy == nil {
		return y, nil
	}
	if dx, err = m.Backward(dy, nil); err != nil {
		t.Fatal(err)
	}
	return y, slices.Clone(dx)
}

// The recurrence as its definition has it, in float64.
func TestDeltaNetIsItsDefinition(t *testing.T) {
	d, l := testDelta, deltaRows(4, 3)
	width := d.Width() + 2*d.ValueHeads
	x := random("x", l.Rows()*width)
	got, _ := deltaNetOn(t, d, l, x, nil, nil)
	aLog, dt := random("A_log", d.ValueHeads), random("dt_bias", d.ValueHeads)
	unit := func(x []float32) []float64 {
		var sum float64
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = float64(v) / math.Sqrt(sum+l2Eps)
		}
		return out
	}
	for _, s := range l.Segments {
		for h := range d.ValueHeads {
			state := make([]float64, d.KeyDim*d.ValueDim)
			for r := s.Q0; r < s.Q1; r++ {
				row, kh := x[r*width:(r+1)*width], h/2*d.KeyDim
				q, k := unit(row[kh:kh+d.KeyDim]), unit(row[d.Queries()+kh:][:d.KeyDim])
				beta := 1 / (1 + math.Exp(-float64(row[d.Width()+h])))
				g := -math.Exp(float64(aLog[h])) * math.Log1p(math.Exp(float64(row[d.Width()+d.ValueHeads+h]+dt[h])))
				for j := range d.ValueDim {
					v := float64(row[2*d.Queries()+h*d.ValueDim+j])
					for i := range d.KeyDim {
						state[i*d.ValueDim+j] *= math.Exp(g)
						v -= k[i] * state[i*d.ValueDim+j]
					}
					var y float64
					for i := range d.KeyDim {
						state[i*d.ValueDim+j] += k[i] * beta * v
						y += q[i] * state[i*d.ValueDim+j] / math.Sqrt(float64(d.KeyDim))
					}
					if y32 := got[r*d.Values()+h*d.ValueDim+j]; math.Abs(float64(y32)-y) > 1e-6 {
						t.Errorf("row %d head %d column %d is %g, want %g", r, h, j, y32, y)
					}
				}
			}
		}
	}
}

// Where checkpoints lie, who else is in the batch, and the implementation must not matter.
func TestDeltaNetGivesTheSameBits(t *testing.T) {
	d, l := testDelta, deltaRows(5, 1, 2, 130, 7, 260, 3)
	width := d.Width() + 2*d.ValueHeads
	x, dy := random("x", l.Rows()*width), random("dy", l.Rows()*d.Values())
	y, dx := deltaNetOn(t, d, l, x, dy, nil)
	same := func(what string, gotY, gotDX []float32, wantY, wantDX []float32) {
		t.Helper()
		if !slices.Equal(gotY, wantY) || !slices.Equal(gotDX, wantDX) {
			t.Errorf("%s changes the results", what)
		}
	}
	for _, every := range []int{1, 4, 1000} {
		d.every = every
		gotY, gotDX := deltaNetOn(t, d, l, x, dy, nil)
		same("a checkpoint elsewhere", gotY, gotDX, y, dx)
	}
	for _, i := range cpu.Available() {
		restore := cpu.Use(i)
		gotY, gotDX := deltaNetOn(t, testDelta, l, x, dy, nil)
		same(i.String(), gotY, gotDX, y, dx)
		restore()
	}
	for _, s := range l.Segments {
		n, w, v := s.Q1-s.Q0, width, d.Values()
		gotY, gotDX := deltaNetOn(t, testDelta, deltaRows(n), x[s.Q0*w:s.Q1*w], dy[s.Q0*v:s.Q1*v], nil)
		same("the rest of the batch", gotY, gotDX, y[s.Q0*v:s.Q1*v], dx[s.Q0*w:s.Q1*w])
	}
}

// Sequences that grow together, in steps of any length, give what each gives at once.
func TestDeltaNetDecodes(t *testing.T) {
	d := testDelta
	width := d.Width() + 2*d.ValueHeads
	const n = 9
	a, b := random("a", n*width), random("b", n*width)
	wantA, _ := deltaNetOn(t, d, deltaRows(n), a, nil, nil)
	wantB, _ := deltaNetOn(t, d, deltaRows(n), b, nil, nil)
	caches := []*Cache{new(Cache), new(Cache)}
	for range 2 {
		var gotA, gotB []float32
		at := 0
		for _, step := range []int{1, 3, 1, 4} {
			x := slices.Concat(a[at*width:(at+step)*width], b[at*width:(at+step)*width])
			y, _ := deltaNetOn(t, d, deltaRows(step, step), x, nil, caches)
			gotA, gotB = append(gotA, y[:step*d.Values()]...), append(gotB, y[step*d.Values():]...)
			at += step
		}
		if !slices.Equal(gotA, wantA) || !slices.Equal(gotB, wantB) {
			t.Error("decoding differs from prefill")
		}
		for _, c := range caches {
			c.Reset()
		}
	}
}

// Softplus keeps its precision where 1 + eˣ loses it.
func TestSoftplus(t *testing.T) {
	for _, x := range []float64{-800, -50, -36.5, -20, -1, -1e-9, 0, 0.3, 1, 20, 50, 800} {
		want := math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
		if got := softplus(x); math.Abs(got-want) > 4e-16*want {
			t.Errorf("softplus(%g) is %g, want %g", x, got, want)
		}
	}
}

// Of a norm and a gate neither result is kept for the backward pass: both are computed again.
func TestRepetitionsReadRepetitions(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", testHidden)
	h := b.Linear(x, Projection{Weight: b.Frozen("x", 6, testHidden)}, Projection{Weight: b.Frozen("gate", 6, testHidden)})
	h = b.GatedBy(b.HeadNorm(b.Columns(h, Columns{0, 6}), b.Frozen("norm", 1, 3), 1e-6), b.Columns(h, Columns{6, 6}), SiLU)
	y := b.Linear(h, Projection{Weight: b.Frozen("o", 3, 6), LoRA: &LoRA{A: b.Trainable("A", 2, 6), B: b.Trainable("B", 3, 2), Scaling: 1}})
	tape := rehearsed(t, b, x, y)
	if kept := tape.Plan().kept; kept != 6+6+2 { // what is normalised, the gate, and the product with A
		t.Errorf("%d floats of a row are kept", kept)
	}
}
