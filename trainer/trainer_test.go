package trainer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"github.com/cultivar/cultivar/trainer/optim"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/checkpoint"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/scratch"
)

// tiny is a Llama model of a few thousand parameters.
func tiny(t testing.TB) (*bases.Config, *scratch.Weights) {
	t.Helper()
	c, err := bases.ParseConfig([]byte(`{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":32,
		"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":61,
		"max_position_embeddings":64,"rms_norm_eps":1e-6,"tie_word_embeddings":true,"initializer_range":0.2}`), model.Families())
	if err != nil {
		t.Fatal(err)
	}
	return c, scratch.New(c, 5)
}

// sequences are rows of random tokens of mixed lengths.
func sequences(t testing.TB, n int, strategy pack.Strategy) *pack.Sequences {
	t.Helper()
	var rows []pack.Row
	for i := range n {
		draw := rng.New(3, "rows").At(0, uint64(i))
		ids := make([]int32, 3+draw.IntN(30))
		for j := range ids {
			ids[j] = int32(draw.IntN(61))
		}
		rows = append(rows, pack.Row{IDs: ids})
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 40, Strategy: strategy})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config() trainer.Config {
	c := trainer.DefaultConfig()
	c.LoRA.Rank, c.LoRA.Dropout = 4, 0.1
	c.MaxSeqLength, c.BatchSize, c.MicroBatchSize, c.MaxSteps = 40, 6, 2, 5
	c.LearningRate, c.EvalSteps, c.SaveSteps = 1e-2, 0, 2
	return c
}

