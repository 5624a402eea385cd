package ops

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// graph is what a gradient check runs: operators between x (tokens, testHidden) and a result.
type graph struct {
	name  string
	build func(b *Builder, x *gorgonia.Node) *gorgonia.Node
	rope  *Rope
}

// bound compiles a graph and fills its slots at random.
func (g graph) bound(t *testing.T) (*Tape, map[string]*Param) {
	t.Helper()
	return g.boundWide(t, testHidden)
}

// boundWide is bound with an input of another width.
func (g graph) boundWide(t testing.TB, width int) (*Tape, map[string]*Param) {
	t.Helper()
	b := NewBuilder()
	x := b.Input("x", width)
	tape, err := b.Compile(x, g.build(b, x), OfWeightsInput)
	if err != nil {
		t.Fatalf("%s: %v", g.name, err)
	}
	params := make(map[string]*Param)
	for _, w := range tape.Weights {
		values := random(w.Name, w.Rows*w.Cols)
		if !w.Trainable() {
			w.Bind(gemm.F32(values, w.Rows, w.Cols))
			continue
		}
		p := NewParam(w.Name, w.Rows, w.Cols)
		copy(p.Value, values)
		params[w.Name] = p
		w.BindParam(p)
	}
	tape.Run.Rope, tape.Run.Training = g.rope, true
	tape.Run.Layout = testLayout
	rehearse(t, tape)
	return tape, params
}

// checkGradients compares every gradient with central differences. DoRA's norms count as constant,
// so its factors are told apart by frozen: their differences would show the norms' change too.
func (g graph) checkGradients(t *testing.T, frozen func(name string) bool) {
	t.Helper()
	tape, params := g.bound(t)
	m := tape.NewMachine(NewArena(nil, nil))
	x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
	forward := func() float64 {
		y, err := m.Forward(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		return objective(y, dy[:len(y)])
	}
	y, err := m.Forward(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	dx, err := m.Backward(dy[:len(y)], nil)
	if err != nil {
		t.Fatal(err)
	}
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
				t.Errorf("%s: gradient of %s[%d] is %g, differences say %g", g.name, name, i, grad[i], want)
			}
		}
	}
	check("x", x, slices.Clone(dx))
	for name, p := range params {
		if frozen == nil || !frozen(name) {
			check(name, p.Value, slices.Clone(p.Grad))
		}
	}
}

// checkPlan holds planned memory to the bits of unplanned memory.
func (g graph) checkPlan(t *testing.T) {
	t.Helper()
	x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
	one, _ := g.bound(t)
	plan := one.Plan()
	run := func(a *Arena) (all []float32) {
		tape, params := g.bound(t)
		m := tape.NewMachine(a)
		width := tape.output.Shape()[1]
		y, err := m.Forward(x, make([]float32, testRows*width))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, y...)
		dx, err := m.Backward(dy[:testRows*width], make([]float32, testRows*testHidden))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, dx...)
		for _, w := range tape.Weights {
			if p := params[w.Name]; p != nil {
				all = append(all, p.Grad...)
			}
		}
		return all
	}
	a := NewArena(plan, new(Scratch))
	if !slices.Equal(run(a), run(NewArena(nil, nil))) {
		t.Errorf("%s: planned memory changes the results", g.name)
	}
	if a.Bytes() != plan.KeptBytes(testRows) {
		t.Errorf("%s: the arena takes %d bytes, the plan says %d", g.name, a.Bytes(), plan.KeptBytes(testRows))
	}
}

func TestFamilyOperators(t *testing.T) {
	att := attention.Config{Heads: 2, KVHeads: 1, HeadDim: 4, Scale: 0.5, Window: 3, SoftCap: 2}
	square := func(b *Builder) Projection { return Projection{Weight: b.Frozen("w", testHidden, testHidden)} }
	qkv := func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		return b.Linear(x, Projection{Weight: b.Frozen("qkv", 16, testHidden)})
	}
	for _, g := range []graph{
		{"scale", func(b *Builder, x *gorgonia.Node) *gorgonia.Node { return b.Scale(b.Linear(x, square(b)), -0.3) }, nil},
		{"scale by one", func(b *Builder, x *gorgonia.Node) *gorgonia.Node { return b.Scale(b.Linear(x, square(b)), 1) }, nil},
		{"qk norm of heads", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			return b.Attention(b.QKNorm(qkv(b, x), b.Frozen("qn", 1, 4), b.Frozen("kn", 1, 4), 8, 4, 1e-6), att)
		}, plainRope([]float64{1, 0.3}, 1.2)},
		{"qk norm of the whole", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			return b.Attention(b.QKNorm(qkv(b, x), b.Frozen("qn", 1, 8), b.Frozen("kn", 1, 4), 8, 4, 1e-6), att)
		}, nil},
		{"partial interleaved rope", func(b *Builder, x *gorgonia.Node) *gorgonia.Node { return b.Attention(qkv(b, x), att) },
			NewRope(RopeConfig{HeadDim: 4, Scale: 1, Interleaved: true, Frequencies: func(int) []float64 { return []float64{0.7} }})},
		{"rope by length with scaled queries", func(b *Builder, x *gorgonia.Node) *gorgonia.Node { return b.Attention(qkv(b, x), att) },
			NewRope(RopeConfig{
				HeadDim: 4, Scale: 1.1, Class: func(n int) int { return n },
				Frequencies: func(n int) []float64 { return []float64{1, 1 / float64(n)} },
				QueryScale:  func(pos int) float32 { return 1 + float32(pos)/2 },
			})},
	} {
		g.checkGradients(t, nil)
		g.checkPlan(t)
	}
}

