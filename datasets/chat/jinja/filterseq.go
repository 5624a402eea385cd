package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// path reads an attribute as filters name it: a name, an index, or several of them with dots.
func (r *renderer) path(v, attribute any) (any, error) {
	name, ok := attribute.(string)
	if !ok {
		return r.item(v, attribute)
	}
	for part := range strings.SplitSeq(name, ".") {
		key := any(part)
		if n, err := strconv.ParseInt(part, 10, 64); err == nil && isDigits(part) {
			key = n
		}
		var err error
		if v, err = r.item(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// mapFilter is map(attribute=…, default=…) or map("filter", …).
func mapFilter(r *renderer, v any, a *callArgs) (any, error) {
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	attribute, byAttribute := a.take("attribute")
	fallback, hasFallback := a.take("default")
	if !byAttribute && len(a.positional) == 0 {
		return nil, r.fail("map requires a filter argument")
	}
	out := make([]any, len(items))
	for i, e := range items {
		if err := r.step(1); err != nil {
			return nil, err
		}
		if byAttribute {
			out[i], err = r.path(e, attribute)
			if _, missing := out[i].(*undefined); missing && hasFallback {
				out[i] = fallback
			}
		} else {
			name, ok := a.positional[0].(string)
			if !ok {
				return nil, r.fail("map needs the name of a filter")
			}
			out[i], err = r.filterNamed(name, e, a.rest(1))
		}
		if err != nil {
			return nil, err
		}
	}
	return r.newList(isGenerator, out)
}

// rest returns a copy of the arguments without the first n.
func (a *callArgs) rest(n int) *callArgs {
	b := &callArgs{positional: slices.Clone(a.positional[min(n, len(a.positional)):])}
	for _, name := range a.names {
		b.setNamed(name, a.named[name])
	}
	return b
}

// choose makes select, reject, selectattr and rejectattr.
func choose(byAttribute, keep bool) filterFunc {
	return func(r *renderer, v any, a *callArgs) (any, error) {
		items, err := r.iterate(v)
		if err != nil {
			return nil, err
		}
		var attribute any
		if byAttribute {
			if len(a.positional) == 0 {
				return nil, r.fail("missing parameter for attribute name")
			}
			attribute = a.positional[0]
			a = a.rest(1)
		}
		var out []any
		for _, e := range items {
			if err := r.step(1); err != nil {
				return nil, err
			}
			x := e
			if byAttribute {
				if x, err = r.path(e, attribute); err != nil {
					return nil, err
				}
			}
			ok := truth(x)
			if len(a.positional) > 0 {
				name, isName := a.positional[0].(string)
				if !isName {
					return nil, r.fail("select needs the name of a test")
				}
				if ok, err = r.testNamed(name, x, a.rest(1)); err != nil {
					return nil, err
				}
			}
			if ok == keep {
				out = append(out, e)
			}
		}
		return r.newList(isGenerator, out)
	}
}

// sortKey returns what a value is sorted by: one or more attributes, text without case.
func (r *renderer) sortKey(v, attribute any, caseSensitive bool) (any, error) {
	if attribute == nil {
		return foldCase(v, caseSensitive), nil
	}
	names, ok := attribute.(string)
	if !ok {
		k, err := r.path(v, attribute)
		return foldCase(k, caseSensitive), err
	}
	keys := &List{}
	for name := range strings.SplitSeq(names, ",") {
		k, err := r.path(v, name)
		if err != nil {
			return nil, err
		}
		keys.Items = append(keys.Items, foldCase(k, caseSensitive))
	}
	return keys, nil
}

func foldCase(v any, caseSensitive bool) any {
	if s, ok := v.(string); ok && !caseSensitive {
		return lower(s)
	}
	return v
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
		return foldCase(v.(*List).Items[at], truth(b["case_sensitive"])), nil
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
		return foldCase(k, truth(b["case_sensitive"])), err
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

func newGroup(name any) *List { return &List{Items: []any{name, &List{}}, kind: isTuple} }

func uniqueFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("unique", "case_sensitive", "attribute")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	seen := NewDict()
	var out []any
	for _, v := range items {
		k := v
		if b["attribute"] != nil {
			if k, err = r.path(v, b["attribute"]); err != nil {
				return nil, err
			}
		}
		k = foldCase(k, truth(b["case_sensitive"]))
		if !hashable(k) {
			return nil, r.fail("unhashable type: '%s'", typeName(k))
		}
		if _, ok := seen.Get(k); !ok {
			seen.Set(k, nil)
			out = append(out, v)
		}
	}
	return r.newList(isGenerator, out)
}

// extreme makes max and min: sign is that of the order of the wanted item against the others.
func extreme(sign int) filterFunc {
	return func(r *renderer, v any, a *callArgs) (any, error) {
		b, err := a.bind("max", "case_sensitive", "attribute")
		if err != nil {
			return nil, err
		}
		items, err := r.iterate(v)
		if err != nil || len(items) == 0 {
			return &undefined{"no aggregated item, sequence was empty"}, err
		}
		var best, bestKey any
		for i, v := range items {
			k := v
			if b["attribute"] != nil {
				if k, err = r.path(v, b["attribute"]); err != nil {
					return nil, err
				}
			}
			k = foldCase(k, truth(b["case_sensitive"]))
			if i > 0 {
				c, err := r.order(k, bestKey)
				if err != nil {
					return nil, err
				}
				if c == unordered || c*sign <= 0 {
					continue
				}
			}
			best, bestKey = v, k
		}
		return best, nil
	}
}

func sumFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("sum", "attribute", "start")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	total := any(int64(0))
	if s, ok := b["start"]; ok {
		total = s
	}
	for _, v := range items {
		if b["attribute"] != nil {
			if v, err = r.path(v, b["attribute"]); err != nil {
				return nil, err
			}
		}
		if total, err = r.arithmetic("+", total, v); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// batchFilter cuts a sequence into lists of n items, the last filled up.
func batchFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("batch", "linecount", "fill_with")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	n, ok := b["linecount"].(int64)
	if !ok || n < 1 || n > 1<<20 {
		return nil, r.fail("batch needs a number of items")
	}
	var out []any
	for chunk := range slices.Chunk(items, int(n)) {
		row := slices.Clone(chunk)
		for b["fill_with"] != nil && len(row) < int(n) {
			row = append(row, b["fill_with"])
		}
		if err := r.charge(16 * len(row)); err != nil {
			return nil, err
		}
		out = append(out, &List{Items: row})
	}
	return r.newList(isGenerator, out)
}

// sliceFilter cuts a sequence into n lists whose lengths differ by at most one.
func sliceFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("slice", "slices", "fill_with")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	n, ok := b["slices"].(int64)
	if !ok || n < 1 || n > 1<<20 {
		return nil, r.fail("slice needs a number of slices")
	}
	each, more := len(items)/int(n), len(items)%int(n)
	var out []any
	at := 0
	for i := range int(n) {
		size := each
		if i < more {
			size++
		}
		row := slices.Clone(items[at : at+size])
		at += size
		if b["fill_with"] != nil && i >= more {
			row = append(row, b["fill_with"])
		}
		out = append(out, &List{Items: row})
	}
	return r.newList(isGenerator, out)
}
