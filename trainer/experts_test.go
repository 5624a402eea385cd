package trainer_test

import (
	"context"
	"errors"
	"github.com/cultivar/cultivar/trainer/optim"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// trainExperts trains experts and their router and returns the digest of the adapter.
func trainExperts(t *testing.T, ctx context.Context, c trainer.Config, dir string, hooks trainer.Hooks) (string, error) {
	t.Helper()
	b, err := bases.Open(filepath.Join("model", "testdata", "mixtral-experts"), model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lora.New(c.LoRA, modules, b, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(b.Config(), b, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	rows := sequences(t, 20, pack.BestFit)
	for _, row := range rows.Rows { // that base has fewer tokens
		for i := range row.IDs {
			row.IDs[i] %= 48
		}
	}
	_, err = trainer.Run(ctx, trainer.Job{Config: c, Model: m, Groups: optim.OneGroup(f.Params(), c.WeightDecay), Train: rows, RunDigest: "run", OutDir: dir, Hooks: hooks})
	return peft.Digest(f.Adapter()), err
}

// An adapter of experts alone is the same after a run that was cut off and resumed, and at another size of
// micro-batches with layers recomputed.
func TestExpertsTrainToTheSameAdapter(t *testing.T) {
	c := config()
	c.LoRA.TargetModules, c.LoRA.Dropout = nil, 0
	c.LoRA.TargetParameters = []string{"experts.gate_up_proj", "experts.down_proj", "mlp.gate.weight"}
	want, err := trainExperts(t, context.Background(), c, t.TempDir(), trainer.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := trainExperts(t, ctx, c, dir, trainer.Hooks{OnStep: func(trainer.Step) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got, err := trainExperts(t, context.Background(), c, dir, trainer.Hooks{})
	if err != nil || got != want {
		t.Errorf("resumed: %s, %v, want %s", got, err, want)
	}
	c.MicroBatchSize, c.GradientCheckpointing = 5, true
	if got, err = trainExperts(t, context.Background(), c, t.TempDir(), trainer.Hooks{}); err != nil || got != want {
		t.Errorf("in other micro-batches: %s, %v, want %s", got, err, want)
	}
}
