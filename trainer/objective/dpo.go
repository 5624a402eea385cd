package objective

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/trainer/model"
)

// DPOConfig are the keys of dpo.
type DPOConfig struct {
	DPOBeta float64 `yaml:"dpo_beta" json:"dpo_beta"` // how far dpo may go from the base
}

func defaultDPO() DPOConfig { return DPOConfig{DPOBeta: 0.1} }

func (c DPOConfig) validate() error {
	if !(c.DPOBeta > 0) {
		return fmt.Errorf("dpo_beta is %g, want more than 0", c.DPOBeta)
	}
	return nil
}

// dpo is direct preference optimisation (Rafailov et al., arXiv:2305.18290, equation 7): for answers w
// and l to one prompt, of which w is preferred,
//
//	loss = −log σ(z),  z = β·(log π(w)/ref(w) − log π(l)/ref(l))
//
// where ref is the base with the adapter off. π(w) and π(l) are those of whole answers, so that the
// weight of each token's gradient is known only once a pair's losses are.
type dpo struct{ DPOConfig }

// Facts implements Objective.
func (dpo) Facts() Facts {
	return Facts{
		Name: "dpo", Kinds: []datasets.Kind{datasets.KindPreference}, Keys: []string{"dpo_beta"}, Unit: "nats per pair",
		Pairs: true, Reference: true,
	}
}

// Encode implements Objective: two rows for each, the chosen answer first.
func (dpo) Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error) {
	return each(rows, func(x datasets.Example) ([]pack.Row, error) {
		chosen, err := e.answer(x.Conversation, x.Chosen)
		if err != nil {
			return nil, err
		}
		rejected, err := e.answer(x.Conversation, x.Rejected)
		return []pack.Row{chosen, rejected}, err
	})
}

// Prepare implements Objective: it scores all rows under the reference.
func (o dpo) Prepare(ctx context.Context, r Run) (Loss, error) {
	p := &preferences{run: r, beta: o.DPOBeta}
	var err error
	p.train, p.held, err = r.references(ctx, r.Reference.NewEvaluator())
	return p, err
}

// preferences is dpo in a run.
type preferences struct {
	run         Run
	beta        float64
	train, held []float64 // log-probability under ref of the answer in each row
}

// z is the margin between the rows of a pair.
func (p *preferences) z(chosen, rejected, refChosen, refRejected float64) float64 {
	return p.beta * ((chosen - refChosen) - (rejected - refRejected))
}

// Weigh implements Loss: each pair counts alike.
func (p *preferences) Weigh(_ context.Context, batches []pack.Batch, mbs []*model.MicroBatch) (func(float64) Score, error) {
	pairs := 0
	for _, b := range batches {
		pairs += len(b.Segments) / 2
	}
	s := new(margins)
	for i, mb := range mbs {
		segments := batches[i].Segments
		mb.Weigh = func(nll []float64, scales []float32) { p.weigh(mb, segments, nll, scales, pairs, s) }
	}
	return func(float64) Score { return s.score() }, nil
}

func (p *preferences) weigh(mb *model.MicroBatch, segments []pack.Segment, nll []float64, scales []float32, pairs int, s *margins) {
	sums, ends := segmentSums(mb, segments, nll)
	from := 0
	for i := 0; i < len(segments); i += 2 {
		slope := s.add(p.z(sums[i], sums[i+1], p.train[segments[i].Row], p.train[segments[i+1].Row])) * p.beta / float64(pairs)
		fill(scales[from:ends[i]], -slope) // by the loss of a token, which is −log π
		fill(scales[ends[i]:ends[i+1]], slope)
		from = ends[i+1]
	}
}

// Evaluate implements Loss.
func (p *preferences) Evaluate(ctx context.Context) (Score, error) {
	now, err := answers(ctx, p.run.Policy, p.run.Held, p.run.AtOnce)
	if err != nil {
		return Score{}, err
	}
	var s margins
	for i := 0; i < len(now); i += 2 {
		s.add(p.z(now[i], now[i+1], p.held[i], p.held[i+1]))
	}
	return s.score(), nil
}

// margins sums pairs up.
type margins struct {
	loss, margin float64
	right, pairs int
}

// add counts a pair and returns the derivative of its loss by z.
func (s *margins) add(z float64) float64 {
	// −log σ(z) = log(1 + e^−z), in the form that does not overflow.
	e := vec.Exp64(-max(z, -z))
	s.loss += vec.Log64(1+e) + max(-z, 0)
	s.margin += z
	s.pairs++
	if z > 0 {
		s.right++
		return -e / (1 + e)
	}
	return -1 / (1 + e)
}

// score is the mean over pairs; rewards are TRL's, β·log π/ref.
func (s *margins) score() Score {
	n := float64(max(s.pairs, 1))
	return Score{s.loss / n, Metrics{
		{"rewards/accuracies", float64(s.right) / n}, // share of pairs whose chosen answer has the higher reward
		{"rewards/margins", s.margin / n},            // mean of z
	}}
}
