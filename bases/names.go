package bases

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// weightSuffix ends the names of modules' weights.
const weightSuffix = ".weight"

// formerPrefixes are the beginnings of names in multimodal models as transformers wrote them before
// version 4.52, and still does when it saves such a model, and what it calls them since then
// (conversion_mapping.py). Adapters carry the later names.
var formerPrefixes = []struct{ former, later string }{
	{"language_model.lm_head.", "lm_head."},
	{"language_model.model.", "model.language_model."},
	{"vision_tower.", "model.vision_tower."},
	{"multi_modal_projector.", "model.multi_modal_projector."},
}

// laterNames maps the name of every tensor to the one it has in the files; nil where they are the
// same.
func laterNames(c *Config, tensors []string) (map[string]string, error) {
	if !c.Nested {
		return nil, nil
	}
	names := make(map[string]string, len(tensors))
	changed := false
	for _, stored := range tensors {
		name := LaterName(stored)
		changed = changed || name != stored
		if other, ok := names[name]; ok {
			return nil, fmt.Errorf("tensors %q and %q are both %q", other, stored, name)
		}
		names[name] = stored
	}
	if !changed {
		return nil, nil
	}
	return names, nil
}

// LaterName is the name that a tensor or module of a multimodal model has since transformers 4.52.
func LaterName(name string) string {
	for _, p := range formerPrefixes {
		if rest, ok := strings.CutPrefix(name, p.former); ok {
			return p.later + rest
		}
	}
	return name
}

func (d *directory) Stored(name string) string {
	if d.names == nil {
		return name
	}
	if stored, ok := d.names[name]; ok {
		return stored
	}
	return "" // a former name is no name of the base
}

func (d *directory) Tensors() []string {
	if d.names == nil {
		return d.storedNames()
	}
	return slices.Sorted(maps.Keys(d.names))
}
