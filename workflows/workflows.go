// Package workflows moves artefacts between the rooms: documents to datasets, datasets to adapters,
// adapters to the registry. The root is the vocabulary and the plan, which is a pure function;
// kinds hold the stages that workflows are made of, run executes and keeps history, spec reads and
// writes workflows as files.
//
// A workflow is data: its stages name their kind, their configuration and where their inputs come
// from, so that it can be kept, sent, and continued by another process. Results are keyed by content:
// a stage whose kind, code version, configuration and inputs are those of an earlier result is not
// run again. Nothing depends on file times, and no result is a path on one machine.
package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Workflow is stages in an order in which each comes after those it needs.
type Workflow struct {
	Name   string  `json:"name"`
	Stages []Stage `json:"stages"`
}

// Stage makes artefacts from those of earlier stages.
type Stage struct {
	Name   string            `json:"name"`             // unique in the workflow; without a dot
	Kind   string            `json:"kind"`             // how: the name of a Kind
	Inputs map[string]string `json:"inputs,omitempty"` // by port of the kind: "stage.port" of an earlier stage
	Config json.RawMessage   `json:"config,omitempty"` // of the kind; what is left out has its default
}

// Artefact is something that was made or is worked on: what it is, where the home has it, and the
// digest of its content. Refs are name@version of a dataset or a published adapter, or name@digest of
// a tree of files in the home's bucket.
type Artefact struct {
	Type   Type   `json:"type"`
	Ref    string `json:"ref"`
	Digest string `json:"digest,omitempty"`
}

// Type says what an artefact is.
type Type string

// The types. Files of the first three are trees in the home's bucket.
const (
	Base      Type = "base"
	Documents Type = "documents"
	Adapter   Type = "adapter"
	Dataset   Type = "dataset"
	Version   Type = "version" // of an adapter in a registry
	Files     Type = "files"   // made for other programs
	Report    Type = "report"  // figures that a result is recorded with
)

// Artefacts are inputs or outputs by port.
type Artefacts map[string]Artefact

// Result is what a stage made, and what a report says about it.
type Result struct {
	Outputs Artefacts       `json:"outputs"`
	Facts   json.RawMessage `json:"facts,omitempty"`
}

