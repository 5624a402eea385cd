package jinja

import (
	"slices"
	"strings"
)

// sortKey returns what a value is sorted by: one or more attributes, text without case.
func (r *renderer) sortKey(v, attribute any, caseSensitive bool) (any, error) {
	if attribute == nil {
		return r.foldCase(v, caseSensitive)
	}
	names, ok := attribute.(string)
	if !ok {
		k, err := r.path(v, attribute)
		if err != nil {
			return nil, err
		}
		return r.foldCase(k, caseSensitive)
	}
	keys := &List{}
	for name := range strings.SplitSeq(names, ",") {
		k, err := r.path(v, name)
		if err != nil {
			return nil, err
		}
		if k, err = r.foldCase(k, caseSensitive); err != nil {
			return nil, err
		}
		keys.Items = append(keys.Items, k)
	}
	return keys, nil
}

func (r *renderer) foldCase(v any, caseSensitive bool) (any, error) {
	s, ok := v.(string)
	if !ok || caseSensitive {
		return v, nil
	}
	if err := r.charge(2 * len(s)); err != nil {
		return nil, err
	}
	return lower(s), nil
}

// sortBy sorts items, which it owns, by their keys, and keeps the order of equals.
func (r *renderer) sortBy(items []any, reverse bool, key func(any) (any, error)) ([]any, error) {
	type keyed struct{ key, value any }
	list := make([]keyed, len(items))
	for i, v := range items {
		k, err := key(v)
		if err != nil {
			return nil, err
		}
		list[i] = keyed{k, v}
	}
	var failed error
	slices.SortStableFunc(list, func(a, b keyed) int {
		if failed == nil {
			failed = r.step(1)
		}
		if failed != nil {
			return 0
		}
		c, err := r.order(a.key, b.key)
		failed = err
		if c == unordered {
			c = 0
		}
		if reverse {
			c = -c
		}
		return c
	})
	for i := range list {
		items[i] = list[i].value
	}
	return items, failed
}

func sortFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("sort", "reverse", "case_sensitive", "attribute")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	items, err = r.sortBy(slices.Clone(items), truth(b["reverse"]), func(v any) (any, error) {
		return r.sortKey(v, b["attribute"], truth(b["case_sensitive"]))
	})
	if err != nil {
		return nil, err
	}
	return r.newList(isList, items)
}

func dictSortFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("dictsort", "case_sensitive", "by", "reverse")
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		return nil, r.fail("dictsort needs a mapping")
	}
	at := 0
	switch b["by"] {
	case nil, "key":
	case "value":
		at = 1
	default:
		return nil, r.fail(`you can only sort by either "key" or "value"`)
	}
	pairs, err := r.items(d, isList)
	if err != nil {
		return nil, err
	}
	items, err := r.sortBy(pairs.(*List).Items, truth(b["reverse"]), func(v any) (any, error) {
		return r.foldCase(v.(*List).Items[at], truth(b["case_sensitive"]))
	})
	if err != nil {
		return nil, err
	}
	return r.newList(isList, items)
}

func groupByFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("groupby", "attribute", "default", "case_sensitive")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	key := func(v any) (any, error) {
		k, err := r.path(v, b["attribute"])
		if _, missing := k.(*undefined); missing && b["default"] != nil {
			k = b["default"]
		}
		if err != nil {
			return nil, err
		}
		return r.foldCase(k, truth(b["case_sensitive"]))
	}
	items, err = r.sortBy(slices.Clone(items), false, key)
	if err != nil {
		return nil, err
	}
	var out []any
	var last any
	for i, v := range items {
		k, err := key(v)
		if err != nil {
			return nil, err
		}
		same := false
		if i > 0 {
			if same, err = r.equal(k, last); err != nil {
				return nil, err
			}
		}
		if !same {
			// Of keys that differ in case only, the group has the first as it is written.
			name := k
			if original, err := r.path(v, b["attribute"]); err == nil {
				if _, missing := original.(*undefined); !missing {
					name = original
				}
			}
			out = append(out, newGroup(name))
		}
		last = k
		g := out[len(out)-1].(*List).Items[1].(*List)
		g.Items = append(g.Items, v)
	}
	return r.newList(isList, out)
}

func newGroup(name any) *List { return &List{Items: []any{name, &List{}}, kind: isTuple, group: true} }
