package trainer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/optim"
)

// ktoGolden is what TRL's KTOTrainer did (tools/goldens/kto.py).
type ktoGolden struct {
	Case              string
	BatchSize         int     `json:"batch_size"`
	MaxLength         int     `json:"max_length"`
	LearningRate      float64 `json:"learning_rate"`
	WeightDecay       float64 `json:"weight_decay"`
	Beta              float64
	DesirableWeight   float64 `json:"desirable_weight"`
	UndesirableWeight float64 `json:"undesirable_weight"`
	Rows              []struct {
		Prompt, Completion []int32
		Label              bool
	}
	Held       int
	Steps      []map[string]float64
	Evaluation map[string]float64
}

func (g ktoGolden) rows(t *testing.T) *pack.Sequences {
	t.Helper()
	var rows []pack.Row
	for _, r := range g.Rows {
		row := pack.Row{IDs: append(r.Prompt, r.Completion...), Good: r.Label}
		for i := range row.IDs {
			row.Trained = append(row.Trained, i >= len(r.Prompt))
		}
		rows = append(rows, row)
	}
	s, err := pack.New(rows, pack.Options{MaxLen: g.MaxLength})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (g ktoGolden) config() trainer.Config {
	c := trainer.DefaultConfig()
	c.Objective, c.KTOBeta, c.DesirableWeight, c.UndesirableWeight = "kto", g.Beta, g.DesirableWeight, g.UndesirableWeight
	c.Shuffle, c.BatchSize, c.MaxSteps, c.EvalSteps = false, g.BatchSize, len(g.Steps), 0
	c.LearningRate, c.LRSchedulerType, c.WarmupRatio, c.WeightDecay = g.LearningRate, "constant", 0, g.WeightDecay
	return c
}

// kto follows TRL: losses, gradient norms, metrics of every step, the adapter at the end and what it is
// evaluated at, with micro-batches of any size.
func TestKTOFollowsTRL(t *testing.T) {
	var g ktoGolden
	if err := json.Unmarshal(testkit.Read(t, filepath.Join("testdata", "kto", "expected.json")), &g); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("model", "testdata", g.Case)
	base, err := bases.Open(dir, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = base.Close() }()
	start, err := peft.Read(filepath.Join(dir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	modules, err := model.Modules(base.Config(), base)
	if err != nil {
		t.Fatal(err)
	}
	for _, micro := range []int{1, 3, 4} {
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
		c, rows, out := g.config(), g.rows(t), t.TempDir()
		c.MicroBatchSize = micro
		job := trainer.Job{
			Config: c, Model: m, Reference: alone, Groups: optim.OneGroup(f.Params(), c.WeightDecay),
			Train: rows, Eval: rows.Rows[:g.Held], RunDigest: "kto", OutDir: out,
		}
		if _, err := trainer.Run(context.Background(), job); err != nil {
			t.Fatal(err)
		}
		sameMetrics(t, filepath.Join(out, trainer.MetricsFile), g)
		got, want := f.Adapter(), readTensors(t, filepath.Join("testdata", "kto", "adapter.safetensors"))
		for _, x := range got.Tensors {
			for i, v := range want[x.Name] {
				if math.Abs(float64(x.Data[i]-v)) > 2e-5 {
					t.Fatalf("%s[%d] is %g, want %g", x.Name, i, x.Data[i], v)
				}
			}
			delete(want, x.Name)
		}
		if len(want) > 0 {
			t.Errorf("%d tensors are missing", len(want))
		}
	}
}

func sameMetrics(t *testing.T, path string, g ktoGolden) {
	t.Helper()
	step := 0
	for sc := bufio.NewScanner(bytes.NewReader(testkit.Read(t, path))); sc.Scan(); {
		var got map[string]float64
		if err := json.Unmarshal(sc.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := g.Evaluation
		if _, ok := got["loss"]; ok {
			want = g.Steps[step]
			step++
		} else if got["step"] == 0 {
			continue
		} else {
			got["loss"] = got["eval_loss"]
		}
		for name, w := range want {
			if x, ok := got[name]; !ok || math.Abs(x-w) > 1e-5+1e-4*math.Abs(w) {
				t.Errorf("step %g: %s is %g, want %g", got["step"], name, x, w)
			}
		}
		if _, ok := want["rewards/rejected"]; !ok {
			if _, ok := got["rewards/rejected"]; ok {
				t.Errorf("step %g: a reward of answers that there are none of", got["step"])
			}
		}
	}
	if step != len(g.Steps) {
		t.Errorf("%d steps, want %d", step, len(g.Steps))
	}
}

func readTensors(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]float32{}
	for _, name := range f.Tensors() {
		x, _ := f.Tensor(name)
		if out[name], err = safetensors.Float32s(x); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
