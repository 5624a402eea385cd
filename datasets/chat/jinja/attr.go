package jinja

import (
	"fmt"
	"slices"
	"strings"
)

// attr is value.name: a method or attribute, else an item.
func (r *renderer) attr(of any, name string) (any, error) {
	if u, ok := of.(*undefined); ok {
		return nil, fmt.Errorf("%s", u.msg)
	}
	if v, ok := r.member(of, name); ok {
		return v, nil
	}
	if d, ok := of.(*Dict); ok {
		if v, ok := d.Get(name); ok {
			return v, nil
		}
	}
	return &undefined{fmt.Sprintf("'%s' has no attribute '%s'", objectName(of), r.name(name))}, nil
}

func objectName(v any) string {
	if v == nil {
		return "None"
	}
	return typeName(v) + " object"
}

// unsafe are the methods that change a value; the sandbox of chat templates hides them.
var unsafe = map[string][]string{
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
	"list": {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"},
}

// member returns a method or attribute.
func (r *renderer) member(of any, name string) (any, bool) {
	kind := typeName(of)
	if strings.HasPrefix(name, "__") || slices.Contains(unsafe[kind], name) {
		return &undefined{fmt.Sprintf("access to attribute '%s' of '%s' object is unsafe", r.name(name), kind)}, true
	}
	switch v := of.(type) {
	case string:
		if m, ok := stringMethods[name]; ok {
			return bound(name, v, m), true
		}
	case *Dict:
		if m, ok := dictMethods[name]; ok {
			return bound(name, v, m), true
		}
	case *List:
		if m, ok := listMethods[name]; ok && v.kind <= isTuple {
			return bound(name, v, m), true
		}
		if at := slices.Index([]string{"grouper", "list"}, name); v.group && at >= 0 {
			return v.Items[at], true
		}
	case *function:
		if v.macro != nil {
			return v.macro.member(name)
		}
		if v.name == "dict" {
			return dictMember(name)
		}
	case *namespace:
		return v.attrs.Get(name)
	case *loop:
		return r.loopMember(v, name)
	case *cycler:
		return v.member(name)
	}
	return nil, false
}

// bound makes a function of a method and the value it belongs to.
func bound[T any](name string, v T, m func(*renderer, T, *callArgs) (any, error)) *function {
	return &function{name: name, call: func(r *renderer, a *callArgs) (any, error) { return m(r, v, a) }}
}

// member is what a macro says about itself.
func (m *macroStmt) member(name string) (any, bool) {
	switch name {
	case "name":
		return m.name, true
	case "arguments":
		l := &List{kind: isTuple}
		for _, p := range m.params {
			l.Items = append(l.Items, p)
		}
		return l, true
	case "catch_kwargs":
		return m.kwargs, true
	case "catch_varargs":
		return m.varargs, true
	case "caller":
		return m.caller, true
	}
	return nil, false
}

func (r *renderer) loopMember(l *loop, name string) (any, bool) {
	n := len(l.items)
	item := func(i int, what string) any {
		if i < 0 || i >= n {
			return &undefined{"there is no " + what + " item"}
		}
		return l.items[i]
	}
	switch name {
	case "index":
		return int64(l.at + 1), true
	case "index0":
		return int64(l.at), true
	case "revindex":
		return int64(n - l.at), true
	case "revindex0":
		return int64(n - l.at - 1), true
	case "first":
		return l.at == 0, true
	case "last":
		return l.at == n-1, true
	case "length":
		return int64(n), true
	case "depth":
		return int64(l.depth), true
	case "depth0":
		return int64(l.depth - 1), true
	case "previtem":
		return item(l.at-1, "previous"), true
	case "nextitem":
		return item(l.at+1, "next"), true
	case "cycle":
		return &function{name: name, call: l.cycle}, true
	case "changed":
		return &function{name: name, call: l.changed}, true
	}
	return nil, false
}

func (l *loop) cycle(r *renderer, a *callArgs) (any, error) {
	if len(a.positional) == 0 {
		return nil, r.fail("no items for cycling given")
	}
	return a.positional[l.at%len(a.positional)], nil
}

// changed reports whether it is called with other values than in the round before.
func (l *loop) changed(r *renderer, a *callArgs) (any, error) {
	same, err := r.equal(&List{Items: l.last}, &List{Items: a.positional})
	if err != nil {
		return nil, err
	}
	if l.seen && same {
		return false, nil
	}
	l.last, l.seen = a.positional, true
	return true, nil
}

// index is value[i]: an item, else a method or attribute.
func (r *renderer) index(e *indexExpr) (any, error) {
	of, err := r.eval(e.of)
	if err != nil {
		return nil, err
	}
	if s, ok := e.index.(*sliceExpr); ok {
		return r.slice(of, s)
	}
	i, err := r.eval(e.index)
	if err != nil {
		return nil, err
	}
	return r.item(of, i)
}

func (r *renderer) item(of, i any) (any, error) {
	if name, ok := i.(string); ok {
		if err := r.charge(len(name) / 16); err != nil {
			return nil, err
		}
	}
	switch v := of.(type) {
	case *undefined:
		return nil, fmt.Errorf("%s", v.msg)
	case *Dict:
		if x, ok := v.Get(i); ok {
			return x, nil
		}
	case *List:
		if n, ok := asNumber(i).(int64); ok && v.kind <= isTuple {
			if n < 0 {
				n += int64(len(v.Items))
			}
			if 0 <= n && n < int64(len(v.Items)) {
				return v.Items[n], nil
			}
		}
	case string:
		if n, ok := asNumber(i).(int64); ok {
			work := len(v)
			if isASCII(v) {
				work /= 16
			}
			if err := r.charge(work); err != nil {
				return nil, err
			}
			length := int64(runeLen(v))
			if n < 0 {
				n += length
			}
			if 0 <= n && n < length {
				return runeSlice(v, int(n), int(n)+1), nil
			}
		}
	}
	if name, ok := i.(string); ok {
		if v, ok := r.member(of, name); ok {
			return v, nil
		}
	}
	return &undefined{fmt.Sprintf("'%s' has no attribute %s", objectName(of), r.key(i))}, nil
}

// slice is value[start:stop:step].
func (r *renderer) slice(of any, e *sliceExpr) (any, error) {
	var parts [3]*int64
	for i, p := range []expr{e.start, e.stop, e.step} {
		if p == nil {
			continue
		}
		v, err := r.eval(p)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		n, ok := asNumber(v).(int64)
		if !ok {
			return nil, r.fail("slice indices must be integers or None")
		}
		parts[i] = &n
	}
	switch v := of.(type) {
	case *undefined:
		return nil, fmt.Errorf("%s", v.msg)
	case string:
		if err := r.charge(13 * len(v)); err != nil { // its characters, which of them, and what they make
			return nil, err
		}
		chars := []rune(v)
		at, err := sliceIndices(len(chars), parts)
		if err != nil {
			return nil, err
		}
		out := make([]rune, len(at))
		for k, i := range at {
			out[k] = chars[i]
		}
		return string(out), nil
	case *List:
		if v.kind > isTuple {
			break
		}
		at, err := sliceIndices(len(v.Items), parts)
		if err != nil {
			return nil, err
		}
		out := make([]any, len(at))
		for k, i := range at {
			out[k] = v.Items[i]
		}
		return r.newList(v.kind, out)
	}
	if _, ok := of.(*Dict); ok {
		return nil, r.fail("unhashable type: 'slice'")
	}
	return &undefined{fmt.Sprintf("'%s' cannot be sliced", objectName(of))}, nil
}

// sliceIndices is Python's slice.indices, written out.
func sliceIndices(n int, parts [3]*int64) ([]int, error) {
	step := int64(1)
	if parts[2] != nil {
		step = *parts[2]
	}
	if step == 0 {
		return nil, fmt.Errorf("slice step cannot be zero")
	}
	length := int64(n)
	low, high := int64(0), length
	if step < 0 {
		low, high = -1, length-1
	}
	clamp := func(p *int64, missing int64) int64 {
		if p == nil {
			return missing
		}
		v := *p
		if v < 0 {
			v += length
		}
		return min(max(v, low), high)
	}
	start, stop := clamp(parts[0], low), clamp(parts[1], high)
	if step < 0 {
		start, stop = clamp(parts[0], high), clamp(parts[1], low)
	}
	var out []int
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		out = append(out, int(i))
		if step > length || step < -length {
			break // one more would overflow for steps near the limits of int64
		}
	}
	return out, nil
}
