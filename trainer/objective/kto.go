package objective

import (
	"context"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/model"
)

// KTOConfig are the keys of kto.
type KTOConfig struct {
	KTOBeta           float64 `yaml:"kto_beta" json:"kto_beta"`                     // how far kto may go from the base
	DesirableWeight   float64 `yaml:"desirable_weight" json:"desirable_weight"`     // of answers that are good
	UndesirableWeight float64 `yaml:"undesirable_weight" json:"undesirable_weight"` // of those that are not
}

func defaultKTO() KTOConfig { return KTOConfig{KTOBeta: 0.1, DesirableWeight: 1, UndesirableWeight: 1} }

func (c KTOConfig) validate() error {
	var errs []error
	if !(c.KTOBeta > 0) {
		errs = append(errs, fmt.Errorf("kto_beta is %g, want more than 0", c.KTOBeta))
	}
	if !(c.DesirableWeight >= 0) {
		errs = append(errs, fmt.Errorf("desirable_weight is %g, want 0 or more", c.DesirableWeight))
	}
	if !(c.UndesirableWeight >= 0) {
		errs = append(errs, fmt.Errorf("undesirable_weight is %g, want 0 or more", c.UndesirableWeight))
	}
	return errors.Join(errs...)
}

// kto is Kahneman-Tversky optimisation (Ethayarajh et al., arXiv:2402.01306, equation 7) as TRL has it:
// for an answer y with the reward r = β·log π(y)/ref(y),
//
//	loss = w·(1 − σ(r − β·kl)) when it is good,  w·(1 − σ(β·kl − r)) when it is not
//
// where kl estimates how far the policy has gone from the base: the mean of log π/ref over the answers
// of the step, each to the prompt of the next row, 0 at least. No gradient goes through it.
type kto struct{ KTOConfig }

// Facts implements Objective.
func (kto) Facts() Facts {
	return Facts{
		Name: "kto", Kinds: []datasets.Kind{datasets.KindJudged}, Unit: "per answer",
		Keys:      []string{"kto_beta", "desirable_weight", "undesirable_weight"},
		Reference: true, Compares: true,
	}
}

// Encode implements Objective.
func (kto) Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error) {
	return each(rows, func(x datasets.Example) ([]pack.Row, error) {
		r, err := e.answer(x.Conversation, x.Completion)
		r.Good = x.Label != nil && *x.Label
		return []pack.Row{r}, err
	})
}

// Prepare implements Objective: it scores all rows under the reference.
func (o kto) Prepare(ctx context.Context, r Run) (Loss, error) {
	j := &judgements{KTOConfig: o.KTOConfig, run: r, reference: r.Reference.NewEvaluator()}
	var err error
	j.train, j.held, err = r.references(ctx, j.reference)
	return j, err
}

// judgements is kto in a run.
type judgements struct {
	KTOConfig
	run         Run
	reference   *model.Evaluator
	train, held []float64 // log-probability under ref of the answer in each row
}

// Weigh implements Loss: each answer counts its weight.
func (j *judgements) Weigh(ctx context.Context, batches []pack.Batch, mbs []*model.MicroBatch) (func(float64) Score, error) {
	var rows []pack.Row
	for _, b := range batches {
		for _, s := range b.Segments {
			rows = append(rows, j.run.Train[s.Row])
		}
	}
	kl, err := j.kl(ctx, rows)
	if err != nil {
		return nil, err
	}
	t := &verdicts{KTOConfig: j.KTOConfig, kl: kl}
	for i, mb := range mbs {
		segments := batches[i].Segments
		mb.Weigh = func(nll []float64, scales []float32) {
			sums, ends := segmentSums(mb, segments, nll)
			from := 0
			for n, s := range segments {
				slope := t.add(sums[n], j.train[s.Row], j.run.Train[s.Row].Good) / float64(len(rows))
				fill(scales[from:ends[n]], -slope) // by the loss of a token, which is −log π
				from = ends[n]
			}
		}
	}
	return func(float64) Score { return t.score() }, nil
}

