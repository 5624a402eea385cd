package bases

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Family is what is particular to a family of models in its files. It is plain data, handed to [Open] by
// whoever knows families; how one computes is no part of it.
type Family struct {
	// Architecture is the class in config.json's "architectures"; Multimodal are those of models of which
	// the family is the text half.
	Architecture string
	Multimodal   []string
	ModelType    string // config.json's model_type, of text_config in a multimodal model

	// Defaults is a JSON object of what an absent key means where that is neither nothing nor the default
	// of most families: the attributes of the class in transformers' models/*/configuration_*.py. A key
	// that is null is not absent: it is None there.
	Defaults string
	// Names is what the class calls a key otherwise than most families, or takes as another name of it.
	// Where both are there this one counts.
	Names map[string]string
	// Untied is the model_type of a multimodal model whose head is tied only where config.json says so.
	Untied string
	// NoBiasKeys means that the class has biases or none, whatever attention_bias and mlp_bias say, and
	// NoWindow that it has no window, whatever sliding_window says.
	NoBiasKeys, NoWindow bool
	// TransposedExperts means that the matrices of stacked experts have their outputs as columns.
	TransposedExperts bool

	// GGUF is what the family is in GGUF files, nil where it has no form there. Its Class and ModelType
	// are the family's.
	GGUF *ggufarch.Arch
	// ToGGUF says in GGUF's words what only this family's configuration says, or why there are none. It
	// may be nil.
	ToGGUF func(c *Config, m *ggufarch.Model) error
}

// Families are those that are known. Of several that fit the first counts.
type Families []*Family

// Fits reports whether a configuration is of the family: by its architecture, or where it names none by
// model_type. A multimodal model's architecture says little of its text half: there both must fit.
func (f *Family) Fits(c *Config) bool {
	named := slices.ContainsFunc(c.Architectures, func(class string) bool {
		return class == f.Architecture || slices.Contains(f.Multimodal, class)
	})
	if len(c.Architectures) == 0 || named && c.Nested {
		return c.ModelType == f.ModelType
	}
	return named
}

// of returns the family of a configuration, nil when there is none.
func (list Families) of(c *Config) *Family {
	for _, f := range list {
		if f.Fits(c) {
			return f
		}
	}
	return nil
}

// typed returns the family of a model_type, one of no defaults when there is none.
func (list Families) typed(modelType string) *Family {
	for _, f := range list {
		if f.ModelType == modelType {
			return f
		}
	}
	return &Family{}
}

// untied reports whether a multimodal model of a type leaves its head untied.
func (list Families) untied(modelType json.RawMessage) bool {
	return slices.ContainsFunc(list, func(f *Family) bool { return f.Untied != "" && string(modelType) == `"`+f.Untied+`"` })
}

// Architectures lists the classes of all families, sorted.
func (list Families) Architectures() []string {
	var names []string
	for _, f := range list {
		names = append(append(names, f.Architecture), f.Multimodal...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// archs are the forms in GGUF.
func (list Families) archs() []*ggufarch.Arch {
	var archs []*ggufarch.Arch
	for _, f := range list {
		if a := f.arch(); a != nil {
			archs = append(archs, a)
		}
	}
	return archs
}

func (f *Family) arch() *ggufarch.Arch {
	if f.GGUF == nil {
		return nil
	}
	a := *f.GGUF
	a.Class, a.ModelType = f.Architecture, f.ModelType
	return &a
}

// Unsupported says that no family has a configuration.
func (list Families) Unsupported(c *Config) error {
	name := strings.Join(c.Architectures, ", ")
	if name == "" || c.Nested {
		name += " model_type " + c.ModelType
	}
	return fmt.Errorf("architecture %s is not supported (supported: %s)", strings.TrimSpace(name), strings.Join(list.Architectures(), ", "))
}
