package rows

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/strictjson"
)

// origin takes a key that says where a row is from; false when it is none. What is not of the form
// that our own rows have is kept as metadata.
func (r *row) origin(e *datasets.Example, f field) (bool, error) {
	if f.name == "" || !slices.Contains(origins, f.key) {
		return false, nil
	}
	if f.key == "metadata" && strictjson.Kind(f.raw) == "an object" {
		list, err := strictjson.Members(f.raw)
		for i := 0; err == nil && i < len(list); i++ {
			key := list[i].Key
			if slices.ContainsFunc(r.fields, func(f field) bool { return f.key == key }) {
				key = "metadata." + key // both are kept
			}
			err = r.keep(key, list[i].Value)
		}
		return true, err
	}
	if id := map[string]*string{"example_id": &e.ExampleID, "doc_id": &e.DocID, "doc_version": &e.DocVersion}[f.key]; id != nil && strictjson.Kind(f.raw) == "a text" {
		s, err := strictjson.Text(f.raw)
		if err != nil {
			return true, fmt.Errorf("%q is %w", f.key, err)
		}
		*id = s
		return true, nil
	}
	if at := map[string]*int64{"start": &e.Start, "end": &e.End}[f.key]; at != nil {
		if n, err := strconv.ParseInt(string(f.raw), 10, 64); err == nil {
			*at = n
			return true, nil
		}
	}
	if f.key == "split" {
		s, err := strictjson.Text(f.raw)
		if split := datasets.Split(s); err == nil && slices.Contains([]datasets.Split{datasets.Train, datasets.Validation, datasets.Test}, split) {
			e.Split = split
			return true, nil
		}
	}
	return true, r.keep(f.key, f.raw)
}
