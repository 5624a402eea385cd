package trainer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/optim"
)

// distilGolden is what PyTorch computes (tools/goldens/distil.py).
type distilGolden struct {
	BatchSize    int     `json:"batch_size"`
	LearningRate float64 `json:"learning_rate"`
	WeightDecay  float64 `json:"weight_decay"`
	Rows         []struct{ Prompt, Context, Completion []int32 }
	Runs         []distilRun
}

type distilRun struct {
	Name, Case  string
	TopK        int `json:"topk"`
	Temperature float64
	CEWeight    float64 `json:"ce_weight"`
	Steps       []map[string]float64
	Evaluation  map[string]float64
}

func (g distilGolden) rows(t *testing.T) *pack.Sequences {
	t.Helper()
	var rows []pack.Row
	for _, r := range g.Rows {
		row := answered(r.Prompt, r.Completion)
		teacher := answered(append(append([]int32{}, r.Context...), r.Prompt...), r.Completion)
		row.Teacher = &teacher
		rows = append(rows, row)
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 16})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answered(prompt, completion []int32) pack.Row {
	row := pack.Row{IDs: append(append([]int32{}, prompt...), completion...)}
	for i := range row.IDs {
		row.Trained = append(row.Trained, i >= len(prompt))
	}
	return row
}

func (g distilGolden) config(r distilRun) trainer.Config {
	c := trainer.DefaultConfig()
	c.Objective, c.DistillationTopK, c.DistillationTemperature, c.DistillationCEWeight = "distil", r.TopK, r.Temperature, r.CEWeight
	c.Shuffle, c.BatchSize, c.MaxSteps, c.EvalSteps = false, g.BatchSize, len(r.Steps), 0
	c.LearningRate, c.LRSchedulerType, c.WarmupRatio, c.WeightDecay = g.LearningRate, "constant", 0, g.WeightDecay
	return c
}

// distil follows PyTorch, with micro-batches of any size, and with the same bits for each of them.
func TestDistilFollowsPyTorch(t *testing.T) {
	var g distilGolden
	if err := json.Unmarshal(testkit.Read(t, filepath.Join("testdata", "distil", "expected.json")), &g); err != nil {
		t.Fatal(err)
	}
	for _, r := range g.Runs {
		t.Run(r.Name, func(t *testing.T) {
			want := readTensors(t, filepath.Join("testdata", "distil", r.Name+".safetensors"))
			var first string
			for _, micro := range []int{1, 3, 4} {
				c, out := g.config(r), t.TempDir()
				c.MicroBatchSize = micro
				f := runDistil(t, r.Case, c, g.rows(t), out)
				sameSteps(t, filepath.Join(out, trainer.MetricsFile), r.Steps, r.Evaluation)
				seen := 0
				for _, x := range f.Adapter().Tensors {
					for i, v := range want[x.Name] {
						if math.Abs(float64(x.Data[i]-v)) > 2e-5 {
							t.Fatalf("%s[%d] is %g, want %g", x.Name, i, x.Data[i], v)
						}
					}
					seen += len(x.Data)
				}
				if got := fmt.Sprint(f.Adapter().Tensors, seen); first == "" {
					first = got
				} else if got != first {
					t.Errorf("micro-batches of %d sequences give other bits", micro)
				}
			}
		})
	}
}

func runDistil(t *testing.T, family string, c trainer.Config, rows *pack.Sequences, out string) *lora.Factors {
	t.Helper()
	dir := filepath.Join("model", "testdata", family)
	base, err := bases.Open(dir, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = base.Close() })
	start, err := peft.Read(filepath.Join(dir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	modules, err := model.Modules(base.Config(), base)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lora.FromAdapter(start, modules)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(base.Config(), base, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	alone, err := model.New(base.Config(), base, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	job := trainer.Job{
		Config: c, Model: m, Reference: alone, Groups: optim.OneGroup(f.Params(), c.WeightDecay),
		Train: rows, Eval: rows.Rows, RunDigest: "distil", OutDir: out,
	}
	if _, err := trainer.Run(context.Background(), job); err != nil {
		t.Fatal(err)
	}
	return f
}

// sameSteps holds a file of metrics to those of each step and of the last evaluation.
func sameSteps(t *testing.T, path string, steps []map[string]float64, evaluation map[string]float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step, evaluated := 0, false
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		var got map[string]float64
		if err := json.Unmarshal(sc.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		var want map[string]float64
		if _, ok := got["loss"]; ok {
			want = steps[step]
			step++
		} else if int(got["step"]) == len(steps) {
			want, got["loss"], evaluated = evaluation, got["eval_loss"], true
		}
		for name, w := range want {
			if x, ok := got[name]; !ok || math.Abs(x-w) > 1e-5+1e-4*math.Abs(w) {
				t.Errorf("step %g: %s is %g, want %g", got["step"], name, x, w)
			}
		}
	}
	if step != len(steps) || !evaluated {
		t.Errorf("%d steps, want %d, and an evaluation: %t", step, len(steps), evaluated)
	}
}