// doraGraph is three projections: with magnitude, with a plain update and bare.
func doraGraph(name string, dropout float32) graph {
	return graph{name, func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		lora := func(name string, out int) *LoRA {
			return &LoRA{A: b.Trainable(name+".A", 2, testHidden), B: b.Trainable(name+".B", out, 2), Scaling: 1.5, Dropout: dropout}
		}
		q, k := lora("q", 3), lora("k", 2)
		q.Magnitude = b.Trainable("q.m", 1, 3)
		return b.DoRA(x,
			Projection{Weight: b.Frozen("q", 3, testHidden), Bias: b.Frozen("q.bias", 1, 3), LoRA: q},
			Projection{Weight: b.Frozen("k", 2, testHidden), Bias: b.Frozen("k.bias", 1, 2), LoRA: k},
			Projection{Weight: b.Frozen("v", 2, testHidden)})
	}, nil}
}

func TestDoRA(t *testing.T) {
	for _, g := range []graph{doraGraph("dora", 0), doraGraph("dora with dropout", 0.3)} {
		g.checkGradients(t, func(name string) bool { return name == "q.A" || name == "q.B" })
		g.checkPlan(t)
	}
	norms := RowNorms(gemm.F32([]float32{3, 4, 0, 0, 5, 12}, 3, 2))
	if !slices.Equal(norms, []float32{5, 0, 13}) {
		t.Errorf("norms of rows are %v", norms)
	}
}

// Where the magnitudes are the norms of W + s·B·A, DoRA is LoRA; the gradients of the factors are
// LoRA's then as well, because the norms count as constant.
func TestDoRAOfNormsIsLoRA(t *testing.T) {
	build := func(magnitude bool) (*Tape, map[string]*Param) {
		g := doraGraph("dora", 0)
		if !magnitude {
			g.build = func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
				l := &LoRA{A: b.Trainable("q.A", 2, testHidden), B: b.Trainable("q.B", 3, 2), Scaling: 1.5}
				k := &LoRA{A: b.Trainable("k.A", 2, testHidden), B: b.Trainable("k.B", 2, 2), Scaling: 1.5}
				return b.Linear(x, Projection{Weight: b.Frozen("q", 3, testHidden), Bias: b.Frozen("q.bias", 1, 3), LoRA: l},
					Projection{Weight: b.Frozen("k", 2, testHidden), Bias: b.Frozen("k.bias", 1, 2), LoRA: k},
					Projection{Weight: b.Frozen("v", 2, testHidden)})
			}
		}
		return g.bound(t)
	}
	with, params := build(true)
	sum := slices.Clone(random("q", 3*testHidden))
	for i := range 3 {
		for j := range testHidden {
			for r := range 2 {
				sum[i*testHidden+j] += 1.5 * params["q.B"].Value[i*2+r] * params["q.A"].Value[r*testHidden+j]
			}
		}
	}
	copy(params["q.m"].Value, RowNorms(gemm.F32(sum, 3, testHidden)))
	without, plain := build(false)
	x, dy := random("x", testRows*testHidden), random("dy", testRows*7)
	run := func(tape *Tape) (y, dx []float32) {
		m := tape.NewMachine(NewArena(nil, nil))
		y, err := m.Forward(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		y = slices.Clone(y)
		if dx, err = m.Backward(dy, nil); err != nil {
			t.Fatal(err)
		}
		return y, slices.Clone(dx)
	}
	y1, dx1 := run(with)
	y2, dx2 := run(without)
	near := func(name string, got, want []float32) {
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-5*math.Max(1, math.Abs(float64(want[i]))) {
				t.Errorf("%s[%d] is %g with DoRA, %g with LoRA", name, i, got[i], want[i])
			}
		}
	}
	near("y", y1, y2)
	near("dx", dx1, dx2)
	for _, name := range []string{"q.A", "q.B", "k.A", "k.B"} {
		near(name, params[name].Grad, plain[name].Grad)
	}
}

// A table serves sequences of one class of lengths, whatever else is in the batch.
func TestRopeByLength(t *testing.T) {
	r := NewRope(RopeConfig{HeadDim: 2, Scale: 1, Class: func(n int) int { return n / 4 }, Frequencies: func(n int) []float64 { return []float64{float64(n/4) + 1} }})
	x := []float32{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}
	r.rotate(x, 2, 2, 0, testLayout, false)
	for row, angle := range []float64{0, 2, 4, 6, 0, 1, 2} { // of four tokens at frequency 2, of three at 1
		if math.Abs(float64(x[2*row])-math.Cos(angle)) > 1e-6 || math.Abs(float64(x[2*row+1])-math.Sin(angle)) > 1e-6 {
			t.Errorf("row %d is turned to %v, not by %g", row, x[2*row:2*row+2], angle)
		}
	}
	for n := range 100 {
		r.Grow(n + 1)
	}
	if len(r.tables) > maxRopeTables {
		t.Errorf("%d tables", len(r.tables))
	}
}
