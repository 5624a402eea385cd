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
	"github.com/cultivar/cultivar/trainer/generate"
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

// A prompt gets what it would get alone, whoever shares the batch, also where there are more prompts than
// sequences, where all begin alike, and where one is longer than what is computed at a time.
func TestFamiliesAnswerManyAsOne(t *testing.T) {
	for _, name := range []string{"gemma3", "phi4-mini", "granite4", "qwen3next", "lfm2"} {
		b := open(t, filepath.Join("testdata", name))
		m, err := model.New(b.Config(), b, model.Attachment{})
		if err != nil {
			t.Fatal(err)
		}
		head := []int32{3, 9, 27, 14, 42, 8, 24, 5, 15, 40}
		prompts := [][]int32{head, append(slices.Clone(head), 7), {11, 33}, append(slices.Clone(head), 6, 18, 7, 21), {16}, append(slices.Clone(head), 6, 18)}
		o := generate.Options{MaxNewTokens: 6, Temperature: 1, Seed: 3, Draws: []uint64{0, 5, 1, 2, 0, 5}}
		answers := func(sequences int, prompts [][]int32, draws []uint64) [][]int32 {
			out, o := make([][]int32, len(prompts)), o
			o.Draws = draws
			if err := generate.All(context.Background(), m.NewBatch(sequences), prompts, o, func(i int, id int32) bool {
				out[i] = append(out[i], id)
				return len(out[i]) < 2+len(prompts[i])%5 // they end at different times
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		for _, some := range [][]int{{0, 1, 2, 3, 4, 5}, {0, 1, 3, 5}} {
			var list [][]int32
			var draws []uint64
			for _, i := range some {
				list, draws = append(list, prompts[i]), append(draws, o.Draws[i])
			}
			var want [][]int32
			for i := range list {
				want = append(want, answers(1, list[i:i+1], draws[i:i+1])[0])
			}
			for _, sequences := range []int{1, 2, 3, 9} {
				got := answers(sequences, list, draws)
				for i := range got {
					if !slices.Equal(got[i], want[i]) {
						t.Errorf("%s: prompt %d of %d beside others in %d sequences gets %v, alone %v", name, i, len(list), sequences, got[i], want[i])
					}
				}
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