// attach returns a model with fresh factors; B is not zero, so that A has a gradient at once.
func attach(t testing.TB, c trainer.Config) (*model.Model, []*ops.Param) {
	t.Helper()
	bc, weights := tiny(t)
	frozen := frozenSource{weights}
	modules, err := model.Modules(bc, frozen)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lora.New(c.LoRA, modules, frozen, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Params() {
		draw := rng.New(9, p.Name).At(0, 0)
		for i := range p.Value {
			p.Value[i] += draw.Uniform(-0.1, 0.1)
		}
	}
	m, err := model.New(bc, frozen, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	return m, f.Params()
}

// frozenSource serves in-memory weights as a base does.
type frozenSource struct{ w *scratch.Weights }

func (s frozenSource) Has(name string) bool { return s.w.Has(name) }

func (s frozenSource) Tensor(name string) (bases.View, error) {
	for _, p := range s.w.Params() {
		if p.Name == name {
			shape := []int{p.Rows, p.Cols}
			if p.Rows == 1 {
				shape = shape[1:]
			}
			return bases.View{F32: p.Value, Shape: shape}, nil
		}
	}
	return bases.View{}, bases.ErrNoTensor
}

// train runs a job and returns a digest of the parameters it ends with.
func train(t testing.TB, ctx context.Context, c trainer.Config, rows *pack.Sequences, dir string, hooks trainer.Hooks) ([32]byte, error) {
	t.Helper()
	m, params := attach(t, c)
	_, err := trainer.Run(ctx, trainer.Job{Config: c, Model: m, Groups: optim.OneGroup(params, c.WeightDecay), Train: rows, Eval: rows.Rows[:2], RunDigest: "run", OutDir: dir, Hooks: hooks})
	return digest(params), err
}

func digest(params []*ops.Param) [32]byte {
	var b bytes.Buffer
	for _, p := range params {
		for _, v := range p.Value {
			bits := math.Float32bits(v)
			b.Write([]byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
		}
	}
	return sha256.Sum256(b.Bytes())
}

func mustTrain(t testing.TB, c trainer.Config, rows *pack.Sequences) [32]byte {
	t.Helper()
	d, err := train(t, context.Background(), c, rows, t.TempDir(), trainer.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The promise of docs/numerics.md, as a test: what must not matter does not.
func TestSameBits(t *testing.T) {
	rows := sequences(t, 20, pack.BestFit)
	want := mustTrain(t, config(), rows)
	check := func(name string, got [32]byte) {
		if got != want {
			t.Errorf("%s changes the result", name)
		}
	}
	for _, micro := range []int{1, 6} {
		c := config()
		c.MicroBatchSize = micro
		check("micro_batch_size", mustTrain(t, c, rows))
	}
	c := config()
	c.GradientCheckpointing = true
	check("gradient_checkpointing", mustTrain(t, c, rows))
	for _, n := range []int{1, 2, 5} {
		old := runtime.GOMAXPROCS(n)
		check("GOMAXPROCS", mustTrain(t, config(), rows))
		runtime.GOMAXPROCS(old)
	}
	for _, i := range cpu.Available() {
		restore := cpu.Use(i)
		check(i.String(), mustTrain(t, config(), rows))
		restore()
	}
	c = config()
	c.Seed++
	if mustTrain(t, c, rows) == want {
		t.Error("the seed changes nothing")
	}
}

// Rows that are in the same step give the same gradient, however they are packed.
func TestPackingChangesNothingWithinAStep(t *testing.T) {
	c := config()
	c.Shuffle, c.BatchSize = false, 1000
	c.LoRA.Dropout = 0
	if mustTrain(t, c, sequences(t, 12, pack.None)) != mustTrain(t, c, sequences(t, 12, pack.BestFit)) {
		t.Error("packing changes the result")
	}
}

func TestResume(t *testing.T) {
	rows := sequences(t, 20, pack.BestFit)
	want := mustTrain(t, config(), rows)
	for stop := 1; stop <= 4; stop++ {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		_, err := train(t, ctx, config(), rows, dir, trainer.Hooks{OnStep: func(s trainer.Step) {
			if s.Step == stop {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled after step %d: %v", stop, err)
		}
		if stop%2 == 1 { // as if it had been killed without the time to save: the last step is gone
			if err := os.RemoveAll(filepath.Join(dir, "checkpoints", "step-0000000"+string(rune('0'+stop)))); err != nil {
				t.Fatal(err)
			}
		}
		resumed := -1
		got, err := train(t, context.Background(), config(), rows, dir, trainer.Hooks{OnStart: func(_, at int) { resumed = at }})
		if err != nil {
			t.Fatal(err)
		}
		if got != want || resumed != stop-stop%2 {
			t.Errorf("stopped after step %d and resumed at %d: same bits is %v", stop, resumed, got == want)
		}
		checkMetrics(t, dir, 5)
	}
}

// expiring is a context that is done once it was asked a number of times.
type expiring struct {
	context.Context
	left int
}

func (c *expiring) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Whoever is told to end in the middle of a step leaves the state of the step before.
func TestResumeAfterHalfAStep(t *testing.T) {
	rows := sequences(t, 20, pack.BestFit)
	want := mustTrain(t, config(), rows)
	resumed := make(map[int]bool)
	for _, asked := range []int{3, 17, 31, 44, 60} {
		dir := t.TempDir()
		if _, err := train(t, &expiring{context.Background(), asked}, config(), rows, dir, trainer.Hooks{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("told to end after %d questions: %v", asked, err)
		}
		got, err := train(t, context.Background(), config(), rows, dir, trainer.Hooks{OnStart: func(_, at int) { resumed[at] = true }})
		if err != nil || got != want {
			t.Errorf("told to end after %d questions: same bits is %v, %v", asked, got == want, err)
		}
		checkMetrics(t, dir, 5)
	}
	if len(resumed) < 3 {
		t.Errorf("resumed at steps %v only", resumed)
	}
}

// checkMetrics wants every step once, in order.
func checkMetrics(t *testing.T, dir string, steps int) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, trainer.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for line := range bytes.Lines(log) {
		var s struct {
			Step int
			Loss *float64
		}
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		if s.Loss != nil {
			got = append(got, s.Step)
		}
	}
	for i := range steps {
		if len(got) != steps || got[i] != i+1 {
			t.Fatalf("metrics.jsonl has steps %v, want 1…%d", got, steps)
		}
	}
}

// A run that was killed after its last step, before its adapter was written, reports what the run did.
func TestResumeAfterTheLastStep(t *testing.T) {
	rows, dir, c := sequences(t, 20, pack.BestFit), t.TempDir(), config()
	run := func() trainer.Result {
		m, params := attach(t, c)
		r, err := trainer.Run(context.Background(), trainer.Job{Config: c, Model: m, Groups: optim.OneGroup(params, c.WeightDecay), Train: rows, Eval: rows.Rows[:2], RunDigest: "run", OutDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, again := run(), run()
	if first.Loss == 0 || again.ResumedAt != first.Steps || again.Loss != first.Loss || *again.EvalBefore != *first.EvalBefore || *again.EvalAfter != *first.EvalAfter || again.Tokens != first.Tokens || again.TrainedTokens != first.TrainedTokens {
		t.Errorf("ran %+v, and again %+v", first, again)
	}
}

func TestResumeRefusesAnotherRun(t *testing.T) {
	rows := sequences(t, 20, pack.BestFit)
	dir := t.TempDir()
	if _, err := train(t, context.Background(), config(), rows, dir, trainer.Hooks{}); err != nil {
		t.Fatal(err)
	}
	m, params := attach(t, config())
	_, err := trainer.Run(context.Background(), trainer.Job{Config: config(), Model: m, Groups: optim.OneGroup(params, 0.01), Train: rows, RunDigest: "other", OutDir: dir})
	if !errors.Is(err, checkpoint.ErrOtherRun) {
		t.Errorf("error is %v", err)
	}
}

func TestDivergenceIsAnError(t *testing.T) {
	c := config()
	c.LearningRate, c.MaxGradNorm, c.MaxSteps, c.WarmupSteps = 1e30, 0, 20, 1
	_, err := train(t, context.Background(), c, sequences(t, 20, pack.BestFit), t.TempDir(), trainer.Hooks{})
	if !errors.Is(err, trainer.ErrDiverged) {
		t.Errorf("error is %v", err)
	}
}

func TestTrainingLearns(t *testing.T) {
	c := config()
	c.MaxSteps, c.LoRA.Dropout = 60, 0
	m, params := attach(t, c)
	rows := sequences(t, 8, pack.BestFit)
	before, err := eval.NLL(context.Background(), m.NewEvaluator(), rows.Rows, eval.TokensAtOnce)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trainer.Run(context.Background(), trainer.Job{Config: c, Model: m, Groups: optim.OneGroup(params, c.WeightDecay), Train: rows, RunDigest: "r", OutDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	after, err := eval.NLL(context.Background(), m.NewEvaluator(), rows.Rows, eval.TokensAtOnce)
	if err != nil {
		t.Fatal(err)
	}
	if after.MeanNLL() > 0.7*before.MeanNLL() {
		t.Errorf("loss %.3f before, %.3f after", before.MeanNLL(), after.MeanNLL())
	}
}

// A row's likelihood depends on nothing but the row.
func TestEvaluationOfRowsIsIndependent(t *testing.T) {
	m, _ := attach(t, config())
	rows := sequences(t, 9, pack.None).Rows
	all, err := eval.NLL(context.Background(), m.NewEvaluator(), rows, eval.TokensAtOnce)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		alone, err := eval.NLL(context.Background(), m.NewEvaluator(), []pack.Row{r}, eval.TokensAtOnce)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(alone.Rows[0].Logprobs, all.Rows[i].Logprobs) {
			t.Errorf("row %d scores otherwise among others", i)
		}
	}
}

// Decoding token by token gives the logits of the whole, to the bit.
func TestDecodingEqualsPrefill(t *testing.T) {
	m, _ := attach(t, config())
	ids := sequences(t, 1, pack.None).Rows[0].IDs
	checkDecoding(t, m, ids)
}

func TestTokensOutsideOfTheVocabulary(t *testing.T) {
	m, _ := attach(t, config())
	for _, id := range []int32{-1, 61} {
		if _, err := m.NewBatch(1).Append([][]int32{{id}}); err == nil {
			t.Errorf("token %d is taken", id)
		}
		if _, err := eval.NLL(context.Background(), m.NewEvaluator(), []pack.Row{{IDs: []int32{1, id}}}, eval.TokensAtOnce); err == nil {
			t.Errorf("token %d is scored", id)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	c, err := bases.ParseConfig([]byte(`{"architectures":["LlamaForCausalLM"],"hidden_size":160,"intermediate_size":432,
		"num_hidden_layers":5,"num_attention_heads":5,"num_key_value_heads":5,"vocab_size":2048,
		"max_position_embeddings":512,"tie_word_embeddings":true}`), model.Families())
	if err != nil {
		b.Fatal(err)
	}
	weights := scratch.New(c, 1)
	m, err := model.New(c, weights, weights.Attachment())
	if err != nil {
		b.Fatal(err)
	}
	rows := []pack.Row{}
	for i := range 8 {
		ids := make([]int32, 512)
		for j := range ids {
			ids[j] = int32((i*77 + j*j) % 2048)
		}
		rows = append(rows, pack.Row{IDs: ids})
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 512})
	if err != nil {
		b.Fatal(err)
	}
	tr, err := m.NewTrainer(0)
	if err != nil {
		b.Fatal(err)
	}
	mbs, _ := trainer.MicroBatches(s.Step([]int{0, 1, 2, 3, 4, 5, 6, 7}, 8), 1, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Step(context.Background(), mbs[0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(8*512*b.N)/b.Elapsed().Seconds(), "tokens/s")
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
