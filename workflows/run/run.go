// Package run executes workflows in this process and keeps their history: a record of every
// finished stage by its key, and of every run. Killed at any point, the same run goes on after the
// last finished stage.
package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/workflows"
)

// Engine runs workflows and keeps history under a directory.
type Engine struct {
	dir   string
	clock func() time.Time
	hooks Hooks
}

// Hooks are called by the engine; nil ones are off.
type Hooks struct {
	OnReuse func(r workflows.Record)
	OnStart func(stage string)
	OnDone  func(r workflows.Record)
}

// New returns an engine with its history under dir, which is created when something is recorded.
func New(dir string, clock func() time.Time, hooks Hooks) *Engine {
	return &Engine{dir: dir, clock: clock, hooks: hooks}
}

// The states of a run.
const (
	Running = "running" // or killed
	Done    = "done"
	Failed  = "failed"
)

// Run is the history of one execution.
type Run struct {
	ID       string             `json:"id"`
	Workflow string             `json:"workflow"`
	State    string             `json:"state"`
	Error    string             `json:"error,omitempty"`
	Started  time.Time          `json:"started"`
	Finished time.Time          `json:"finished,omitzero"`
	Stages   []workflows.Record `json:"stages"`
	Reused   []string           `json:"reused,omitempty"` // names of stages that were not run
}

// Plan says what Execute would do.
func (e *Engine) Plan(w workflows.Workflow) ([]workflows.Planned, error) {
	return workflows.Plan(w, e.known)
}

// Execute runs the stages that have no usable result and returns the run with a record of each.
func (e *Engine) Execute(ctx context.Context, w workflows.Workflow) (Run, error) {
	if err := w.Validate(); err != nil {
		return Run{}, err
	}
	run := Run{ID: e.newID(), Workflow: w.Name, State: Running, Started: e.clock().UTC()}
	err := e.stages(ctx, w, &run)
	run.State, run.Finished = Done, e.clock().UTC()
	if err != nil {
		run.State, run.Error = Failed, err.Error()
	}
	return run, errors.Join(err, e.saveRun(run))
}

func (e *Engine) stages(ctx context.Context, w workflows.Workflow, run *Run) error {
	outputs := make(map[string]workflows.Output)
	for _, s := range w.Stages {
		if err := e.saveRun(*run); err != nil {
			return err
		}
		in, err := s.Inputs(outputs)
		if err != nil {
			return err
		}
		r, reused, err := e.stage(ctx, s, in)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		if reused {
			run.Reused = append(run.Reused, s.Name)
		}
		run.Stages = append(run.Stages, r)
		outputs[s.Name] = r.Output
	}
	return nil
}

// stage reuses or makes one result.
func (e *Engine) stage(ctx context.Context, s workflows.Stage, in workflows.Inputs) (r workflows.Record, reused bool, err error) {
	key, err := s.Key(in)
	if err != nil {
		return r, false, err
	}
	if r, ok, err := e.known(s, key); ok && err == nil {
		if e.hooks.OnReuse != nil {
			e.hooks.OnReuse(r)
		}
		return r, true, nil
	}
	if e.hooks.OnStart != nil {
		e.hooks.OnStart(s.Name)
	}
	began := e.clock()
	out, err := s.Do(ctx, in)
	if err != nil {
		return r, false, err
	}
	finished := e.clock()
	r = workflows.Record{Stage: s.Name, Key: key, Output: out, Finished: finished.UTC(), Took: finished.Sub(began)}
	if err := writeJSON(e.recordPath(key), r); err != nil {
		return r, false, fmt.Errorf("record result: %w", err)
	}
	if e.hooks.OnDone != nil {
		e.hooks.OnDone(r)
	}
	return r, false, nil
}

// known looks up a record and checks that what it describes is still there.
func (e *Engine) known(s workflows.Stage, key string) (workflows.Record, bool, error) {
	var r workflows.Record
	data, err := os.ReadFile(e.recordPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read record: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, false, fmt.Errorf("read record: %w", err)
	}
	if s.Intact != nil {
		if err := s.Intact(r.Output); err != nil {
			return r, false, fmt.Errorf("its result is not intact: %w", err)
		}
	}
	return r, true, nil
}

func (e *Engine) recordPath(key string) string {
	return filepath.Join(e.dir, "results", key[:2], key+".json")
}

// Runs lists the history, newest first.
func (e *Engine) Runs() ([]Run, error) {
	entries, err := os.ReadDir(filepath.Join(e.dir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var runs []Run
	for i := len(entries) - 1; i >= 0; i-- { // ids begin with the time
		if filepath.Ext(entries[i].Name()) != ".json" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(e.dir, "runs", entries[i].Name()))
		if err != nil {
			return nil, fmt.Errorf("read run: %w", err)
		}
		var r Run
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("read run %s: %w", entries[i].Name(), err)
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func (e *Engine) newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return e.clock().UTC().Format("20060102T150405.000000") + "-" + hex.EncodeToString(b[:])
}

func (e *Engine) saveRun(r Run) error {
	if err := writeJSON(filepath.Join(e.dir, "runs", r.ID+".json"), r); err != nil {
		return fmt.Errorf("record run: %w", err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteJSON(path, v)
}
