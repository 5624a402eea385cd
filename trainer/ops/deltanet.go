package ops

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// DeltaNet is the shape of a gated delta net: each head of queries and keys serves
// ValueHeads/KeyHeads consecutive heads of values.
type DeltaNet struct {
	KeyHeads, ValueHeads int
	KeyDim, ValueDim     int // elements of a head

	every int // rows from one checkpoint to the next; 0 means checkpointRows
}

// checkpointRows is how many rows the backward pass computes again at a time: few enough that their
// states of one column stay in the cache of a core, and so many that the checkpoints are small beside
// the other activations.
const checkpointRows = 128

// l2Eps is added to the sum of squares of a query or key (transformers, l2norm).
const l2Eps = 1e-6

// Queries is the columns of all queries, and of all keys.
func (d DeltaNet) Queries() int { return d.KeyHeads * d.KeyDim }

// Values is the columns of all values.
func (d DeltaNet) Values() int { return d.ValueHeads * d.ValueDim }

// Width is the columns of [q | k | v].
func (d DeltaNet) Width() int { return 2*d.Queries() + d.Values() }

// state is the floats of all heads' states: a head's is (ValueDim, KeyDim), so that a column of
// values, which depends on no other, is KeyDim consecutive floats.
func (d DeltaNet) state() int { return d.Values() * d.KeyDim }

// deltaNet is the gated delta rule (Yang et al., arXiv:2412.06464; transformers
// models/qwen3_next/modeling_qwen3_next.py, torch_recurrent_gated_delta_rule). Every head carries a
// state S, zero before a sequence's first token, and for each token
//
//	S ← e^g·S,  S ← S + k ⊗ β·(v − Sᵀk),  y = Sᵀq
//
// with q and k scaled to unit length, q also by 1/√KeyDim, β = σ(b), g = −e^A·softplus(a + dt).
// Inputs: [q | k | v] (tokens, Width), [b | a] (tokens, 2·ValueHeads). Output: (tokens, Values).
type deltaNet struct {
	base
	run    *Run
	cfg    DeltaNet
	aLog   *Weight // A (1, ValueHeads)
	dtBias *Weight // dt (1, ValueHeads)
}

// DeltaNet applies the gated delta rule to qkv = [q | k | v] and ba = [b | a]; aLog and dtBias are
// frozen.
func (b *Builder) DeltaNet(qkv, ba *gorgonia.Node, cfg DeltaNet, aLog, dtBias *Weight) *gorgonia.Node {
	if aLog.Trainable() || dtBias.Trainable() {
		panic("ops: cannot train " + aLog.Name + " and " + dtBias.Name)
	}
	if cfg.every == 0 {
		cfg.every = checkpointRows
	}
	return b.apply(&deltaNet{base{name: b.unique("delta net"), arity: 2, cols: cfg.Values()}, b.run, cfg, aLog, dtBias}, qkv, ba)
}

// Do implements gorgonia.Op.
func (o *deltaNet) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[0])
	out := o.run.arena.matrix(rows, o.cfg.Values())
	p := deltaPass{
		deltaInputs: o.inputs(inputs[0], inputs[1]),
		spans:       spansOf(o.run.Layout, o.cfg.every),
		checkpoints: o.checkpoints(rows),
	}
	if o.run.Caches != nil {
		for _, c := range o.run.Caches {
			p.states = append(p.states, c.state(o.name, o.cfg.state()))
		}
	}
	p.forward(out.Float32s())
	return out, nil
}

// checkpoints is memory for the states before every so many rows: none but in training, because
// nothing else goes back. It is a share of a state for each row, as plans count memory by rows.
func (o *deltaNet) checkpoints(rows int) []float32 {
	if !o.run.Training || o.run.Caches != nil {
		return nil
	}
	return o.run.arena.keep(o.name+" states", o.checkpointFloats(rows))
}

func (o *deltaNet) checkpointFloats(rows int) int {
	return rows * ((o.cfg.state() + o.cfg.every - 1) / o.cfg.every)
}

// deltaInputs is what the recurrence reads. Queries and keys are normalised. What is read row by row
// is consecutive, so that rows of a power of two do not drive each other out of the cache.
type deltaInputs struct {
	cfg   DeltaNet
	rows  int
	qk    []float32 // (2, KeyHeads, rows, KeyDim): queries, keys
	gates []float32 // (2, ValueHeads, rows): e^g, β
	qkv   []float32 // (rows, Width), as it came
}

// vectors returns the (rows, KeyDim) of queries and of keys that serve a head of values, of qk or what
// is laid out as it is.
func (in *deltaInputs) vectors(qk []float32, head int) (q, k []float32) {
	n, half := in.rows*in.cfg.KeyDim, in.rows*in.cfg.Queries()
	at := head / (in.cfg.ValueHeads / in.cfg.KeyHeads) * n
	return qk[at : at+n], qk[half+at : half+at+n]
}

// perHead returns the two numbers of each row for a head of values, of gates or what is laid out as
// they are.
func (in *deltaInputs) perHead(gates []float32, head int) (a, b []float32) {
	at, half := head*in.rows, in.cfg.ValueHeads*in.rows
	return gates[at : at+in.rows], gates[half+at : half+at+in.rows]
}

