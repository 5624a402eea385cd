// Package fit holds an adapter against the base that it is to be used with: whether it was trained on
// that one, whether it is whole, and what it calls the base's modules. Whoever puts the two together asks
// here first.
package fit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
)

// Options say what is let through.
type Options struct {
	// OtherBase lets an adapter through that was trained on another base. That is right for a base whose
	// original was quantised for training: the weights are the same, the digest is another.
	OtherBase bool
	Warn      func(text string) // may be nil
}

// To returns the adapter as it goes with the base: its modules under the names that the base has. One
// whose lineage names another base is [adapters.ErrOtherBase]; of an adapter without lineage nobody
// knows. What is odd and still computes is a warning.
func To(a *adapters.Adapter, lineage *adapters.Lineage, b *bases.Base, o Options) (*adapters.Adapter, error) {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if err := sameBase(lineage, b, o); err != nil {
		return nil, err
	}
	a = renamed(a, b)
	lacks, all, err := missing(a, b)
	if err != nil {
		return nil, err
	}
	if len(lacks) > 0 {
		o.Warn(fmt.Sprintf("the adapter lacks tensors for %d of %d modules that its target_modules name, %s the first: the file may have been cut, or be of another model",
			len(lacks), all, lacks[0]))
	}
	return a, nil
}

func sameBase(lineage *adapters.Lineage, b *bases.Base, o Options) error {
	if lineage == nil || lineage.Base.Digest == "" {
		return nil
	}
	digest, err := b.Digest()
	if err != nil || digest == lineage.Base.Digest {
		return err
	}
	err = fmt.Errorf("%w: %s is %s, its own was %s (%s)", adapters.ErrOtherBase, b.Dir(), short(digest), lineage.Base.Name, short(lineage.Base.Digest))
	if !o.OtherBase {
		return err
	}
	o.Warn(err.Error())
	return nil
}

// short is enough of a digest to tell it from another.
func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

// renamed gives modules of a multimodal base the names that these have since transformers 4.52.
func renamed(a *adapters.Adapter, b *bases.Base) *adapters.Adapter {
	if !b.Config().Nested {
		return a
	}
	out := &adapters.Adapter{Config: a.Config, Tensors: slices.Clone(a.Tensors)}
	for i, t := range out.Tensors {
		if module, ok := strings.CutPrefix(t.Name, peft.Prefix); ok {
			out.Tensors[i].Name = peft.Prefix + bases.LaterName(module)
		}
	}
	out.Config.TargetModules = slices.Clone(a.Config.TargetModules)
	for i, name := range out.Config.TargetModules {
		out.Config.TargetModules[i] = bases.LaterName(name)
	}
	return out
}

// missing lists the linear modules of the base that the configuration names and the adapter has no
// tensors for, in order, and how many it names.
func missing(a *adapters.Adapter, b *bases.Base) (lacks []string, all int, err error) {
	targeted, err := peft.Targeted(a.Config)
	if targeted == nil || err != nil {
		return nil, 0, err
	}
	modules, err := peft.Modules(a)
	if err != nil {
		return nil, 0, err
	}
	have := make(map[string]bool, len(modules))
	experts := false
	for _, m := range modules {
		have[m.Name] = true
		experts = experts || m.Experts > 0
	}
	for _, module := range b.LinearModules() {
		if !targeted(module) || strings.Contains(module, ".experts.") || experts && peft.TakenForExperts(module) {
			continue
		}
		all++
		if !have[module] {
			lacks = append(lacks, module)
		}
	}
	return lacks, all, nil
}
