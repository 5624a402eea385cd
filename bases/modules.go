package bases

import (
	"slices"
	"strings"
)

// LinearModules lists the names of the linear modules in the decoder layers, by the tensors that the base
// has; stacked experts are none. Which of them a model computes with is for its family to say.
func (b *Base) LinearModules() []string {
	prefix := "model.layers."
	if b.config.Nested {
		prefix = "model.language_model.layers."
	}
	var list []string
	for _, name := range b.Tensors() {
		module, ok := strings.CutSuffix(name, weightSuffix)
		if !ok || !strings.HasPrefix(name, prefix) || !inLayer(name) {
			continue
		}
		if b.matrix(name) {
			list = append(list, module)
		}
	}
	slices.Sort(list)
	return list
}

// matrix reports whether a tensor has two dimensions; quantised ones that are no stack do.
func (b *Base) matrix(name string) bool {
	t, err := b.Raw(name)
	return err == nil && (len(t.Shape) == 2 || b.quantised(name) && !strings.Contains(name, ".experts."))
}
