package trainer

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/optim"
)

// ErrMemory means that a run does not fit in the memory it may take.
var ErrMemory = errors.New("not enough memory")

// Plan is what a run will take, known before it starts.
type Plan struct {
	Steps            int     `json:"steps"`
	TokensPerStep    float64 `json:"tokens_per_step"` // mean
	MicroBatchTokens int     `json:"micro_batch_tokens"`
	Trainable        int64   `json:"trainable_parameters"`

	Layers    int   `json:"layers"`
	Recompute int   `json:"recompute_layers"` // computed twice, to save memory
	Budget    int64 `json:"memory_budget"`    // bytes; 0 when there is no limit
	Weights   int64 `json:"weights"`          // bytes of the frozen base, as stored
	Adapter   int64 `json:"adapter"`          // bytes of what is trained: values, gradients, AdamW's moments
	Activate  int64 `json:"activations"`      // bytes
	Process   int64 `json:"process"`          // bytes of everything else: the program and the data
	Peak      int64 `json:"peak_memory"`      // the sum

	FLOPsPerStep   float64 `json:"flops_per_step"`             // floating-point operations, a multiply-add being two
	SecondsPerStep float64 `json:"seconds_per_step,omitempty"` // estimated from the rate of matrix products; 0 when that is not known
}

// programBytes is what the program itself takes beside Go's heap: its code, its tables, stacks, and
// the packing buffers of the kernels.
const programBytes = 96 << 20

// Plan predicts what the job takes and chooses how many layers to recompute so that it fits.
func (j Job) Plan() (Plan, error) {
	rows, tokens, steps := j.sizes()
	p := Plan{
		Steps: steps, TokensPerStep: tokens, MicroBatchTokens: rows,
		Layers: j.Model.Config.NumHiddenLayers, Budget: j.Memory, Weights: j.WeightBytes,
	}
	held := make(map[*ops.Param]int64) // those of a sketch share their memory
	for _, q := range optim.Params(j.Groups) {
		p.Trainable += int64(len(q.Value))
		held[q] = 8 * int64(len(q.Value)) // values and gradients
	}
	p.Adapter = 16 * p.Trainable
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	p.Process = programBytes + int64(mem.HeapInuse)
	for _, bytes := range held { // which are in the heap already
		p.Process -= bytes
	}
	if err := p.fit(j, rows); err != nil {
		return Plan{}, err
	}
	p.Peak = p.Weights + p.Adapter + p.Activate + p.Process
	if p.Budget > 0 && p.Peak > p.Budget {
		return p, fmt.Errorf("%w: the run takes %s with every layer recomputed, and may take %s; lower micro_batch_size or max_seq_length, or allow more memory",
			ErrMemory, humanize.Bytes(p.Peak), humanize.Bytes(p.Budget))
	}
	return p, nil
}

// fit chooses the layers to recompute.
func (p *Plan) fit(j Job, rows int) (err error) {
	switch {
	case j.Config.GradientCheckpointing:
		p.Recompute = p.Layers
		p.Activate, err = j.Model.Footprint(p.Layers, rows, rows)
	case p.Budget == 0:
		p.Activate, err = j.Model.Footprint(0, rows, rows)
	default:
		p.Recompute, p.Activate, err = j.Model.Fit(rows, rows, p.Budget-p.Weights-p.Adapter-p.Process)
	}
	labelled, keys := j.shares()
	p.FLOPsPerStep = j.Model.FLOPs(p.Recompute, p.TokensPerStep, labelled*p.TokensPerStep, keys)
	return err
}

// shares returns the share of tokens that have a label, and to how many others a token attends on average.
func (j Job) shares() (labelled, keys float64) {
	var targets, squares, tokens float64
	for _, r := range j.Train.Rows {
		n := float64(len(r.IDs))
		tokens, squares, targets = tokens+n, squares+n*n, targets+float64(r.Targets())
	}
	return targets / tokens, squares / tokens / 2
}

// sizes returns the tokens of the largest micro-batch, the mean of a step, and the number of steps.
func (j Job) sizes() (largest int, mean float64, steps int) {
	o := j.order()
	steps = j.Config.steps(o.sequences)
	largest, mean = j.sizesOf(j.Train, o, steps)
	if j.Replay != nil {
		more, tokens := j.sizesOf(j.Replay, j.replayOrder(), steps)
		largest, mean = max(largest, more), mean+tokens
	}
	return largest, mean, steps
}

func (j Job) sizesOf(rows *pack.Sequences, o order, steps int) (largest int, mean float64) {
	perEpoch := min(steps, o.perEpoch())
	first, total := o.epoch(0), 0
	for s := range perEpoch {
		for _, n := range rows.Sizes(o.part(first, s), j.Config.MicroBatchSize) {
			largest = max(largest, n)
			total += n
		}
	}
	if perEpoch < steps { // later epochs are shuffled anew
		largest = max(largest, min(rows.Limit(j.Config.MicroBatchSize), total))
	}
	return largest, float64(total) / float64(perEpoch)
}

func (j Job) order() order {
	return order{sequences: len(j.Train.Sequences), batch: j.Config.BatchSize, shuffle: j.Config.Shuffle, seed: j.Config.Seed}
}

func (j Job) replayOrder() order {
	return order{sequences: len(j.Replay.Sequences), batch: j.Config.Replay.BatchSize, shuffle: j.Config.Shuffle, seed: j.Config.Seed}
}

// stepShare is the part of the rate of large matrix products that a whole step runs at: bench/README.md has
// measured 0.82 to 0.86 of it.
const stepShare = 0.82

// Time fills in SecondsPerStep for a machine that multiplies matrices at a rate, in operations a second. Nothing is
// computed: steps over models far narrower than what the rate was measured with take longer.
func (p *Plan) Time(rate float64) { p.SecondsPerStep = p.FLOPsPerStep / (stepShare * rate) }
