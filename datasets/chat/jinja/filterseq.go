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

// iterateIfTrue takes whatever is false for an empty list, as map, select and their like do.
func (r *renderer) iterateIfTrue(v any) ([]any, error) {
	if !truth(v) {
		return nil, nil
	}
	return r.iterate(v)
}

// mapFilter is map(attribute=…, default=…) or map("filter", …).
func mapFilter(r *renderer, v any, a *callArgs) (any, error) {
	items, err := r.iterateIfTrue(v)
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
	for name := range a.left() {
		b.setNamed(name, a.named[name])
	}
	return b
}

// choose makes select, reject, selectattr and rejectattr.
func choose(byAttribute, keep bool) filterFunc {
	return func(r *renderer, v any, a *callArgs) (any, error) {
		items, err := r.iterateIfTrue(v)
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
		if k, err = r.foldCase(k, truth(b["case_sensitive"])); err != nil {
			return nil, err
		}
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
			if k, err = r.foldCase(k, truth(b["case_sensitive"])); err != nil {
				return nil, err
			}
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
	if err := r.charge(listBytes * int(n)); err != nil {
		return nil, err
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