// kl is the mean of log π/ref over mismatched rows, 0 at least.
func (j *judgements) kl(ctx context.Context, rows []pack.Row) (float64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	others := mismatch(rows, j.run.MaxLen)
	now, err := answers(ctx, j.run.Policy, others, j.run.AtOnce)
	if err != nil {
		return 0, err
	}
	ref, err := answers(ctx, j.reference, others, j.run.AtOnce)
	if err != nil {
		return 0, fmt.Errorf("score the reference: %w", err)
	}
	var sum float64
	for i := range now {
		sum += now[i] - ref[i]
	}
	return max(0, sum/float64(len(rows))), nil
}

// mismatch gives each row's prompt the answer of the row before it, and the first that of the last. What
// is longer than a sequence is cut, as TRL does: a part of an answer tells of the distance, too.
func mismatch(rows []pack.Row, maxLen int) []pack.Row {
	out := make([]pack.Row, len(rows))
	for i, r := range rows {
		other := rows[(i+len(rows)-1)%len(rows)]
		prompt, answer := answerStart(r), other.IDs[answerStart(other):]
		ids := append(append(make([]int32, 0, prompt+len(answer)), r.IDs[:prompt]...), answer...)
		marks := make([]bool, len(ids))
		for n := prompt; n < len(marks); n++ {
			marks[n] = true
		}
		n := min(len(ids), maxLen)
		out[i] = pack.Row{IDs: ids[:n], Trained: marks[:n]}
	}
	return out
}

// answerStart is where the answer of a row begins.
func answerStart(r pack.Row) int {
	for i, t := range r.Trained {
		if t {
			return i
		}
	}
	return len(r.IDs)
}

// Evaluate implements Loss. The held-out rows are one batch: their kl is that of all of them.
func (j *judgements) Evaluate(ctx context.Context) (Score, error) {
	now, err := answers(ctx, j.run.Policy, j.run.Held, j.run.AtOnce)
	if err != nil {
		return Score{}, err
	}
	kl, err := j.kl(ctx, j.run.Held)
	if err != nil {
		return Score{}, err
	}
	t := &verdicts{KTOConfig: j.KTOConfig, kl: kl}
	for i := range now {
		t.add(now[i], j.held[i], j.run.Held[i].Good)
	}
	return t.score(), nil
}

// verdicts sums answers up.
type verdicts struct {
	KTOConfig
	kl, loss  float64
	good, bad struct {
		rewards, logps float64
		n              int
	}
}

// add counts an answer and returns the derivative of its loss by log π.
func (t *verdicts) add(logp, ref float64, good bool) float64 {
	weight, sign, of := t.UndesirableWeight, -1.0, &t.bad
	if good {
		weight, sign, of = t.DesirableWeight, 1, &t.good
	}
	ratio := logp - ref
	of.rewards += t.KTOBeta * ratio
	of.logps += logp
	of.n++
	z := sign * t.KTOBeta * (ratio - t.kl)
	short := sigmoid(-z) // 1 − σ(z)
	t.loss += weight * short
	return -weight * sign * t.KTOBeta * sigmoid(z) * short
}

// score is the mean over answers. What there was no answer for is left out.
func (t *verdicts) score() Score {
	s := Score{Loss: t.loss / float64(max(t.good.n+t.bad.n, 1)), Metrics: Metrics{{"kl", t.kl}}}
	if n := float64(t.good.n); n > 0 {
		s.Metrics = append(s.Metrics, Metric{"rewards/chosen", t.good.rewards / n}, Metric{"logps/chosen", t.good.logps / n})
	}
	if n := float64(t.bad.n); n > 0 {
		s.Metrics = append(s.Metrics, Metric{"rewards/rejected", t.bad.rewards / n}, Metric{"logps/rejected", t.bad.logps / n})
	}
	if t.good.n > 0 && t.bad.n > 0 {
		margin := t.good.rewards/float64(t.good.n) - t.bad.rewards/float64(t.bad.n)
		s.Metrics = append(s.Metrics, Metric{"rewards/margins", margin})
	}
	return s
}
