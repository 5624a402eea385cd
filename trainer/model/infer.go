package model

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/internal/hugepage"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/trainer/ops"
)

// forwardPass runs all layers without keeping anything for a backward pass.
type forwardPass struct {
	model   *Model
	scratch *ops.Scratch
	arena   *ops.Arena               // of the heads
	layers  map[int]*ops.Machine     // by layer shape
	heads   map[tapeKey]*ops.Machine // of which one runs at a time
	x       [2][]float32             // hidden states, alternating
}

func (m *Model) newForwardPass() *forwardPass {
	scratch := new(ops.Scratch)
	return &forwardPass{
		model: m, scratch: scratch, arena: ops.NewArena(nil, scratch),
		layers: make(map[int]*ops.Machine), heads: make(map[tapeKey]*ops.Machine),
	}
}

// head returns the machine of a head, which shows it the rows that are picked of a layout.
func (f *forwardPass) head(key tapeKey, layout ops.Layout, picked []int32) (*ops.Machine, error) {
	mach := f.heads[key]
	if mach == nil {
		t, err := f.model.tape(key)
		if err != nil {
			return nil, err
		}
		mach = t.NewMachine(f.arena)
		f.heads[key] = mach
	}
	f.model.bindHead(mach.Tape())
	run := mach.Tape().Run
	run.Layout, run.Picked = layout, picked
	return mach, nil
}

// layer returns the machine of a layer shape.
func (f *forwardPass) layer(shape int) (*ops.Machine, error) {
	if mach := f.layers[shape]; mach != nil {
		return mach, nil
	}
	t, err := f.model.tape(tapeKey{shape: shape})
	if err != nil {
		return nil, err
	}
	f.layers[shape] = t.NewMachine(ops.NewArena(t.Plan(), f.scratch))
	return f.layers[shape], nil
}

