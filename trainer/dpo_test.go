package trainer_test

import (
	"context"
	"encoding/json"
	"github.com/cultivar/cultivar/trainer/optim"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// pairs makes preference rows of random tokens whose last few are the answer.
func pairs(t *testing.T, n int) *pack.Sequences {
	t.Helper()
	var rows []pack.Row
	for i := range 2 * n {
		draw := rng.New(3, "pairs").At(0, uint64(i))
		r := pack.Row{}
		for j := range 6 + i%5 {
			r.IDs = append(r.IDs, int32(draw.Float32()*60))
			r.Trained = append(r.Trained, j >= 4)
		}
		rows = append(rows, r)
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 16, Pairs: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func dpoJob(t *testing.T, c trainer.Config, rows *pack.Sequences) (trainer.Job, []*ops.Param) {
	t.Helper()
	m, params := attach(t, c)
	bc, weights := tiny(t)
	ref, err := model.New(bc, frozenSource{weights}, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	return trainer.Job{Config: c, Model: m, Reference: ref, Groups: optim.OneGroup(params, c.WeightDecay), Train: rows, Eval: rows.Rows[:4], RunDigest: "run", OutDir: t.TempDir()}, params
}

func dpoConfig() trainer.Config {
	c := config()
	c.Objective, c.LoRA.Dropout, c.BatchSize, c.MicroBatchSize = "dpo", 0, 4, 4
	return c
}

// The loss of the first step follows from the definition, computed here from the likelihoods of
// whole answers.
func TestPreferenceLoss(t *testing.T) {
	rows := pairs(t, 4)
	c := dpoConfig()
	c.Shuffle = false
	job, _ := dpoJob(t, c, rows)
	answer := func(m *model.Model) []float64 {
		s, err := eval.NLL(context.Background(), m.NewEvaluator(), rows.Rows, eval.TokensAtOnce)
		if err != nil {
			t.Fatal(err)
		}
		sums := make([]float64, len(s.Rows))
		for i, r := range s.Rows {
			for _, lp := range r.Logprobs {
				sums[i] += lp
			}
		}
		return sums
	}
	policy, ref := answer(job.Model), answer(job.Reference)
	var want float64
	for i := 0; i < len(policy); i += 2 {
		z := c.DPOBeta * ((policy[i] - ref[i]) - (policy[i+1] - ref[i+1]))
		want += math.Log1p(math.Exp(-z)) / 4
	}
	if _, err := trainer.Run(context.Background(), job); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(job.OutDir, trainer.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var first struct {
		Loss     float64  `json:"loss"`
		Accuracy *float64 `json:"rewards/accuracies"`
	}
	for _, line := range strings.Split(string(log), "\n") {
		if strings.Contains(line, `"loss"`) {
			if err := json.Unmarshal([]byte(line), &first); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if math.Abs(first.Loss-want) > 1e-6 || first.Accuracy == nil {
		t.Errorf("the log says loss %g and accuracy %v, want %g", first.Loss, first.Accuracy, want)
	}
}

// Training on pairs lowers their loss, to the same bits with any size of micro-batches.
func TestPreferencesAreLearnt(t *testing.T) {
	rows := pairs(t, 8)
	var want [32]byte
	for i, micro := range []int{1, 3, 4} {
		c := dpoConfig()
		c.MicroBatchSize, c.MaxSteps = micro, 20
		job, params := dpoJob(t, c, rows)
		r, err := trainer.Run(context.Background(), job)
		if err != nil {
			t.Fatal(err)
		}
		if *r.EvalAfter > *r.EvalBefore/2 {
			t.Errorf("micro-batches of %d: the loss goes from %g to %g", micro, *r.EvalBefore, *r.EvalAfter)
		}
		if got := digest(params); i == 0 {
			want = got
		} else if got != want {
			t.Errorf("micro-batches of %d change the result", micro)
		}
	}
}
