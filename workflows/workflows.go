// Package workflows moves artefacts between the rooms: documents to datasets, datasets to adapters,
// adapters to the registry. The root is the vocabulary and the plan, which is a pure function;
// stages hold the steps that join the rooms, run executes a plan and keeps its history.
//
// Stages are keyed by content: a stage whose code version, configuration and inputs are those of an
// earlier result is not run again. Nothing depends on file times.
package workflows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Workflow is stages in an order in which each comes after those it needs.
type Workflow struct {
	Name   string
	Stages []Stage
}

// Stage makes one artefact from the artefacts of the stages it needs.
type Stage struct {
	Name    string
	Needs   []string // names of earlier stages
	Config  any      // what decides the result beside the inputs; must marshal to JSON
	Version int      // of the stage's code; raised when its results change

	// Do makes the artefact. Run again after a kill at any point, it must end in the same state.
	Do func(ctx context.Context, in Inputs) (Output, error)
	// Intact reports an error when what an earlier run made is gone or damaged; nil means that
	// there is nothing beside the output itself.
	Intact func(Output) error
}

// Output is what a stage made: the digest of its content, where it lies, and what a report says
// about it.
type Output struct {
	Digest string          `json:"digest"`
	Ref    string          `json:"ref"` // a path, or a name in a registry or catalog
	Facts  json.RawMessage `json:"facts,omitempty"`
}

// Inputs are the outputs of the needed stages, by stage name.
type Inputs map[string]Output

// Record is a finished stage as history keeps it.
type Record struct {
	Stage    string        `json:"stage"`
	Key      string        `json:"key"`
	Output   Output        `json:"output"`
	Finished time.Time     `json:"finished"`
	Took     time.Duration `json:"took_ns"`
}

// Action says what a plan does with a stage.
type Action string

// The actions. A stage after one that runs is decided when that has run: its inputs may turn out
// the same.
const (
	Reuse   Action = "reuse"
	Execute Action = "run"
	Decide  Action = "decide"
)

// Planned is one line of a plan.
type Planned struct {
	Stage  string `json:"stage"`
	Action Action `json:"action"`
	Why    string `json:"why"`
}

// Known looks up the record of a key; ok is false when there is none, and err says why a record
// that exists cannot be used.
type Known func(s Stage, key string) (r Record, ok bool, err error)

// Plan says what running the workflow would do.
func Plan(w Workflow, known Known) ([]Planned, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	outputs := make(map[string]Output)
	var plan []Planned
	for _, s := range w.Stages {
		in, missing := s.inputs(outputs)
		if missing != "" {
			plan = append(plan, Planned{s.Name, Decide, "after " + missing})
			continue
		}
		key, err := s.Key(in)
		if err != nil {
			return nil, err
		}
		r, ok, err := known(s, key)
		switch {
		case err != nil:
			plan = append(plan, Planned{s.Name, Execute, err.Error()})
		case ok:
			outputs[s.Name] = r.Output
			plan = append(plan, Planned{s.Name, Reuse, "same inputs and configuration as " + r.Finished.Format(time.DateTime)})
		default:
			plan = append(plan, Planned{s.Name, Execute, "not done with these inputs and this configuration"})
		}
	}
	return plan, nil
}

// inputs picks what the stage needs; missing names the first that is not there.
func (s Stage) inputs(outputs map[string]Output) (in Inputs, missing string) {
	in = make(Inputs, len(s.Needs))
	for _, n := range s.Needs {
		o, ok := outputs[n]
		if !ok {
			return nil, n
		}
		in[n] = o
	}
	return in, ""
}

// Inputs picks what the stage needs from the outputs so far.
func (s Stage) Inputs(outputs map[string]Output) (Inputs, error) {
	in, missing := s.inputs(outputs)
	if missing != "" {
		return nil, fmt.Errorf("stage %s needs %s, which has not run", s.Name, missing)
	}
	return in, nil
}

// Key identifies a result: the stage, its version and configuration, and the digests of its inputs.
func (s Stage) Key(in Inputs) (string, error) {
	digests := make(map[string]string, len(in))
	for name, o := range in {
		digests[name] = o.Digest
	}
	data, err := json.Marshal(struct {
		Stage   string
		Version int
		Config  any
		Inputs  map[string]string // encoding/json sorts the keys
	}{s.Name, s.Version, s.Config, digests})
	if err != nil {
		return "", fmt.Errorf("key of stage %s: %w", s.Name, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Validate reports what is wrong with the order of the stages.
func (w Workflow) Validate() error {
	var errs []error
	var seen []string
	for _, s := range w.Stages {
		if slices.Contains(seen, s.Name) {
			errs = append(errs, fmt.Errorf("workflow %s: stage %s occurs twice", w.Name, s.Name))
		}
		for _, n := range s.Needs {
			if !slices.Contains(seen, n) {
				errs = append(errs, fmt.Errorf("workflow %s: stage %s needs %s, which does not come before it", w.Name, s.Name, n))
			}
		}
		seen = append(seen, s.Name)
	}
	return errors.Join(errs...)
}
