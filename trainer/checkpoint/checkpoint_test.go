package checkpoint

import (
	"bytes"
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
	if err := Save(dir, Progress{RunDigest: "run", Step: step, Tokens: int64(step) * 10}, params, opt, nil); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	params, opt := state(0)
	if _, found, err := Load(filepath.Join(dir, "none"), "run", params, opt, nil); found || err != nil {
		t.Errorf("no directory: found %v, %v", found, err)
	}
	for step := 1; step <= 3; step++ {
		save(t, dir, step, float32(step))
	}
	var heard []error
	p, found, err := Load(dir, "run", params, opt, hear(&heard))
	if err != nil || !found || p.Step != 3 || p.Tokens != 30 || opt.Steps != 3 {
		t.Fatalf("loaded %+v, found %v, %v", p, found, err)
	}
	want, wantOpt := state(3)
	for i := range params {
		if !slices.Equal(params[i].Value, want[i].Value) || !slices.Equal(opt.State[i].M, wantOpt.State[i].M) || !slices.Equal(opt.State[i].V, wantOpt.State[i].V) {
			t.Errorf("%s does not come back", params[i].Name)
		}
	}
	names, err := List(dir)
	if err != nil || !slices.Equal(names, []string{"step-00000002", "step-00000003"}) {
		t.Errorf("kept %v, %v", names, err)
	}
}

func hear(list *[]error) func(error) { return func(err error) { *list = append(*list, err) } }

// TestDamage: the older checkpoint is gone on from, whatever became of the newer one, and the next save removes
// that.
func TestDamage(t *testing.T) {
	flip := func(name string, at int) func(t *testing.T, step string) {
		return func(t *testing.T, step string) {
			data, err := os.ReadFile(filepath.Join(step, name))
			if err != nil {
				t.Fatal(err)
			}
			if at < 0 {
				at += len(data)
			}
			data[at] ^= 1
			if err := os.WriteFile(filepath.Join(step, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(t *testing.T, step string){
		"a bit of the state":       flip(stateFile, -5),
		"a bit of its header":      flip(stateFile, 30),
		"a bit of a number":        flip(infoFile, bytes.IndexByte([]byte(progressText), '2')),
		"a bit of a key":           flip(infoFile, bytes.Index([]byte(progressText), []byte("tokens"))),
		"a bit of a brace":         flip(infoFile, 0),
		"truncated state":          func(_ *testing.T, step string) { _ = os.Truncate(filepath.Join(step, stateFile), 100) },
		"empty progress":           func(_ *testing.T, step string) { _ = os.Truncate(filepath.Join(step, infoFile), 0) },
		"no state":                 func(_ *testing.T, step string) { _ = os.Remove(filepath.Join(step, stateFile)) },
		"a directory without both": func(_ *testing.T, step string) { _ = os.RemoveAll(step); _ = os.Mkdir(step, 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			save(t, dir, 1, 1)
			save(t, dir, 2, 2)
			damage(t, filepath.Join(dir, "step-00000002"))
			params, opt := state(0)
			var heard []error
			p, found, err := Load(dir, "run", params, opt, hear(&heard))
			if err != nil || !found || p.Step != 1 || params[0].Value[0] != 1 || opt.Steps != 1 {
				t.Errorf("loaded %+v, found %v, %v", p, found, err)
			}
			if len(heard) != 1 || !errors.Is(heard[0], ErrDamaged) {
				t.Errorf("heard %v", heard)
			}
			save(t, dir, 1, 1)
			if names, err := List(dir); err != nil || len(names) != 1 {
				t.Errorf("kept %v, %v", names, err)
			}
		})
	}
}

// progressText is how the progress of save begins.
const progressText = "{\n  \"run_digest\": \"run\",\n  \"step\": 2,\n  \"tokens\": 20,"

// TestOlderProgram: what has no digests is believed, as far as its shapes are right.
func TestOlderProgram(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	save(t, dir, 2, 2)
	for step, text := range map[string]string{
		"step-00000001": `{"run_digest": "run", "step": 1, "tokens": 10, "trained_tokens": 0, "loss": 0, "eval_loss_before": null}`,
		"step-00000002": `{"run_digest": "run", "step": 2, "tokens": 20, "trained_tokens": 0, "loss": 0, "eval_loss_before": null}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, step, infoFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	params, opt := state(0)
	var heard []error
	if p, found, err := Load(dir, "run", params, opt, hear(&heard)); err != nil || !found || p.Step != 2 || len(heard) != 0 {
		t.Errorf("loaded %+v, found %v, %v, %v", p, found, err, heard)
	}
	other, otherOpt := state(0)
	other, otherOpt.State = other[:1], otherOpt.State[:1]
	other[0] = ops.NewParam("a", 3, 3)
	if _, found, err := Load(dir, "run", other, otherOpt, hear(&heard)); found || err != nil || len(heard) != 2 {
		t.Errorf("of other shapes: found %v, %v, %v", found, err, heard)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	params, opt := state(0)
	if _, _, err := Load(dir, "other", params, opt, nil); !errors.Is(err, ErrOtherRun) {
		t.Errorf("another run: %v", err)
	}
}
