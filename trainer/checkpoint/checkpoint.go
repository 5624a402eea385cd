// Package checkpoint keeps what a run needs to go on exactly where it was: parameters, optimizer
// moments and the step. Everything else (data order, learning rate, dropout masks) follows from the
// step, because nothing draws from a shared stream. A checkpoint resumes training; what is
// published is an adapter.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/optim"
)

// ErrOtherRun means that the checkpoints belong to a run with another base, data or configuration.
var ErrOtherRun = errors.New("checkpoints of another run")

// Keep is how many checkpoints stay.
const Keep = 2

// Progress is the part of a checkpoint beside the arrays.
type Progress struct {
	RunDigest     string   `json:"run_digest"` // of base, data and configuration together
	Step          int      `json:"step"`
	Tokens        int64    `json:"tokens"`
	TrainedTokens int64    `json:"trained_tokens"`
	Loss          float64  `json:"loss"`             // of the last step: a run that goes on after it reports it, too
	LossBefore    *float64 `json:"eval_loss_before"` // null when there is nothing to evaluate on
}

const (
	prefix    = "step-"
	stateFile = "state.safetensors"
	infoFile  = "progress.json"
)

// Save writes a checkpoint of the parameters and the optimizer under dir and removes old ones. Files that more
// writes into the directory that it is given are part of the checkpoint, and not of what Load restores; it may be nil.
func Save(dir string, p Progress, params []*ops.Param, opt *optim.AdamW, more func(dir string) error) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("create checkpoint directory: %w", err)
	}
	atomicfile.Sweep(dir)
	path := filepath.Join(dir, stepName(p.Step))
	// What is there is of a run that went on from an earlier checkpoint.
	err := atomicfile.ReplaceDir(path, func(string) error { return nil }, func(tmp string) error {
		if err := writeState(filepath.Join(tmp, stateFile), params, opt); err != nil {
			return err
		}
		if more != nil {
			if err := more(tmp); err != nil {
				return err
			}
		}
		return seal(tmp, p)
	})
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return prune(dir, p.Step)
}

func writeState(path string, params []*ops.Param, opt *optim.AdamW) error {
	var entries []safetensors.Entry
	for i, param := range params {
		shape := []int{param.Rows, param.Cols}
		entries = append(entries,
			floats("value."+param.Name, shape, param.Value),
			floats("m."+param.Name, shape, opt.State[i].M),
			floats("v."+param.Name, shape, opt.State[i].V))
	}
	return safetensors.WriteFile(path, nil, entries)
}

// floats is an entry whose bytes are made when they are written.
func floats(name string, shape []int, x []float32) safetensors.Entry {
	return safetensors.Entry{Name: name, DType: safetensors.F32, Shape: shape, Load: func() ([]byte, error) {
		b := make([]byte, 0, 4*len(x))
		for _, v := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		return b, nil
	}}
}

// Load restores the newest checkpoint under dir that is whole, and tells damaged of each newer one that is not:
// going on from an older one, or from the beginning, ends with the same bits. It reports false when there is
// none, and ErrOtherRun when the checkpoint belongs to another run.
func Load(dir, runDigest string, params []*ops.Param, opt *optim.AdamW, damaged func(error)) (Progress, bool, error) {
	steps, err := List(dir)
	if err != nil {
		return Progress{}, false, err
	}
	for _, step := range slices.Backward(steps) {
		path := filepath.Join(dir, step)
		p, err := open(path)
		if err == nil && p.RunDigest != runDigest {
			return Progress{}, false, fmt.Errorf("%w in %s", ErrOtherRun, dir)
		}
		if err == nil {
			err = restore(filepath.Join(path, stateFile), params, opt)
		}
		if err == nil {
			opt.Steps = p.Step
			return p, true, nil
		}
		damaged(fmt.Errorf("read checkpoint %s: %w", path, err))
	}
	return Progress{}, false, nil
}

// restore reads the state into the parameters and the optimizer: all of it or, after an error, nothing.
func restore(path string, params []*ops.Param, opt *optim.AdamW) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer f.Close()
	for _, use := range []func(string, []float32) error{
		func(name string, dst []float32) error { return fits(f, name, len(dst)) },
		func(name string, dst []float32) error { return fill(f, name, dst) },
	} {
		for i, p := range params {
			err := errors.Join(use("value."+p.Name, p.Value), use("m."+p.Name, opt.State[i].M), use("v."+p.Name, opt.State[i].V))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// fits says whether the file has a tensor that fill can read.
func fits(f *safetensors.File, name string, n int) error {
	t, ok := f.Tensor(name)
	switch {
	case !ok:
		return fmt.Errorf("%w: tensor %q is missing", ErrDamaged, name)
	case t.DType != safetensors.F32 || t.Len() != n:
		return fmt.Errorf("%w: tensor %q has %d elements of %s, want %d of %s", ErrDamaged, name, t.Len(), t.DType, n, safetensors.F32)
	}
	return nil
}

func fill(f *safetensors.File, name string, dst []float32) error {
	t, _ := f.Tensor(name)
	x, err := safetensors.Float32s(t)
	copy(dst, x)
	return err
}

// List returns the names of the checkpoints under dir, oldest first; none where there is no such directory.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	var names []string
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if _, err := strconv.Atoi(digits); ok && err == nil && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// prune removes old checkpoints, and those after step: a run that stands at step would have gone on from them if
// they were whole.
func prune(dir string, step int) error {
	names, err := List(dir)
	if err != nil {
		return err
	}
	now := slices.Index(names, stepName(step))
	for i, name := range names {
		if i > now-Keep && i <= now {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove old checkpoint: %w", err)
		}
	}
	return nil
}

func stepName(step int) string { return fmt.Sprintf("%s%08d", prefix, step) }
