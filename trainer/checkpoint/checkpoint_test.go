package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/optim"
)

// state is parameters and an optimizer whose every number is v.
func state(v float32) ([]*ops.Param, *optim.AdamW) {
	params := []*ops.Param{ops.NewParam("a", 2, 3), ops.NewParam("b", 1, 2)}
	opt := optim.NewAdamW(optim.OneGroup(params, 0), 0.9, 0.99, 1e-8)
	for i, p := range params {
		for _, x := range [][]float32{p.Value, opt.State[i].M, opt.State[i].V} {
			for j := range x {
				x[j] = v + float32(j)
			}
		}
	}
	return params, opt
}

func save(t *testing.T, dir string, step int, v float32) {
	t.Helper()
	params, opt := state(v)
	if err := Save(dir, Progress{RunDigest: "run", Step: step, Tokens: int64(step) * 10}, params, opt); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	params, opt := state(0)
	if _, found, err := Load(filepath.Join(dir, "none"), "run", params, opt); found || err != nil {
		t.Errorf("no directory: found %v, %v", found, err)
	}
	for step := 1; step <= 3; step++ {
		save(t, dir, step, float32(step))
	}
	p, found, err := Load(dir, "run", params, opt)
	if err != nil || !found || p.Step != 3 || p.Tokens != 30 || opt.Steps != 3 {
		t.Fatalf("loaded %+v, found %v, %v", p, found, err)
	}
	want, wantOpt := state(3)
	for i := range params {
		if !slices.Equal(params[i].Value, want[i].Value) || !slices.Equal(opt.State[i].M, wantOpt.State[i].M) || !slices.Equal(opt.State[i].V, wantOpt.State[i].V) {
			t.Errorf("%s does not come back", params[i].Name)
		}
	}
	names, err := list(dir)
	if err != nil || !slices.Equal(names, []string{"step-00000002", "step-00000003"}) {
		t.Errorf("kept %v, %v", names, err)
	}
}

// A directory without its progress file was never a checkpoint.
func TestTornCheckpointIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	if err := os.MkdirAll(filepath.Join(dir, "step-00000002"), 0o777); err != nil {
		t.Fatal(err)
	}
	params, opt := state(0)
	if p, found, err := Load(dir, "run", params, opt); err != nil || !found || p.Step != 1 {
		t.Errorf("loaded %+v, found %v, %v", p, found, err)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	params, opt := state(0)
	if _, _, err := Load(dir, "other", params, opt); !errors.Is(err, ErrOtherRun) {
		t.Errorf("another run: %v", err)
	}
	path := filepath.Join(dir, "step-00000001", stateFile)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(dir, "run", params, opt); err == nil {
		t.Error("a truncated state is loaded")
	}
}
