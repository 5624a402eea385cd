package trainer

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
)

// preferences is direct preference optimisation (Rafailov et al., arXiv:2305.18290, equation 7): for
// answers w and l to one prompt, of which w is preferred,
//
//	loss = −log σ(z),  z = β·(log π(w)/ref(w) − log π(l)/ref(l))
//
// where ref is the base with the adapter off. π(w) and π(l) are those of whole answers, so that the
// weight of each token's gradient is known only once a pair's losses are.
type preferences struct {
	beta        float64
	train, held []float64 // log-probability under ref of the answer in each row
}

// newPreferences scores all rows under the reference.
func newPreferences(job Job, atOnce int) (*preferences, error) {
	p := &preferences{beta: job.Config.DPOBeta}
	scorer := job.Reference.NewEvaluator()
	var err error
	if p.train, err = answers(scorer, job.Train.Rows, atOnce); err != nil {
		return nil, fmt.Errorf("score the reference: %w", err)
	}
	if p.held, err = answers(scorer, job.Eval, atOnce); err != nil {
		return nil, fmt.Errorf("score the reference: %w", err)
	}
	return p, nil
}

// answers returns the log-probability of the answer in each row.
func answers(e *model.Evaluator, rows []pack.Row, atOnce int) ([]float64, error) {
	s, err := eval.NLL(e, rows, atOnce)
	if err != nil {
		return nil, err
	}
	sums := make([]float64, len(s.Rows))
	for i, r := range s.Rows {
		for _, lp := range r.Logprobs {
			sums[i] += lp
		}
	}
	return sums, nil
}

// Preference is how a policy ranks pairs; rewards are TRL's, β·log π/ref.
type Preference struct {
	Accuracy float64 `json:"rewards/accuracies"` // share of pairs whose chosen answer has the higher reward
	Margin   float64 `json:"rewards/margins"`    // mean of z
}

// score sums pairs up.
type score struct {
	loss, margin float64
	right, pairs int
}

// add counts a pair and returns the derivative of its loss by z.
func (s *score) add(z float64) float64 {
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

func (s *score) preference() *Preference {
	n := float64(max(s.pairs, 1))
	return &Preference{Accuracy: float64(s.right) / n, Margin: s.margin / n}
}

// z is the margin between the rows of a pair.
func (p *preferences) z(chosen, rejected, refChosen, refRejected float64) float64 {
	return p.beta * ((chosen - refChosen) - (rejected - refRejected))
}

// weigh makes the loss of a micro-batch that of its pairs, each counted 1/pairs, and adds them to s.
func (p *preferences) weigh(mb *model.MicroBatch, segments []pack.Segment, pairs int, s *score) {
	mb.Weigh = func(nll []float64, scales []float32) {
		sums, next := make([]float64, len(segments)), 0
		ends := make([]int, len(segments))
		for i, seg := range segments {
			for next < len(nll) && int(mb.Rows[next]) < seg.End {
				sums[i] -= nll[next]
				next++
			}
			ends[i] = next
		}
		from := 0
		for i := 0; i < len(segments); i += 2 {
			slope := s.add(p.z(sums[i], sums[i+1], p.train[segments[i].Row], p.train[segments[i+1].Row])) * p.beta / float64(pairs)
			for n := from; n < ends[i]; n++ {
				scales[n] = float32(-slope) // by the loss of a token, which is −log π
			}
			for n := ends[i]; n < ends[i+1]; n++ {
				scales[n] = float32(slope)
			}
			from = ends[i+1]
		}
	}
}

// evaluate scores held-out pairs.
func (p *preferences) evaluate(e *model.Evaluator, rows []pack.Row, atOnce int) (score, error) {
	var s score
	now, err := answers(e, rows, atOnce)
	if err != nil {
		return s, err
	}
	for i := 0; i < len(now); i += 2 {
		s.add(p.z(now[i], now[i+1], p.held[i], p.held[i+1]))
	}
	return s, nil
}