// run returns the hidden states after the last layer, (rows, hidden), valid until the next run. The
// caches, if any, are by layer.
func (f *forwardPass) run(tokens []int32, layout ops.Layout, caches [][]*ops.Cache) ([]float32, error) {
	m := f.model
	if err := m.checkTokens(tokens); err != nil {
		return nil, err
	}
	m.growRope(layout.Longest())
	f.x[0] = m.embedTokens(f.x[0], tokens)
	f.x[1] = sized(f.x[1], len(f.x[0]))
	for i := range m.layers {
		var cache []*ops.Cache
		if caches != nil {
			cache = caches[i]
		}
		if err := m.forwardLayer(i, f, layout, cache, f.x[i%2], f.x[(i+1)%2]); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return f.x[len(m.layers)%2], nil
}

func (m *Model) forwardLayer(layer int, f *forwardPass, layout ops.Layout, caches []*ops.Cache, x, y []float32) error {
	mach, err := f.layer(m.shape[layer])
	if err != nil {
		return err
	}
	m.layers[layer].bindTo(mach.Tape())
	run := mach.Tape().Run
	run.Layout, run.Rope, run.Training, run.Caches = layout, m.family.Rope(m.family.Kind(layer)), false, caches
	_, err = mach.Forward(x, y)
	return err
}

// sized returns x with length n, or new memory.
func sized(x []float32, n int) []float32 {
	if cap(x) < n {
		return hugepage.Floats(n)
	}
	return x[:n]
}

// lossHead returns the machine that computes the losses of a micro-batch and where it puts them.
func (f *forwardPass) lossHead(mb *MicroBatch, grads ops.Gradients) (*ops.Machine, []float64, error) {
	mach, err := f.head(tapeKey{lossHead, grads}, mb.Layout, mb.Rows)
	if err != nil {
		return nil, nil, err
	}
	run := mach.Tape().Run
	run.Labels, run.LossScale, run.Weigh, run.NLL = mb.Labels, mb.LossScale, mb.Weigh, make([]float64, len(mb.Rows))
	run.Teacher, run.Record = mb.Teacher, nil
	return mach, run.NLL, nil
}

// Evaluator runs forward passes for likelihoods.
type Evaluator struct{ pass *forwardPass }

// NewEvaluator returns an evaluator for the model.
func (m *Model) NewEvaluator() *Evaluator { return &Evaluator{pass: m.newForwardPass()} }

// NLL returns the negative log-likelihood of each label of a micro-batch.
func (e *Evaluator) NLL(mb *MicroBatch) ([]float64, error) { return e.head(mb, nil) }

// Record sets t to the model's distribution at each row of a micro-batch that has a label.
func (e *Evaluator) Record(mb *MicroBatch, t *ops.Teacher) error {
	_, err := e.head(mb, t)
	return err
}

// head runs a micro-batch without gradients.
func (e *Evaluator) head(mb *MicroBatch, record *ops.Teacher) ([]float64, error) {
	x, err := e.pass.run(mb.Tokens, mb.Layout, nil)
	if err != nil || len(mb.Rows) == 0 {
		return nil, err
	}
	mach, nll, err := e.pass.lossHead(mb, ops.NoGradients)
	if err != nil {
		return nil, err
	}
	mach.Tape().Run.Record = record
	_, err = mach.Forward(x, nil)
	return nll, err
}

// Batch is sequences that grow together, with their keys and values cached: every weight is read
// once for all of them.
type Batch struct {
	pass   *forwardPass
	caches [][]*ops.Cache // by layer and sequence
	length []int
	logits []float32

	history [][]int32 // of each sequence, where it may have to be computed from its start
}

// NewBatch starts n empty sequences.
func (m *Model) NewBatch(n int) *Batch {
	b := &Batch{pass: m.newForwardPass(), length: make([]int, n), history: make([][]int32, n)}
	for range m.layers {
		list := make([]*ops.Cache, n)
		for i := range list {
			list[i] = new(ops.Cache)
		}
		b.caches = append(b.caches, list)
	}
	return b
}

// Len is how many sequences there are.
func (b *Batch) Len() int { return len(b.length) }

// Reset empties a sequence.
func (b *Batch) Reset(sequence int) {
	b.length[sequence], b.history[sequence] = 0, nil
	for _, caches := range b.caches {
		caches[sequence].Reset()
	}
}

// Copy makes a sequence what another is.
func (b *Batch) Copy(to, from int) {
	b.length[to], b.history[to] = b.length[from], slices.Clone(b.history[from])
	for _, caches := range b.caches {
		caches[to].Set(caches[from])
	}
}

// Append adds tokens to sequences and returns, for each that grew, the logits after its last token;
// nil for the others. They belong to the batch and are valid until the next call. The result is the
// same to the bit however tokens are divided into calls, and whoever shares the batch.
func (b *Batch) Append(tokens [][]int32) ([][]float32, error) {
	tokens = b.renewed(tokens)
	var all []int32
	var layout ops.Layout
	var last []int32 // row of each grown sequence's last token
	var grown []int
	for i, t := range tokens {
		if len(t) == 0 {
			continue
		}
		n := len(all)
		for j := range t {
			layout.Positions = append(layout.Positions, int32(b.length[i]+j))
		}
		all = append(all, t...)
		layout.Segments = append(layout.Segments, attention.Segment{Q0: n, Q1: len(all), K0: 0, K1: b.length[i] + len(t)})
		last = append(last, int32(len(all)-1))
		grown = append(grown, i)
	}
	out := make([][]float32, len(tokens))
	if len(all) == 0 {
		return out, nil
	}
	x, err := b.pass.run(all, layout, b.cachesOf(grown))
	if err != nil {
		return nil, err
	}
	logits, err := b.project(x, layout, last)
	if err != nil {
		return nil, err
	}
	vocab := b.pass.model.Vocab()
	for n, i := range grown {
		b.length[i] += len(tokens[i])
		out[i] = logits[n*vocab : (n+1)*vocab]
	}
	return out, nil
}

// cachesOf picks sequences' caches, in the order of the layout's segments.
func (b *Batch) cachesOf(sequences []int) [][]*ops.Cache {
	if len(sequences) == len(b.length) {
		return b.caches
	}
	picked := make([][]*ops.Cache, len(b.caches))
	for l, list := range b.caches {
		for _, i := range sequences {
			picked[l] = append(picked[l], list[i])
		}
	}
	return picked
}

// project returns the logits of some rows of x.
func (b *Batch) project(x []float32, layout ops.Layout, picked []int32) ([]float32, error) {
	m := b.pass.model
	mach, err := b.pass.head(tapeKey{shape: hiddenHead}, layout, picked)
	if err != nil {
		return nil, err
	}
	h, err := mach.Forward(x, nil)
	if err != nil {
		return nil, err
	}
	w := m.head.get()
	b.logits = sized(b.logits, len(picked)*w.Rows)
	ops.Logits(b.logits, gemm.F32(h, len(picked), m.Config.HiddenSize), w, m.family.Head)
	return b.logits, nil
}
