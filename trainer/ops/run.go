package ops

import (
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/internal/rng"
)

// Layout says how the rows of a micro-batch form sequences. Sequences are laid end to end, there
// is no padding.
type Layout struct {
	Positions []int32             // of each row within its sequence
	Segments  []attention.Segment // one a sequence; K0, K1 equal Q0, Q1 unless a cache is used
	FirstRow  uint64              // number of rows of the same step before this micro-batch
}

// Rows is the number of tokens.
func (l Layout) Rows() int { return len(l.Positions) }

// Longest is the length of the longest sequence, with what came before.
func (l Layout) Longest() int {
	n := int32(0)
	for _, p := range l.Positions {
		n = max(n, p+1)
	}
	return int(n)
}

// Run is what the operators of a graph see while a machine runs it: whose memory to use, how the
// rows are laid out, and what differs from layer to layer beside the weights.
type Run struct {
	Layout Layout
	Rope   *Rope    // nil for a layer without rotary positions
	Caches []*Cache // of each segment: what came before it; nil in training

	// Of the head.
	Picked    []int32   // the rows that it computes
	Labels    []int32   // (rows): the token each row predicts
	LossScale float32   // 1 / number of trained tokens in the step
	NLL       []float64 // (rows): out, the negative log-likelihood of each label
	// Weigh, unless nil, is told the losses of all rows and says what each counts, in place of
	// LossScale: for objectives in which the weight of a token depends on the others.
	Weigh func(nll []float64, scales []float32)
	// Teacher, unless nil, has a distribution for each row to be held to, beside its label.
	Teacher *Teacher
	// Record, unless nil, is set to the distribution of each row; there is no gradient then.
	Record *Teacher

	// Of dropout: off unless Training; masks are keyed, never drawn from a shared stream.
	Training bool
	Seed     uint64
	Step     uint64

	builder   *Builder
	arena     *Arena    // where results go, and what derivatives need is kept
	rehearsal *recorder // nil but in a rehearsal
}

// drops reports whether the projection's low-rank path sees a thinned input.
func (r *Run) drops(p Projection) bool { return r.Training && p.LoRA.Dropout > 0 }

// dropout writes x with dropped elements set to zero and the others scaled by 1/(1−p). The mask of
// a row depends on the seed, the projection, the step and the row's place in the step only.
func (r *Run) dropout(dst, x []float32, cols int, p Projection) {
	keep := 1 / (1 - p.LoRA.Dropout)
	stream := rng.New(r.Seed, "dropout "+p.LoRA.A.param.Name)
	parallel.For(len(x)/cols, 16, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			draw := stream.At(r.Step, r.Layout.FirstRow+uint64(row))
			for i := row * cols; i < (row+1)*cols; i++ {
				if draw.Float32() < p.LoRA.Dropout {
					dst[i] = 0
				} else {
					dst[i] = x[i] * keep
				}
			}
		}
	})
}

// droppedInput is what A of a projection saw in the forward pass.
func (r *Run) droppedInput(p Projection, x []float32) []float32 {
	if !r.drops(p) {
		return x
	}
	return r.arena.recall(downName(p), len(x))
}