// inputs normalises queries and keys and computes the gates, in memory that lasts for this operator.
func (o *deltaNet) inputs(qkv, ba gorgonia.Value) deltaInputs {
	cfg := o.cfg
	rows, width := dims(qkv)
	in := deltaInputs{cfg: cfg, rows: rows, qkv: floats(qkv)}
	in.qk = o.run.arena.matrix(rows, 2*cfg.Queries()).Float32s()
	in.gates = o.run.arena.matrix(rows, 2*cfg.ValueHeads).Float32s()
	rates := exponentials(o.aLog)
	parallel.For(rows, rowGrain(width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			for h := range 2 * cfg.KeyHeads {
				x := in.qkv[r*width+h*cfg.KeyDim:][:cfg.KeyDim]
				vec.Scale(in.qk[(h*rows+r)*cfg.KeyDim:][:cfg.KeyDim], x, cfg.length(x, h))
			}
			o.gate(&in, r, floats(ba)[r*2*cfg.ValueHeads:(r+1)*2*cfg.ValueHeads], rates)
		}
	})
	return in
}

// length is the factor that normalises x, the n-th vector among queries and keys: 1/√(Σx² + eps), of a
// query divided by √KeyDim.
func (d DeltaNet) length(x []float32, n int) float32 {
	f := 1 / float32(math.Sqrt(float64(vec.SumSquares(x)+l2Eps)))
	if n < d.KeyHeads {
		f *= float32(1 / math.Sqrt(float64(d.KeyDim)))
	}
	return f
}

// exponentials are e^A of every head's A.
func exponentials(aLog *Weight) []float64 {
	rates := make([]float64, aLog.Cols)
	for h, a := range aLog.vector() {
		rates[h] = vec.Exp64(float64(a))
	}
	return rates
}

// gate computes the gates of a row from its [b | a].
func (o *deltaNet) gate(in *deltaInputs, row int, ba []float32, rates []float64) {
	n := len(rates)
	beta := borrow(n)
	defer beta.release()
	vec.Sigmoid(beta.floats, ba[:n])
	for h, a := range ba[n:] {
		in.gates[h*in.rows+row] = float32(vec.Exp64(-rates[h] * softplus(float64(a+o.dtBias.vector()[h]))))
		in.gates[(n+h)*in.rows+row] = beta.floats[h]
	}
}

// softplus is log(1 + eˣ) = max(x, 0) + log(1 + u), u = e^−|x|, where the logarithm of the rounded sum
// w = 1 + u is corrected by u/(w − 1) (Kahan; Goldberg, ACM Computing Surveys 23(1), theorem 4).
func softplus(x float64) float64 {
	u := vec.Exp64(-math.Abs(x))
	w := 1 + u
	if w == 1 {
		return max(x, 0) + u
	}
	return max(x, 0) + vec.Log64(w)*u/(w-1)
}

// gateGradient turns the gradients of a row by g and β into those by its [b | a].
func (o *deltaNet) gateGradient(dst []float32, in *deltaInputs, dgates []float32, row int, ba []float32, rates []float64) {
	n := len(rates)
	for h := range n {
		_, beta := in.perHead(in.gates, h)
		dg, dbeta := in.perHead(dgates, h)
		x := float64(ba[n+h] + o.dtBias.vector()[h])
		dst[h] = dbeta[row] * float32(beta[row]*(1-beta[row]))
		dst[n+h] = dg[row] * float32(-rates[h]/(1+vec.Exp64(-x)))
	}
}

// DiffWRT implements gorgonia.SDOp.
func (*deltaNet) DiffWRT(int) []bool { return []bool{true, true} }

// SymDiff implements gorgonia.SDOp. Both gradients come out of one pass: the second operator hands
// out what the first has kept.
func (o *deltaNet) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	qkv := b.apply(&deltaNetBackward{derivative{base{name: "∂x " + o.name, arity: 3, cols: o.cfg.Width()}}, o}, dy, b.again(inputs[0], dy), b.again(inputs[1], dy))
	return gorgonia.Nodes{qkv, b.keptGradient(o.name+" gates", 2*o.cfg.ValueHeads, qkv)}, nil
}

type deltaNetBackward struct {
	derivative
	fwd *deltaNet
}

// Do implements gorgonia.Op.
func (o *deltaNetBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.fwd
	cfg := f.cfg
	rows, width := dims(inputs[1])
	out := f.run.arena.matrix(rows, width)
	dx, ba := out.Float32s(), floats(inputs[2])
	p := deltaPass{
		deltaInputs: f.inputs(inputs[1], inputs[2]),
		spans:       spansOf(f.run.Layout, cfg.every),
		checkpoints: f.run.arena.recall(f.name+" states", f.checkpointFloats(rows)),
	}
	n := 2 * cfg.ValueHeads
	dqk := f.run.arena.matrix(rows, 2*cfg.Queries()).Float32s()
	dgates := f.run.arena.matrix(rows, n).Float32s()
	dba := f.run.arena.keep(f.name+" gates", rows*n)
	p.backward(dx, dqk, dgates, floats(inputs[0]))
	rates := exponentials(f.aLog)
	parallel.For(rows, rowGrain(width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			p.unnormalise(dx[r*width:(r+1)*width], dqk, r)
			f.gateGradient(dba[r*n:(r+1)*n], &p.deltaInputs, dgates, r, ba[r*n:(r+1)*n], rates)
		}
	})
	return out, nil
}

// unnormalise turns the gradients of a row by normalised queries and keys into those by what came in:
// with y = f·x, where y·y is nearly s², dx = f·(dy − y·(y·dy)/s²).
func (p *deltaPass) unnormalise(dx, dqk []float32, row int) {
	cfg, n := p.cfg, p.cfg.KeyDim
	for h := range 2 * cfg.KeyHeads {
		at := (h*p.rows + row) * n
		x, y, dy := p.qkv[row*cfg.Width()+h*n:][:n], p.qk[at:at+n], dqk[at:at+n]
		along := vec.Dot(y, dy)
		if h < cfg.KeyHeads {
			along *= float32(n)
		}
		d := dx[h*n : (h+1)*n]
		copy(d, dy)
		vec.Axpy(d, -along, y)
		vec.Scale(d, d, cfg.length(x, h))
	}
}
