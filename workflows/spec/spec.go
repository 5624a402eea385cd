// Package spec reads and writes workflows as YAML files, and describes configuration files: their JSON
// Schemas, and what each key means, which both come from the comments of the configurations' own structs.
package spec

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/workflows"
)

// file is a workflow as it is written. Stages are in an order in which each comes after those it needs.
type file[C any] struct {
	Name   string     `yaml:"name"`
	Stages []stage[C] `yaml:"stages"`
}

// stage is a stage of a workflow. An input is "stage.output" of an earlier one.
type stage[C any] struct {
	Name   string            `yaml:"name"`
	Kind   string            `yaml:"kind"`
	Inputs map[string]string `yaml:"inputs,omitempty"`
	Config C                 `yaml:"config,omitempty"`
}

// unread is a configuration whose type is known only when the kind is.
type unread struct{ node ast.Node }

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (u *unread) UnmarshalYAML(node ast.Node) error {
	u.node = node
	return nil
}

// maxSpec bounds a file: a workflow is a page or two of text.
const maxSpec = 1 << 20

// Load reads a workflow strictly: unknown keys, unknown kinds and configurations that cannot work are
// errors with their line. Every key of a configuration is filled in.
func Load(text []byte, kinds workflows.Kinds) (workflows.Workflow, error) {
	if len(text) > maxSpec {
		return workflows.Workflow{}, fmt.Errorf("%w: more than %d bytes", workflows.ErrInvalid, maxSpec)
	}
	var f file[unread]
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return workflows.Workflow{}, fmt.Errorf("%w: %w", workflows.ErrInvalid, yamlerr.Explain(err, file[struct{}]{}))
	}
	w := workflows.Workflow{Name: f.Name}
	for _, s := range f.Stages {
		loaded, err := s.load(kinds)
		if err != nil {
			return workflows.Workflow{}, fmt.Errorf("%w: stage %q: %w", workflows.ErrInvalid, s.Name, err)
		}
		w.Stages = append(w.Stages, loaded)
	}
	return w, w.Validate(kinds)
}

func (s stage[C]) load(kinds workflows.Kinds) (workflows.Stage, error) {
	out := workflows.Stage{Name: s.Name, Kind: s.Kind, Inputs: s.Inputs}
	k, err := kinds.Find(s.Kind)
	if err != nil {
		return out, err
	}
	config, err := k.DecodeWith(func(into any) error {
		if u, ok := any(s.Config).(unread); ok && u.node != nil && u.node.Type() != ast.NullType {
			if err := yaml.NodeToValue(u.node, into, yaml.Strict()); err != nil {
				return yamlerr.Explain(err, reflect.ValueOf(into).Elem().Interface())
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	out.Config, err = workflows.Encode(config)
	return out, err
}

// Save writes a workflow as Load reads it.
func Save(w workflows.Workflow, kinds workflows.Kinds) ([]byte, error) {
	if err := w.Validate(kinds); err != nil {
		return nil, err
	}
	f := file[any]{Name: w.Name}
	for _, s := range w.Stages {
		k, err := kinds.Find(s.Kind)
		if err != nil {
			return nil, err
		}
		config, err := k.Decode(s.Config)
		if err != nil {
			return nil, err
		}
		f.Stages = append(f.Stages, stage[any]{s.Name, s.Kind, s.Inputs, config})
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode workflow: %w", err)
	}
	return bytes.TrimLeft(text, "\n"), nil
}
