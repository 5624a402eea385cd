package ops

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// mamba2Graph is a state space whose inputs are projections of x.
func mamba2Graph(name string, cfg Mamba2) graph {
	return graph{name, func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		up := &LoRA{A: b.Trainable("xbc.A", 1, testHidden), B: b.Trainable("xbc.B", cfg.Width(), 1), Scaling: 0.5}
		xbc := b.Linear(x, Projection{Weight: b.Frozen("xbc", cfg.Width(), testHidden), LoRA: up})
		dt := b.Linear(x, Projection{Weight: b.Frozen("dt", cfg.Heads, testHidden)})
		vector := func(name string) *Weight { return b.Frozen(name, 1, cfg.Heads) }
		y := b.Mamba2(xbc, dt, cfg, vector("A_log"), vector("dt_bias"), vector("D"))
		return b.GroupNorm(b.GatedBy(y, y, SiLU), b.Trainable("norm", 1, cfg.Values()), cfg.Groups, 1e-2)
	}, nil}
}

var unbounded = float32(math.Inf(1))

func TestMamba2Gradients(t *testing.T) {
	for _, g := range []graph{
		mamba2Graph("mamba 2", Mamba2{Heads: 2, HeadDim: 3, Groups: 1, StateDim: 4, MaxStep: unbounded}),
		mamba2Graph("mamba 2 in groups", Mamba2{Heads: 4, HeadDim: 2, Groups: 2, StateDim: 3, MaxStep: unbounded}),
		mamba2Graph("mamba 2 with bounds", Mamba2{Heads: 2, HeadDim: 1, Groups: 1, StateDim: 5, MinStep: 0.4, MaxStep: 0.8}),
	} {
		g.checkGradients(t, nil)
		g.checkPlan(t)
		g.checkDecoding(t)
	}
}

