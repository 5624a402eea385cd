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
		if shape, ok := b.Shape(name); ok && len(shape) == 2 {
			list = append(list, module)
		}
	}
	slices.Sort(list)
	return list
}

// Shape is the shape of a tensor as a checkpoint of plain numbers has it; of a quantised weight it has two
// dimensions, whose sizes are for Tensor to say.
func (b *Base) Shape(name string) ([]int, bool) {
	if b.gguf != nil {
		t, err := b.gguf.find(name)
		return t.Shape, err == nil
	}
	if _, quantised := b.quantised.weight(b.stored(name)); quantised {
		return make([]int, 2), true
	}
	t, err := b.Raw(name)
	return t.Shape, err == nil
}
