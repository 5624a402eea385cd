package workflows

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/store"
)

// Kind is how a stage makes its outputs: code that a workflow refers to by name.
type Kind struct {
	Name    string
	Version int        // of the code; raised when its results change
	Config  func() any // a pointer to a new configuration with its defaults; its keys are YAML names
	Inputs  []Port
	Outputs []Port

	// Do makes the outputs. Run again after a kill at any point, it must end in the same state.
	Do func(ctx context.Context, env Env, t Task) (Result, error)
	// Intact reports an error when what an earlier run made is gone or damaged; nil means that there
	// is nothing beside the record itself.
	Intact func(ctx context.Context, env Env, t Task, r Result) error
}

// Port is an input or an output of a kind.
type Port struct {
	Name string
	Type Type
}

// Env is what a stage works with beside its inputs.
type Env struct {
	Home    string           // where datasets and adapters live
	Bucket  store.Bucket     // of the home: trees of files, results, history
	Scratch string           // a directory of this machine; nothing in it is needed by another
	Now     func() time.Time // the clock
	Who     string           // who acts, for histories
}

// WorkDir is where a task may keep files while it is worked on, and find those of an attempt that was
// killed. It goes when the task is finished.
func (e Env) WorkDir(t Task) string { return filepath.Join(e.Scratch, "work", t.Key[:16]) }

// Kinds is the registry: every kind that a workflow may name.
type Kinds []Kind

// Find returns the kind of a name.
func (k Kinds) Find(name string) (Kind, error) {
	names := make([]string, len(k))
	for i, kind := range k {
		if kind.Name == name {
			return kind, nil
		}
		names[i] = kind.Name
	}
	return Kind{}, fmt.Errorf("there is no kind %q; there are %s", name, strings.Join(names, ", "))
}

// Decode reads a configuration of the kind strictly, over its defaults, and validates it where the
// configuration can. JSON and YAML are read alike.
func (k Kind) Decode(config []byte) (any, error) {
	return k.DecodeWith(func(into any) error { return yamlerr.Decode(config, into) })
}

// DecodeWith is Decode for a configuration that lies within something else; read fills it in strictly.
func (k Kind) DecodeWith(read func(into any) error) (any, error) {
	into := k.Config()
	if err := read(into); err != nil {
		return nil, fmt.Errorf("config of %s: %w", k.Name, err)
	}
	if v, ok := into.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("config of %s: %w", k.Name, err)
		}
	}
	return into, nil
}
