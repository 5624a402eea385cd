package model_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/optim"
)

// expected is what PyTorch, transformers and PEFT compute on a case (tools/goldens/families.py).
type expected struct {
	NLL []struct {
		IDs           []int32
		TokenLogprobs []float64 `json:"token_logprobs"`
	}
	Greedy []struct {
		PromptIDs []int32 `json:"prompt_ids"`
		NewIDs    []int32 `json:"new_ids"`
	}
	Train struct {
		Docs        [][][]int32 // by step
		Losses      []float64
		GradNorms   []float64          `json:"grad_norms"`
		TensorNorms map[string]float64 `json:"tensor_norms"` // of the first step's gradients
	}
}

// TestFamilies holds every family and option of testdata to what PyTorch computes.
func TestFamilies(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/expected.json")
	if err != nil || len(cases) < 20 {
		t.Fatalf("%d cases (%v)", len(cases), err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			var want expected
			if err := json.Unmarshal(testkit.Read(t, file), &want); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Dir(file)
			b := open(t, dir)
			bare, err := model.New(b.Config(), b, model.Attachment{})
			if err != nil {
				t.Fatal(err)
			}
			checkLikelihoods(t, bare, want)
			checkGreedy(t, bare, want)
			a, err := peft.Read(filepath.Join(dir, "adapter"))
			if err != nil {
				t.Fatal(err)
			}
			checkMerged(t, b, a, want)
			a.Config.AlphaPattern = adapters.Patterns[float64]{{Name: `layers\.1\..*`, Value: 20}}
			checkMerged(t, b, a, want)
			for _, recompute := range []int{0, b.Config().NumHiddenLayers} {
				checkTraining(t, b, filepath.Join(dir, "adapter"), recompute, want)
			}
		})
	}
}

func open(t *testing.T, dir string) *bases.Base {
	t.Helper()
	b, err := bases.Open(dir, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func near(t *testing.T, got, want, tolerance float64, what string, at ...any) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s %v is %.7g, PyTorch says %.7g", what, at, got, want)
	}
}

func checkLikelihoods(t *testing.T, m *model.Model, want expected) {
	t.Helper()
	var rows []pack.Row
	for _, x := range want.NLL {
		rows = append(rows, pack.Row{IDs: x.IDs})
	}
	got, err := eval.NLL(context.Background(), m.NewEvaluator(), rows, eval.TokensAtOnce)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range want.NLL {
		for j, p := range x.TokenLogprobs {
			near(t, got.Rows[i].Logprobs[j], p, 5e-5, "log-probability", i, j)
		}
	}
}

func checkGreedy(t *testing.T, m *model.Model, want expected) {
	t.Helper()
	for _, x := range want.Greedy {
		one := m.NewBatch(1)
		logits := grow(t, one, x.PromptIDs...)
		var got []int32
		for range x.NewIDs {
			next := int32(slices.Index(logits, slices.Max(logits)))
			got = append(got, next)
			logits = grow(t, one, next)
		}
		if !slices.Equal(got, x.NewIDs) {
			t.Errorf("after %v come %v, PyTorch says %v", x.PromptIDs, got, x.NewIDs)
		}
	}
}

func checkTraining(t *testing.T, b *bases.Base, adapter string, recompute int, want expected) {
	t.Helper()
	a, err := peft.Read(adapter)
	if err != nil {
		t.Fatal(err)
	}
	m, f := attached(t, b, a)
	tr, err := m.NewTrainer(recompute)
	if err != nil {
		t.Fatal(err)
	}
	opt := optim.NewAdamW(optim.OneGroup(f.Params(), 0.01), 0.9, 0.999, 1e-8)
	for step, docs := range want.Train.Docs {
		loss := gradients(t, tr, docs)
		near(t, loss, want.Train.Losses[step], 5e-5, "loss of step", step)
		if step == 0 {
			checkTensorNorms(t, f.Params(), want.Train.TensorNorms)
		}
		norm := optim.GradNorm(f.Params())
		near(t, norm, want.Train.GradNorms[step], 2e-4, "gradient norm of step", step)
		opt.Step(5e-3, optim.ClipScale(norm, 1))
	}
	checkTrained(t, f, filepath.Join(filepath.Dir(adapter), "trained"))
}