// Record is a finished stage as history keeps it.
type Record struct {
	Stage    string        `json:"stage"`
	Kind     string        `json:"kind"`
	Key      string        `json:"key"`
	Result   Result        `json:"result"`
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

// Known looks up the record of a task; ok is false when there is none, and err says why a record
// that exists cannot be used.
type Known func(t Task) (r Record, ok bool, err error)

// Task is a stage that can be run: its kind, its configuration and its inputs are at hand.
type Task struct {
	Stage  Stage
	Kind   Kind
	Config any // as the kind's NewConfig returns it
	Inputs Artefacts
	Key    string // identifies the result
}

// Plan says what running the workflow would do.
func Plan(w Workflow, kinds Kinds, known Known) ([]Planned, error) {
	if err := w.Validate(kinds); err != nil {
		return nil, err
	}
	done := make(map[string]Result)
	var plan []Planned
	for _, s := range w.Stages {
		if missing := s.missing(done); missing != "" {
			plan = append(plan, Planned{s.Name, Decide, "after " + missing})
			continue
		}
		t, err := s.Task(kinds, done)
		if err != nil {
			return nil, err
		}
		r, ok, err := known(t)
		switch {
		case err != nil:
			plan = append(plan, Planned{s.Name, Execute, err.Error()})
		case ok:
			done[s.Name] = r.Result
			plan = append(plan, Planned{s.Name, Reuse, "same inputs and configuration as " + r.Finished.Format(time.DateTime)})
		default:
			plan = append(plan, Planned{s.Name, Execute, "not done with these inputs and this configuration"})
		}
	}
	return plan, nil
}

// missing names the first stage, by port, that has no result yet.
func (s Stage) missing(done map[string]Result) string {
	for _, port := range slices.Sorted(maps.Keys(s.Inputs)) {
		stage, _, _ := strings.Cut(s.Inputs[port], ".")
		if _, ok := done[stage]; !ok {
			return stage
		}
	}
	return ""
}

// Task makes a stage ready to run, with inputs from the results so far.
func (s Stage) Task(kinds Kinds, done map[string]Result) (Task, error) {
	k, err := kinds.Find(s.Kind)
	if err != nil {
		return Task{}, fmt.Errorf("stage %s: %w", s.Name, err)
	}
	config, err := k.Decode(s.Config)
	if err != nil {
		return Task{}, fmt.Errorf("stage %s: %w", s.Name, err)
	}
	t := Task{Stage: s, Kind: k, Config: config, Inputs: Artefacts{}}
	for port, from := range s.Inputs {
		stage, output, _ := strings.Cut(from, ".")
		a, ok := done[stage].Outputs[output]
		if !ok {
			return Task{}, fmt.Errorf("stage %s needs %s, which has not been made", s.Name, from)
		}
		t.Inputs[port] = a
	}
	t.Key, err = t.key()
	return t, err
}

// key identifies a result: the kind, its version and configuration, and the digests of its inputs.
// What a stage is called and where an input lies have no part in it.
// A configuration that has a digest of its own knows which of its keys change no result.
func (t Task) key() (string, error) {
	config, err := Encode(t.Config)
	if d, ok := t.Config.(interface{ Digest() string }); ok {
		config, err = json.Marshal(d.Digest())
	}
	if err != nil {
		return "", fmt.Errorf("key of stage %s: %w", t.Stage.Name, err)
	}
	digests := make(map[string]string, len(t.Inputs))
	for port, a := range t.Inputs {
		digests[port] = a.Digest
	}
	data, err := json.Marshal(struct {
		Kind    string
		Version int
		Config  json.RawMessage
		Inputs  map[string]string // encoding/json sorts the keys
	}{t.Kind.Name, t.Kind.Version, config, digests})
	if err != nil {
		return "", fmt.Errorf("key of stage %s: %w", t.Stage.Name, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// ErrInvalid means that a workflow cannot be run as it is written.
var ErrInvalid = errors.New("workflow is not valid")

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9 _-]{0,62}$`)

// Validate reports everything that is wrong with the workflow, under [ErrInvalid].
func (w Workflow) Validate(kinds Kinds) error {
	var errs []error
	if !validName.MatchString(w.Name) {
		errs = append(errs, fmt.Errorf("name %q: want lower-case letters, digits, spaces, _ and -, at most 63", w.Name))
	}
	if len(w.Stages) == 0 {
		errs = append(errs, errors.New("it has no stages"))
	}
	made := make(map[string]Type) // by stage.port
	seen := make(map[string]bool)
	for _, s := range w.Stages {
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("stage %s occurs twice", s.Name))
		}
		seen[s.Name] = true
		errs = append(errs, s.validate(kinds, made)...)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("workflow %q: %w:\n%w", w.Name, ErrInvalid, errors.Join(errs...))
}

// validate reports what is wrong with a stage that comes after those that make what is in made, and
// adds what it makes.
func (s Stage) validate(kinds Kinds, made map[string]Type) []error {
	if !validName.MatchString(s.Name) {
		return []error{fmt.Errorf("stage name %q: want lower-case letters, digits, spaces, _ and -, at most 63", s.Name)}
	}
	k, err := kinds.Find(s.Kind)
	if err != nil {
		return []error{fmt.Errorf("stage %s: %w", s.Name, err)}
	}
	var errs []error
	if _, err := k.Decode(s.Config); err != nil {
		errs = append(errs, fmt.Errorf("stage %s: %w", s.Name, err))
	}
	for _, p := range k.Inputs {
		from, ok := s.Inputs[p.Name]
		have := made[from]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("stage %s: input %s is missing", s.Name, p.Name))
		case have == "":
			errs = append(errs, fmt.Errorf("stage %s: input %s is %q, which no stage before it makes", s.Name, p.Name, from))
		case have != p.Type:
			errs = append(errs, fmt.Errorf("stage %s: input %s is %s, a %s, want a %s", s.Name, p.Name, from, have, p.Type))
		}
	}
	for _, port := range slices.Sorted(maps.Keys(s.Inputs)) {
		if !slices.ContainsFunc(k.Inputs, func(p Port) bool { return p.Name == port }) {
			errs = append(errs, fmt.Errorf("stage %s: kind %s has no input %s", s.Name, k.Name, port))
		}
	}
	for _, p := range k.Outputs {
		made[s.Name+"."+p.Name] = p.Type
	}
	return errs
}
