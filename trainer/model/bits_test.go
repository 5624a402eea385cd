package model_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
)

// gradientsOf runs the first documents of a case and returns all gradients, in micro-batches of a
// number of sequences, with dropout and the first recompute layers computed twice.
func gradientsOf(t *testing.T, dir string, micro, recompute int) (all []float32) {
	t.Helper()
	b := open(t, dir)
	var want expected
	if err := json.Unmarshal(testkit.Read(t, filepath.Join(dir, "expected.json")), &want); err != nil {
		t.Fatal(err)
	}
	a, err := peft.Read(filepath.Join(dir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Config.TargetParameters) == 0 { // those have none
		a.Config.Dropout = 0.2
	}
	m, f := attached(t, b, a)
	tr, err := m.NewTrainer(recompute)
	if err != nil {
		t.Fatal(err)
	}
	var rows []pack.Row
	for _, ids := range want.Train.Docs[0] {
		rows = append(rows, pack.Row{IDs: ids})
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 32, Strategy: pack.None})
	if err != nil {
		t.Fatal(err)
	}
	sequences := make([]int, len(s.Sequences))
	for i := range sequences {
		sequences[i] = i
	}
	mbs, _ := trainer.MicroBatches(s.Step(sequences, micro), 7, 0)
	for _, mb := range mbs {
		if _, err := tr.Step(context.Background(), mb); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range f.Params() {
		all = append(all, p.Grad...)
	}
	return all
}

// What must not matter does not, for the operators that only some families have.
func TestFamiliesGiveTheSameBits(t *testing.T) {
	for _, name := range []string{"gemma3", "glm4", "qwen2-window", "granite", "ministral3", "phi4-mini", "olmo3", "qwen3moe-experts", "gptoss-experts", "lfm2", "granite4", "granite4-dense", "lfm2moe", "qwen3next", "qwen35", "qwen35moe-mm"} {
		dir := filepath.Join("testdata", name)
		want := gradientsOf(t, dir, 1, 0)
		check := func(what string, got []float32) {
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s changes the gradients", name, what)
			}
		}
		check("the micro-batch", gradientsOf(t, dir, 3, 0))
		check("recomputing", gradientsOf(t, dir, 1, 99))
		old := runtime.GOMAXPROCS(5)
		check("GOMAXPROCS", gradientsOf(t, dir, 1, 0))
		runtime.GOMAXPROCS(old)
		for _, i := range cpu.Available() {
			restore := cpu.Use(i)
			check(i.String(), gradientsOf(t, dir, 1, 0))
			restore()
		}
	}
}

// Decoding token by token gives the logits of the whole, to the bit, also where longrope turns all
// keys anew.
func TestFamiliesDecodeAsTheyPrefill(t *testing.T) {
	for _, name := range []string{"gemma3", "glm4", "exaone4", "ministral3", "phi4-mini", "mixtral-experts", "lfm2", "granite4", "granite4-dense", "lfm2moe", "qwen3next", "qwen35", "qwen35moe-mm"} {
		dir := filepath.Join("testdata", name)
		b := open(t, dir)
		m, err := model.New(b.Config(), b, model.Attachment{})
		if err != nil {
			t.Fatal(err)
		}
		ids := []int32{3, 9, 27, 14, 42, 8, 24, 5, 15, 40, 11, 33, 6, 18, 7, 21, 16, 4, 12}
		for n := 1; n <= len(ids); n++ {
			whole := slices.Clone(grow(t, m.NewBatch(1), ids[:n]...))
			one := m.NewBatch(1)
			var last []float32
			for _, id := range ids[:n] {
				last = grow(t, one, id)
			}
			if !slices.Equal(whole, last) {
				t.Errorf("%s: decoding %d tokens differs from prefill", name, n)
			}
		}
	}
}

// TestSharedGoldens runs the larger cases beside the repository.
func TestSharedGoldens(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), "*", "expected.json"))
	if err != nil || len(cases) < 10 {
		t.Fatalf("%d cases (%v)", len(cases), err)
	}
	known := model.Architectures()
	for _, file := range cases {
		b := open(t, filepath.Join(filepath.Dir(file), "base"))
		if !slices.Contains(known, b.Config().Architectures[0]) {
			continue
		}
		var want struct {
			NLL []struct {
				IDs           []int32
				TokenLogprobs []float64 `json:"token_logprobs"`
			}
		}
		if err := json.Unmarshal(testkit.Read(t, file), &want); err != nil {
			t.Fatal(err)
		}
		m, err := model.New(b.Config(), b, model.Attachment{})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range want.NLL {
			got, err := eval.NLL(context.Background(), m.NewEvaluator(), []pack.Row{{IDs: x.IDs}}, eval.TokensAtOnce)
			if err != nil {
				t.Fatal(err)
			}
			for j, p := range x.TokenLogprobs {
				near(t, got.Rows[0].Logprobs[j], p, 1e-4, filepath.Base(filepath.Dir(file)), j)
			}
		}
	}
}

// grow adds tokens to the one sequence of a batch and returns the logits after the last.
func grow(t *testing.T, b *model.Batch, ids ...int32) []float32 {
	t.Helper()
	logits, err := b.Append([][]int32{ids})
	if err != nil {
		t.Fatal(err)
	}
	return logits[0]
}
