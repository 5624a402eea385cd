package trainer_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/optim"
)

// replayed trains with some rows replayed, and returns the digest of the adapter and how far it is from the
// base on them at the last step.
func replayed(t *testing.T, c trainer.Config, dir string, hooks trainer.Hooks, ctx context.Context) ([32]byte, float64, error) {
	t.Helper()
	all := sequences(t, 12, pack.None)
	rows := func(list []pack.Row) *pack.Sequences {
		s, err := pack.New(list, pack.Options{MaxLen: all.MaxLen})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	m, params := attach(t, c)
	_, weights := tiny(t)
	base, err := model.New(m.Config, frozenSource{weights}, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = trainer.Run(ctx, trainer.Job{
		Config: c, Model: m, Reference: base, Groups: optim.OneGroup(params, c.WeightDecay),
		Train: rows(all.Rows[:6]), Replay: rows(all.Rows[6:]), RunDigest: "sha256:replay", OutDir: dir, Hooks: hooks,
	})
	if err != nil {
		return [32]byte{}, 0, err
	}
	text, err := os.ReadFile(filepath.Join(dir, trainer.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var kl float64
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var step struct {
			Step int
			KL   *float64 `json:"replay_kl"`
		}
		if err := json.Unmarshal([]byte(line), &step); err != nil || step.KL == nil {
			t.Fatalf("line %d is %s (%v)", i+1, line, err)
		}
		kl = *step.KL
	}
	return digest(params), kl, nil
}

func replayConfig(weight float64) trainer.Config {
	c := config()
	c.Replay = trainer.Replay{Weight: weight, BatchSize: 3, TopK: 20, Rows: 1, Length: 2}
	c.MaxSteps, c.EvalSteps, c.SaveSteps = 12, 0, 4
	return c
}

// Replay holds the adapter to the base, the more the more it weighs.
func TestReplayHolds(t *testing.T) {
	kl := make(map[float64]float64)
	for _, weight := range []float64{1e-9, 1, 30} {
		var err error
		if _, kl[weight], err = replayed(t, replayConfig(weight), t.TempDir(), trainer.Hooks{}, context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if !(kl[1] < 0.7*kl[1e-9] && kl[30] < 0.8*kl[1]) {
		t.Errorf("divergences by weight: %v", kl)
	}
}

// The bits depend neither on the micro-batch nor on the kernels, and a run that is stopped goes on with them.
func TestReplayGivesTheSameBits(t *testing.T) {
	c := replayConfig(0.5)
	c.LoRA.Dropout = 0.1
	want, _, err := replayed(t, c, t.TempDir(), trainer.Hooks{}, context.Background())
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, got [32]byte, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s changes the adapter (%v)", what, err)
		}
	}
	small := c
	small.MicroBatchSize = 1
	got, _, err := replayed(t, small, t.TempDir(), trainer.Hooks{}, context.Background())
	same("the micro-batch", got, err)
	for _, i := range cpu.Available() {
		restore := cpu.Use(i)
		got, _, err := replayed(t, c, t.TempDir(), trainer.Hooks{}, context.Background())
		restore()
		same(i.String(), got, err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	if _, _, err := replayed(t, c, dir, trainer.Hooks{OnStep: func(s trainer.Step) {
		if s.Step == 7 {
			cancel()
		}
	}}, ctx); err == nil {
		t.Fatal("it was not stopped")
	}
	got, _, err = replayed(t, c, dir, trainer.Hooks{}, context.Background())
	same("stopping", got, err)
}