// A long sequence takes several spans, and a wide group several parts. The formula, written out in
// float64, on the first and last column of either head, with its derivative by differences.
func TestMamba2Formula(t *testing.T) {
	const rows = 2*scanRows + 9
	cfg := Mamba2{Heads: 20, HeadDim: 17, Groups: 1, StateDim: 5, MaxStep: unbounded}
	tape, x, dt := bareMamba2(t, cfg, rows)
	m := tape.NewMachine(NewArena(nil, nil))
	both := join(x, dt, rows)
	y, err := m.Forward(both, nil)
	if err != nil {
		t.Fatal(err)
	}
	y = slices.Clone(y)
	dy := random("dy", rows*cfg.Values())
	d, err := m.Backward(dy, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := referenceScan(cfg, x, dt, tape.Run.Layout.Segments)
	for i, w := range want {
		if math.Abs(float64(y[i])-w) > 2e-5*max(1, math.Abs(w)) {
			t.Fatalf("row %d, column %d is %g, want %g", i/cfg.Values(), i%cfg.Values(), y[i], w)
		}
	}
	width := cfg.Width() + cfg.Heads
	for _, at := range [][2]int{ // row, column
		{0, 0}, {scanRows - 1, 16}, {scanRows, 17 * 20}, {rows - 1, cfg.Width() - 1}, {70, cfg.Values() + 7}, {3, cfg.Width()}, {100, width - 1}, {65, cfg.Values()},
	} {
		const h = 1.0 / 256
		change := func(by float32) float64 {
			xs, dts := slices.Clone(x), slices.Clone(dt)
			if at[1] < cfg.Width() {
				xs[at[0]*cfg.Width()+at[1]] += by
			} else {
				dts[at[0]*cfg.Heads+at[1]-cfg.Width()] += by
			}
			var sum float64
			for i, v := range referenceScan(cfg, xs, dts, tape.Run.Layout.Segments) {
				sum += v * float64(dy[i])
			}
			return sum
		}
		want := (change(h) - change(-h)) / (2 * h)
		if got := float64(d[at[0]*width+at[1]]); math.Abs(got-want) > 2e-4*max(1, math.Abs(want)) {
			t.Errorf("gradient of row %d, column %d is %g, want %g", at[0], at[1], got, want)
		}
	}
}

// The number of cores is no part of the result.
func TestMamba2OnAnyNumberOfCores(t *testing.T) {
	const rows = scanRows + 5
	cfg := Mamba2{Heads: 20, HeadDim: 3, Groups: 2, StateDim: 5, MaxStep: unbounded}
	tape, x, dt := bareMamba2(t, cfg, rows)
	dy := random("dy", rows*cfg.Values())
	run := func() (y, d []float32) {
		m := tape.NewMachine(NewArena(nil, nil))
		y, err := m.Forward(join(x, dt, rows), nil)
		if err != nil {
			t.Fatal(err)
		}
		y = slices.Clone(y)
		if d, err = m.Backward(dy, nil); err != nil {
			t.Fatal(err)
		}
		return y, d
	}
	y, d := run()
	for _, n := range []int{1, 3, 7} {
		old := runtime.GOMAXPROCS(n)
		y2, d2 := run()
		runtime.GOMAXPROCS(old)
		if !slices.Equal(y, y2) || !slices.Equal(d, d2) {
			t.Errorf("%d cores give other bits", n)
		}
	}
}

// bareMamba2 is a state space whose inputs are columns of x, on two sequences.
func bareMamba2(t *testing.T, cfg Mamba2, rows int) (tape *Tape, xbc, dt []float32) {
	t.Helper()
	b := NewBuilder()
	x := b.Input("x", cfg.Width()+cfg.Heads)
	vector := func(name string) *Weight { return b.Frozen(name, 1, cfg.Heads) }
	y := b.Mamba2(b.Columns(x, Columns{0, cfg.Width()}), b.Columns(x, Columns{cfg.Width(), cfg.Heads}), cfg, vector("A_log"), vector("dt_bias"), vector("D"))
	tape, err := b.Compile(x, y, OfWeightsInput)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tape.Weights {
		w.Bind(gemm.F32(random(w.Name, w.Cols), 1, w.Cols))
	}
	rehearse(t, tape)
	var l Layout
	for r := range rows {
		l.Positions = append(l.Positions, int32(r))
	}
	l.Segments = []attention.Segment{{Q0: 0, Q1: 4, K1: 4}, {Q0: 4, Q1: rows, K1: rows - 4}}
	tape.Run.Layout, tape.Run.Training = l, true
	return tape, random("xbc", rows*cfg.Width()), random("dt", rows*cfg.Heads)
}

// join puts the rows of two matrices side by side.
func join(a, b []float32, rows int) (all []float32) {
	n, m := len(a)/rows, len(b)/rows
	for r := range rows {
		all = append(append(all, a[r*n:(r+1)*n]...), b[r*m:(r+1)*m]...)
	}
	return all
}

// referenceScan is the formula of mamba2's comment.
func referenceScan(cfg Mamba2, x, dt []float32, segments []attention.Segment) []float64 {
	aLog, bias, skip := random("A_log", cfg.Heads), random("dt_bias", cfg.Heads), random("D", cfg.Heads)
	n, width := cfg.StateDim, cfg.Width()
	y := make([]float64, len(dt)/cfg.Heads*cfg.Values())
	for _, s := range segments {
		state := make([]float64, cfg.Values()*n)
		for t := s.Q0; t < s.Q1; t++ {
			for col := range cfg.Values() {
				head := col / cfg.HeadDim
				group := head / (cfg.Heads / cfg.Groups)
				step := math.Log1p(math.Exp(float64(dt[t*cfg.Heads+head]) + float64(bias[head])))
				decay := math.Exp(-step * math.Exp(float64(aLog[head])))
				v := float64(x[t*width+col])
				for j := range n {
					b := float64(x[t*width+cfg.Values()+group*n+j])
					c := float64(x[t*width+cfg.Values()+(cfg.Groups+group)*n+j])
					h := &state[col*n+j]
					*h = decay**h + step*v*b
					y[t*cfg.Values()+col] += *h * c
				}
				y[t*cfg.Values()+col] += float64(skip[head]) * v
			}
		}
	}
	return y
}
