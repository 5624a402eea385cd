package yamlerr

import (
	"maps"
	"slices"

	"github.com/goccy/go-yaml"
)

// Stated lists the keys that a configuration states, sorted, those of a mapping within it after a dot. It is
// for text that [Decode] has taken; of any other it lists none.
func Stated(text []byte) []string {
	var root map[string]any
	if bounds(text) != nil || yaml.Unmarshal(text, &root) != nil {
		return nil
	}
	list := stated("", root, nil)
	slices.Sort(list)
	return list
}

func stated(prefix string, mapping map[string]any, list []string) []string {
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		if inner, ok := mapping[key].(map[string]any); ok && len(inner) > 0 {
			list = stated(prefix+key+".", inner, list)
			continue
		}
		list = append(list, prefix+key)
	}
	return list
}
