package objective

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Config holds the keys of all objectives; it is a part of a training configuration.
type Config struct {
	DPOConfig `yaml:",inline"`
	KTOConfig `yaml:",inline"`

	DistilConfig `yaml:",inline"`
}

// DefaultConfig is TRL's.
func DefaultConfig() Config {
	return Config{DPOConfig: defaultDPO(), KTOConfig: defaultKTO(), DistilConfig: defaultDistil()}
}

// List is every objective there is.
func List(c Config) []Objective {
	return []Objective{clm{}, sft{}, dpo{c.DPOConfig}, kto{c.KTOConfig}, distil{c.DistilConfig}, knowledge{}}
}

// Validate joins everything that is wrong with the keys.
func (c Config) Validate() error {
	return errors.Join(c.DPOConfig.validate(), c.KTOConfig.validate(), c.DistilConfig.validate())
}

// Default is the objective of a configuration that names none.
const Default = nameCLM

// Names lists the objectives.
func Names() []string {
	var names []string
	for _, o := range List(DefaultConfig()) {
		names = append(names, o.Facts().Name)
	}
	return names
}

// ByName finds an objective.
func ByName(name string, c Config) (Objective, error) {
	for _, o := range List(c) {
		if o.Facts().Name == name {
			return o, nil
		}
	}
	return nil, fmt.Errorf("objective is %q, want one of %s", name, strings.Join(Names(), ", "))
}

// Of names the first objective that takes rows of a kind, "" when none does.
func Of(kind datasets.Kind) string {
	for _, o := range List(DefaultConfig()) {
		if f := o.Facts(); slices.Contains(f.Kinds, kind) {
			return f.Name
		}
	}
	return ""
}

// Check wants rows of the objective's kinds; the error names the first other row and who takes it.
func Check(o Objective, rows []datasets.Example) error {
	f := o.Facts()
	for _, r := range rows {
		if kind := r.Kind(); !slices.Contains(f.Kinds, kind) {
			return fmt.Errorf("objective is %s, but %s is a %s, which takes objective: %s%s", f.Name, r.ExampleID, Describe(kind), Of(kind), lacking(f, kind))
		}
	}
	return nil
}

// lacking names what makes a row one of the objective's, where it may have been left out of this one.
func lacking(f Facts, kind datasets.Kind) string {
	answered := kind == datasets.KindCompletion || kind == datasets.KindConversation
	switch {
	case answered && slices.Contains(f.Kinds, datasets.KindJudged):
		return `; a judged answer has a "label", true or false`
	case answered && slices.Contains(f.Kinds, datasets.KindPreference):
		return `; a pair of answers is "chosen" and "rejected"`
	}
	return ""
}

// Describe says in words what rows of a kind are.
func Describe(kind datasets.Kind) string {
	switch kind {
	case datasets.KindConversation:
		return "conversation"
	case datasets.KindCompletion:
		return "prompt with its completion"
	case datasets.KindGrounded:
		return "answer with its passage"
	case datasets.KindPreference:
		return "pair of answers"
	case datasets.KindJudged:
		return "judged answer"
	}
	return "text"
}