// checkTrained holds the factors after all steps to what PEFT wrote, where there is that.
func checkTrained(t *testing.T, f *lora.Factors, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return
	}
	want, err := peft.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := f.Adapter()
	if g, w := got.Config, want.Config; !slices.Equal(g.TargetModules, w.TargetModules) || !slices.Equal(g.TargetParameters, w.TargetParameters) ||
		!slices.Equal(g.RankPattern, w.RankPattern) || !slices.Equal(g.AlphaPattern, w.AlphaPattern) {
		t.Errorf("configuration %+v, PEFT writes %+v", g, w)
	}
	if len(got.Tensors) != len(want.Tensors) {
		t.Fatalf("%d tensors are written, PEFT writes %d", len(got.Tensors), len(want.Tensors))
	}
	for i, w := range want.Tensors {
		g := got.Tensors[i]
		if g.Name != w.Name || !slices.Equal(g.Shape, w.Shape) {
			t.Fatalf("tensor %q %v, PEFT writes %q %v", g.Name, g.Shape, w.Name, w.Shape)
		}
		for j := range w.Data {
			near(t, float64(g.Data[j]), float64(w.Data[j]), 2e-4, g.Name, j)
		}
	}
}

// checkMerged holds the base with the adapter merged into it to the base with the adapter on it.
func checkMerged(t *testing.T, b *bases.Base, a *adapters.Adapter, want expected) {
	t.Helper()
	adapted, _ := attached(t, b, a)
	to := filepath.Join(t.TempDir(), "merged")
	if _, err := export.Merged(context.Background(), b, a, to, export.Float32); err != nil {
		t.Fatal(err)
	}
	merged := open(t, to)
	rows := []pack.Row{{IDs: want.NLL[len(want.NLL)-1].IDs}}
	m, err := model.New(merged.Config(), merged, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	var scores [2]eval.Summary
	for i, m := range []*model.Model{adapted, m} {
		if scores[i], err = eval.NLL(context.Background(), m.NewEvaluator(), rows, eval.TokensAtOnce); err != nil {
			t.Fatal(err)
		}
	}
	for j, p := range scores[0].Rows[0].Logprobs {
		near(t, scores[1].Rows[0].Logprobs[j], p, 5e-5, "merged log-probability", j)
	}
}

// gradients runs documents, packed into one micro-batch, and returns the mean loss.
func gradients(t *testing.T, tr *model.Trainer, docs [][]int32) float64 {
	t.Helper()
	var rows []pack.Row
	for _, ids := range docs {
		rows = append(rows, pack.Row{IDs: ids})
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 256, Strategy: pack.BestFit})
	if err != nil {
		t.Fatal(err)
	}
	mbs, labels := trainer.MicroBatches(s.Step([]int{0}, 1), 0, 0)
	var loss float64
	for _, mb := range mbs {
		nll, err := tr.Step(context.Background(), mb)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range nll {
			loss += x
		}
	}
	return loss / float64(labels)
}

// checkTensorNorms compares the gradient of each factor by its norm.
func checkTensorNorms(t *testing.T, params []*ops.Param, want map[string]float64) {
	t.Helper()
	if len(params) != len(want) {
		t.Errorf("%d parameters are trained, PEFT trains %d", len(params), len(want))
	}
	for _, p := range params {
		var sum float64
		for _, g := range p.Grad {
			sum += float64(g) * float64(g)
		}
		name := p.Name
		if w, ok := want[name]; ok {
			near(t, math.Sqrt(sum), w, 2e-4, "norm of the gradient of", name)
		} else if w, ok := want[name+".weight"]; ok { // DoRA's magnitude, named otherwise in memory
			near(t, math.Sqrt(sum), w, 2e-4, "norm of the gradient of", name)
		} else {
			t.Errorf("PEFT does not train %s", name)
		}
	}
}

// Unknown architectures are refused by name, and the error says what is known.
func TestUnknownArchitectures(t *testing.T) {
	for text, want := range map[string]string{
		`"architectures":["MambaForCausalLM"],"model_type":"llama"`: "architecture MambaForCausalLM is not supported (supported: Exaone4ForCausalLM, ",
		`"model_type":"mamba"`: "architecture model_type mamba is not supported",
	} {
		c, err := bases.ParseConfig([]byte(`{"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":9,`+text+`}`), model.Families())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = model.Modules(c, nil); err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// attached returns the model of a base with an adapter to train on it, and its factors.
func attached(t *testing.T, b *bases.Base, a *adapters.Adapter) (*model.Model, *lora.Factors) {
	t.Helper()
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lora.FromAdapter(a, modules)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(b.Config(), b, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	return m, f
}
