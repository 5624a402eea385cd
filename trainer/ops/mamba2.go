package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Mamba2 is the shape of a selective state space. Each group of B and C serves Heads/Groups
// consecutive heads of values.
type Mamba2 struct {
	Heads, HeadDim   int
	Groups, StateDim int
	MinStep, MaxStep float32 // what time steps are held to
}

// Values is the columns of all values.
func (m Mamba2) Values() int { return m.Heads * m.HeadDim }

// Width is the columns of [x | B | C].
func (m Mamba2) Width() int { return m.Values() + 2*m.Groups*m.StateDim }

// mamba2 is the recurrence of Mamba 2 (Dao & Gu, arXiv:2405.21060; transformers
// models/mamba2/modeling_mamba2.py). Every column p of a head's values has a state h, zero before a
// sequence's first token, and for each token
//
//	h ← e^(Δ·A)·h + (Δ·x_p)·B,  y_p = h·C + D·x_p
//
// with A = −e^A_log and Δ = softplus(dt + dt_bias), held to [MinStep, MaxStep]. A, D and Δ are those
// of the head. Inputs: [x | B | C] (tokens, Width), dt (tokens, Heads). Output: (tokens, Values).
//
// Nothing is kept for the backward pass, which computes the states again.
type mamba2 struct {
	base
	run             *Run
	cfg             Mamba2
	aLog, dtBias, d *Weight // (1, Heads)
}

// Mamba2 applies the recurrence to xbc = [x | B | C] and dt; the weights are frozen.
func (b *Builder) Mamba2(xbc, dt *gorgonia.Node, cfg Mamba2, aLog, dtBias, d *Weight) *gorgonia.Node {
	for _, w := range []*Weight{aLog, dtBias, d} {
		if w.Trainable() || w.Cols != cfg.Heads {
			panic("ops: cannot compute a state space of " + w.Name)
		}
	}
	if xbc.Shape()[1] != cfg.Width() || dt.Shape()[1] != cfg.Heads || cfg.Heads%cfg.Groups != 0 {
		panic("ops: the inputs of a state space do not have its shape")
	}
	return b.apply(&mamba2{base{name: b.unique("mamba 2"), arity: 2, cols: cfg.Values()}, b.run, cfg, aLog, dtBias, d}, xbc, dt)
}

// Do implements gorgonia.Op.
func (o *mamba2) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[0])
	out := o.run.arena.matrix(rows, o.cols)
	s := o.scan(inputs[0], inputs[1])
	for _, c := range o.run.Caches {
		s.states = append(s.states, c.state(o.name, o.cfg.Values()*o.cfg.StateDim))
	}
	s.forward(out.Float32s())
	return out, nil
}

// scan lays out what the recurrence reads and computes the time steps, in memory that lasts for this
// operator.
func (o *mamba2) scan(xbc, dt gorgonia.Value) *scan {
	rows, heads := dims(dt)
	s := &scan{cfg: o.cfg, segments: o.run.Layout.Segments, rows: rows, xbc: floats(xbc), skip: o.d.vector()}
	s.bc = o.run.arena.matrix(rows, 2*o.cfg.Groups*o.cfg.StateDim).Float32s()
	s.gather()
	s.steps = o.run.arena.matrix(rows, 2*heads).Float32s()
	raw, rates := floats(dt), exponentials(o.aLog)
	parallel.For(rows, rowGrain(o.cols), func(lo, hi int) {
		for i := lo * heads; i < hi*heads; i++ {
			t, h := i/heads, i%heads
			step := float32(softplus(o.biased(raw[i], h)))
			step = max(o.cfg.MinStep, min(step, o.cfg.MaxStep))
			s.steps[h*rows+t] = float32(vec.Exp64(-rates[h] * float64(step)))
			s.steps[(heads+h)*rows+t] = step
		}
	})
	return s
}

// biased is dt + dt_bias, rounded to float32 as a sum of tensors is.
func (o *mamba2) biased(dt float32, head int) float64 {
	return float64(dt + o.dtBias.vector()[head])
}

// DiffWRT implements gorgonia.SDOp.
func (*mamba2) DiffWRT(int) []bool { return []bool{true, true} }

// SymDiff implements gorgonia.SDOp. Both gradients come out of one pass: the second operator hands
// out what the first has kept.
func (o *mamba2) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	dxbc := b.apply(&mamba2Backward{derivative{base{name: "∂x " + o.name, arity: 3, cols: o.cfg.Width()}}, o},
		dy, b.again(inputs[0], dy), b.again(inputs[1], dy))
	return gorgonia.Nodes{dxbc, b.keptGradient(o.name+" dt", o.cfg.Heads, dxbc)}, nil
}

type mamba2Backward struct {
	derivative
	fwd *mamba2
}

// Do implements gorgonia.Op.
func (o *mamba2Backward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.fwd
	rows, heads := dims(inputs[2])
	out := f.run.arena.matrix(rows, o.cols)
	s := f.scan(inputs[1], inputs[2])
	back := &scanBackward{
		scan: s, dy: floats(inputs[0]), dxbc: out.Float32s(),
		dsteps: f.run.arena.matrix(rows, 2*heads).Float32s(),
		parts:  f.run.arena.matrix(rows, f.cfg.parts()*2*f.cfg.StateDim).Float32s(),
	}
	back.run()
	f.stepGradients(f.run.arena.keep(f.name+" dt", rows*heads), floats(inputs[2]), back)
	return out, nil
}

// stepGradients computes the gradients by dt, (tokens, Heads), from those by Δ and by e^(Δ·A). None
// comes through a time step that was out of bounds; one that was on a bound is as in torch.clamp.
func (o *mamba2) stepGradients(ddt, dt []float32, b *scanBackward) {
	heads, rates := o.cfg.Heads, exponentials(o.aLog)
	parallel.For(b.rows, rowGrain(o.cols), func(lo, hi int) {
		for i := lo * heads; i < hi*heads; i++ {
			t, h := i/heads, i%heads
			x := o.biased(dt[i], h)
			ddt[i] = 0
			if step := float32(softplus(x)); step < o.cfg.MinStep || step > o.cfg.MaxStep {
				continue
			}
			at := h*b.rows + t
			ofDecay := float64(float64(b.dsteps[at]) * float64(b.steps[at])) // rounded: never fused
			d := float64(b.dsteps[at+heads*b.rows]) - float64(ofDecay*rates[h])
			ddt[i] = float32(d / (1 + vec.Exp64(-x)))
		}
	})
}
