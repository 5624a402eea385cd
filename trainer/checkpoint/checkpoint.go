// Package checkpoint keeps what a run needs to go on exactly where it was: parameters, optimizer
// moments and the step. Everything else (data order, learning rate, dropout masks) follows from the
// step, because nothing draws from a shared stream. A checkpoint resumes training; what is
// published is an adapter.
package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
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

// Save writes a checkpoint of the parameters and the optimizer under dir and removes old ones.
func Save(dir string, p Progress, params []*ops.Param, opt *optim.AdamW) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("create checkpoint directory: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s%08d", prefix, p.Step))
	if err := os.RemoveAll(path); err != nil { // of a run that went on from an earlier checkpoint
		return fmt.Errorf("replace checkpoint: %w", err)
	}
	err := atomicfile.WriteDir(path, func(tmp string) error {
		var entries []safetensors.Entry
		for i, param := range params {
			shape := []int{param.Rows, param.Cols}
			entries = append(entries,
				floats("value."+param.Name, shape, param.Value),
				floats("m."+param.Name, shape, opt.State[i].M),
				floats("v."+param.Name, shape, opt.State[i].V))
		}
		if err := safetensors.WriteFile(filepath.Join(tmp, stateFile), nil, entries); err != nil {
			return err
		}
		return atomicfile.WriteJSON(filepath.Join(tmp, infoFile), p)
	})
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return prune(dir)
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

// Load restores the newest checkpoint under dir that is whole. It reports false when there is none,
// and ErrOtherRun when the newest belongs to another run.
func Load(dir, runDigest string, params []*ops.Param, opt *optim.AdamW) (Progress, bool, error) {
	steps, err := list(dir)
	if err != nil || len(steps) == 0 {
		return Progress{}, false, err
	}
	for i := len(steps) - 1; i >= 0; i-- {
		path := filepath.Join(dir, steps[i])
		var p Progress
		data, err := os.ReadFile(filepath.Join(path, infoFile))
		if err != nil {
			continue
		}
		if err := json.Unmarshal(data, &p); err != nil {
			return Progress{}, false, fmt.Errorf("read checkpoint %s: %w", path, err)
		}
		if p.RunDigest != runDigest {
			return Progress{}, false, fmt.Errorf("%w in %s", ErrOtherRun, dir)
		}
		if err := restore(filepath.Join(path, stateFile), params, opt); err != nil {
			return Progress{}, false, fmt.Errorf("read checkpoint %s: %w", path, err)
		}
		opt.Steps = p.Step
		return p, true, nil
	}
	return Progress{}, false, nil
}

func restore(path string, params []*ops.Param, opt *optim.AdamW) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for i, p := range params {
		for name, dst := range map[string][]float32{"value.": p.Value, "m.": opt.State[i].M, "v.": opt.State[i].V} {
			t, ok := f.Tensor(name + p.Name)
			if !ok {
				return fmt.Errorf("tensor %q is missing", name+p.Name)
			}
			x, err := safetensors.Float32s(t)
			if err != nil {
				return err
			}
			if len(x) != len(dst) {
				return fmt.Errorf("tensor %q has %d elements, want %d", name+p.Name, len(x), len(dst))
			}
			copy(dst, x)
		}
	}
	return nil
}

// list returns the names of checkpoints, oldest first.
func list(dir string) ([]string, error) {
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
	sort.Strings(names)
	return names, nil
}

func prune(dir string) error {
	names, err := list(dir)
	if err != nil {
		return err
	}
	for len(names) > Keep {
		if err := os.RemoveAll(filepath.Join(dir, names[0])); err != nil {
			return fmt.Errorf("remove old checkpoint: %w", err)
		}
		names = names[1:]
	}
	return nil
}
