// Package run executes workflows in this process, and keeps history: of every finished stage by its
// key, and of everything that makes an artefact, whether a person or a workflow started it. History
// lies in the bucket of a home. Killed at any point, the same workflow goes on after its last finished
// stage, in this process or another.
package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/workflows"
)

// Engine runs workflows.
type Engine struct {
	kinds   workflows.Kinds
	env     workflows.Env
	history *History
	hooks   Hooks
}

// Hooks are called by the engine; nil ones are off.
type Hooks struct {
	OnReuse func(r workflows.Record)
	OnStart func(stage string)
	OnDone  func(r workflows.Record)
	Warn    func(error) // history could not be written
}

// New returns an engine that knows the kinds and works in an environment.
func New(kinds workflows.Kinds, env workflows.Env, hooks Hooks) *Engine {
	if hooks.Warn == nil {
		hooks.Warn = func(error) {}
	}
	return &Engine{kinds: kinds, env: env, history: NewHistory(env.Bucket, env.Now, env.Who, hooks.Warn), hooks: hooks}
}

// Plan says what Execute would do.
func (e *Engine) Plan(ctx context.Context, w workflows.Workflow) ([]workflows.Planned, error) {
	return workflows.Plan(w, e.kinds, func(t workflows.Task) (workflows.Record, bool, error) { return e.known(ctx, t) })
}

// Execute runs the stages that have no usable result and returns the run with a record of each.
func (e *Engine) Execute(ctx context.Context, w workflows.Workflow) (Run, error) {
	if err := w.Validate(e.kinds); err != nil {
		return Run{}, err
	}
	text, err := json.Marshal(w)
	if err != nil {
		return Run{}, fmt.Errorf("encode workflow: %w", err)
	}
	l := e.history.start(ctx, w.Name, text, &w)
	err = l.finish(ctx, e.stages(ctx, w, l))
	return l.snapshot(), err
}

// Continue executes the workflow of an earlier run again, wherever and by whomever that was started:
// what it finished is reused.
func (e *Engine) Continue(ctx context.Context, id string) (Run, error) {
	r, err := e.history.Get(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if r.Workflow == nil {
		return Run{}, fmt.Errorf("run %s is no workflow's: %w", r.ID, ErrNoRun)
	}
	return e.Execute(ctx, *r.Workflow)
}

func (e *Engine) stages(ctx context.Context, w workflows.Workflow, l *Log) error {
	done := make(map[string]workflows.Result)
	for _, s := range w.Stages {
		t, err := s.Task(e.kinds, done)
		if err != nil {
			return err
		}
		r, reused, err := e.stage(ctx, t)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		done[s.Name] = r.Result
		l.change(func(run *Run) {
			run.Stages = append(run.Stages, r)
			if reused {
				run.Reused = append(run.Reused, s.Name)
			}
			for _, p := range t.Kind.Outputs {
				run.Outputs = append(run.Outputs, r.Result.Outputs[p.Name])
			}
		})
		l.save(ctx)
	}
	return nil
}

// stage reuses or makes one result.
func (e *Engine) stage(ctx context.Context, t workflows.Task) (r workflows.Record, reused bool, err error) {
	if r, ok, err := e.known(ctx, t); ok && err == nil {
		if e.hooks.OnReuse != nil {
			e.hooks.OnReuse(r)
		}
		return r, true, nil
	}
	if err := context.Cause(ctx); err != nil {
		return r, false, err
	}
	if e.hooks.OnStart != nil {
		e.hooks.OnStart(t.Stage.Name)
	}
	began := e.env.Now()
	result, err := t.Kind.Do(ctx, e.env, t)
	if err != nil {
		return r, false, err
	}
	for _, p := range t.Kind.Outputs {
		if result.Outputs[p.Name].Digest == "" {
			return r, false, fmt.Errorf("kind %s made no %s", t.Kind.Name, p.Name)
		}
	}
	finished := e.env.Now()
	r = workflows.Record{Stage: t.Stage.Name, Kind: t.Kind.Name, Key: t.Key, Result: result, Finished: finished.UTC(), Took: finished.Sub(began)}
	if err := putJSON(ctx, e.env.Bucket, ResultKey(t.Key), r); err != nil {
		return r, false, fmt.Errorf("record result: %w", err)
	}
	if err := os.RemoveAll(e.env.WorkDir(t)); err != nil {
		e.hooks.Warn(err)
	}
	if e.hooks.OnDone != nil {
		e.hooks.OnDone(r)
	}
	return r, false, nil
}

// known looks up a record and checks that what it describes is still there.
func (e *Engine) known(ctx context.Context, t workflows.Task) (workflows.Record, bool, error) {
	var r workflows.Record
	err := getJSON(ctx, e.env.Bucket, ResultKey(t.Key), &r)
	if errors.Is(err, store.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read record: %w", err)
	}
	r.Stage = t.Stage.Name // another workflow may call it otherwise
	if t.Kind.Intact != nil {
		if err := t.Kind.Intact(ctx, e.env, t, r.Result); err != nil {
			return r, false, fmt.Errorf("its result is not intact: %w", err)
		}
	}
	return r, true, nil
}

// ResultPrefix is where records of finished stages lie in the bucket of a home.
const ResultPrefix = "results/"

// ResultKey is where the record of a stage lies.
func ResultKey(key string) string { return ResultPrefix + key[:min(2, len(key))] + "/" + key + ".json" }
