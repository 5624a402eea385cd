package jinja

import "strings"

func affix(has func(string, string) bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("startswith", "prefix", "start", "end")
		if err != nil {
			return nil, err
		}
		if s, _, err = r.window(s, v["start"], v["end"]); err != nil {
			return nil, err
		}
		list := []any{v["prefix"]}
		if l, ok := v["prefix"].(*List); ok && l.kind == isTuple {
			list = l.Items
		}
		for _, p := range list {
			p, ok := p.(string)
			if !ok {
				return nil, r.fail("first arg must be str or a tuple of str")
			}
			if err := r.charge(len(p) / 16); err != nil {
				return nil, err
			}
			if has(s, p) {
				return true, nil
			}
		}
		return false, nil
	}
}

// window returns s[start:end] as str methods with these arguments see it, and how many characters
// come before it.
func (r *renderer) window(s string, start, end any) (string, int, error) {
	if start == nil && end == nil {
		return s, 0, nil
	}
	n := int64(runeLen(s))
	at := func(v any, missing int64) (int64, error) {
		if v == nil {
			return missing, nil
		}
		i, ok := asNumber(v).(int64)
		if !ok {
			return 0, r.fail("slice indices must be integers or None")
		}
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n), nil
	}
	i, err := at(start, 0)
	if err != nil {
		return "", 0, err
	}
	j, err := at(end, n)
	if err != nil {
		return "", 0, err
	}
	return runeSlice(s, int(i), int(max(i, j))), int(i), r.charge(len(s))
}

func cut(f func(string, string) string) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("removeprefix", "affix")
		if err != nil {
			return nil, err
		}
		p, ok := v["affix"].(string)
		if !ok {
			return nil, r.fail("argument must be str")
		}
		return f(s, p), r.charge(len(p) / 16)
	}
}

func replaceMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("replace", "old", "new", "count")
	if err != nil {
		return nil, err
	}
	old, ok1 := v["old"].(string)
	with, ok2 := v["new"].(string)
	if !ok1 || !ok2 {
		return nil, r.fail("replace() arguments must be str")
	}
	return r.replace(s, old, with, v["count"])
}

func (r *renderer) replace(s, old, with string, count any) (any, error) {
	n := -1
	if c, ok := count.(int64); ok && c >= 0 && c <= int64(len(s)) {
		n = int(c)
	}
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	if len(with) > 0 && found > r.opt.Limits.Memory/len(with) {
		return nil, r.charge(r.opt.Limits.Memory)
	}
	if err := r.charge(len(s) + found*len(with)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, with, n), nil
}

func find(index func(string, string) int, must bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("find", "sub", "start", "end")
		if err != nil {
			return nil, err
		}
		sub, ok := v["sub"].(string)
		if !ok {
			return nil, r.fail("must be str, not %s", typeName(v["sub"]))
		}
		w, skipped, err := r.window(s, v["start"], v["end"])
		if err != nil {
			return nil, err
		}
		i := index(w, sub)
		if i < 0 {
			if must {
				return nil, r.fail("substring not found")
			}
			return int64(-1), r.charge(len(w))
		}
		return int64(skipped + runeLen(w[:i])), r.charge(len(w))
	}
}

func countMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("count", "sub", "start", "end")
	if err != nil {
		return nil, err
	}
	sub, ok := v["sub"].(string)
	if !ok {
		return nil, r.fail("must be str, not %s", typeName(v["sub"]))
	}
	w, _, err := r.window(s, v["start"], v["end"])
	if err != nil {
		return nil, err
	}
	return int64(strings.Count(w, sub)), r.charge(len(w))
}

func joinMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("join", "iterable")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v["iterable"])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, e := range items {
		p, ok := e.(string)
		if !ok {
			return nil, r.fail("sequence item %d: expected str instance, %s found", i, typeName(e))
		}
		parts[i] = p
	}
	return r.joinStrings(parts, s)
}

func (r *renderer) joinStrings(parts []string, sep string) (any, error) {
	n := 0
	for _, p := range parts {
		n += len(p) + len(sep)
		if n > r.opt.Limits.Memory {
			break
		}
	}
	if err := r.charge(n); err != nil {
		return nil, err
	}
	return strings.Join(parts, sep), nil
}

func partition(index func(string, string) int, right bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("partition", "sep")
		if err != nil {
			return nil, err
		}
		sep, ok := v["sep"].(string)
		if !ok || sep == "" {
			return nil, r.fail("partition needs a separator")
		}
		if err := r.charge(len(s)); err != nil {
			return nil, err
		}
		items := []any{s, "", ""}
		if i := index(s, sep); i >= 0 {
			items = []any{s[:i], sep, s[i+len(sep):]}
		} else if right {
			items = []any{"", "", s}
		}
		return r.newList(isTuple, items)
	}
}
