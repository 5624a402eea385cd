package jinja

import (
	"fmt"
	"strings"
)

// maxRange is the longest range() the sandbox allows.
const maxRange = 100_000

// globals are the names every template sees. The map is the caller's.
func globals() map[string]any {
	fn := func(name string, f func(*renderer, *callArgs) (any, error)) *function {
		return &function{name: name, call: f}
	}
	return map[string]any{
		"range":           fn("range", rangeGlobal),
		"dict":            fn("dict", dictGlobal),
		"namespace":       fn("namespace", namespaceGlobal),
		"cycler":          fn("cycler", cyclerGlobal),
		"joiner":          fn("joiner", joinerGlobal),
		"raise_exception": fn("raise_exception", raiseGlobal),
		"strftime_now":    fn("strftime_now", strftimeGlobal),
	}
}

func rangeGlobal(r *renderer, a *callArgs) (any, error) {
	n := [3]int64{0, 0, 1}
	if len(a.positional) < 1 || len(a.positional) > 3 || len(a.names) > 0 {
		return nil, r.fail("range takes one to three arguments")
	}
	for i, v := range a.positional {
		x, ok := asNumber(v).(int64)
		if !ok {
			return nil, r.fail("'%s' object cannot be interpreted as an integer", typeName(v))
		}
		n[i] = x
	}
	if len(a.positional) == 1 {
		n[0], n[1] = 0, n[0]
	}
	start, stop, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, r.fail("range() arg 3 must not be zero")
	}
	var items []any
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(items) >= maxRange {
			return nil, r.fail("range too big; the sandbox has a limit of %d items", maxRange)
		}
		items = append(items, i)
		if next := i + step; (next > i) != (step > 0) {
			break // overflow
		}
	}
	label := fmt.Sprintf("range(%d, %d)", start, stop)
	if step != 1 {
		label = fmt.Sprintf("range(%d, %d, %d)", start, stop, step)
	}
	return &List{Items: items, label: label}, r.charge(16 * len(items))
}

// entries returns the entries of dict(…) and namespace(…): of a mapping or pairs, then the named
// arguments.
func (r *renderer) entries(a *callArgs) (*Dict, error) {
	d := NewDict()
	for _, v := range a.positional {
		if m, ok := v.(*Dict); ok {
			for _, k := range m.keys {
				d.Set(k, m.values[k])
			}
			continue
		}
		pairs, err := r.iterate(v)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			l, ok := p.(*List)
			if !ok || len(l.Items) != 2 || !hashable(l.Items[0]) {
				return nil, r.fail("dict() needs pairs")
			}
			d.Set(l.Items[0], l.Items[1])
		}
	}
	for _, name := range a.names {
		d.Set(name, a.named[name])
	}
	return d, r.charge(48 * d.Len())
}

func dictGlobal(r *renderer, a *callArgs) (any, error) { return r.entries(a) }

func namespaceGlobal(r *renderer, a *callArgs) (any, error) {
	d, err := r.entries(a)
	if err != nil {
		return nil, err
	}
	for _, k := range d.keys {
		if err := r.namespaceName(k); err != nil {
			return nil, err
		}
	}
	return &namespace{d}, nil
}

// namespaceName refuses what transformers' sandbox does.
func (r *renderer) namespaceName(name any) error {
	if s, ok := name.(string); ok && strings.HasPrefix(s, "_") {
		return fmt.Errorf("a namespace cannot hold %q, which begins with an underscore", r.name(s))
	}
	return nil
}

// dictMember is dict.fromkeys.
func dictMember(name string) (any, bool) {
	if name != "fromkeys" {
		return nil, false
	}
	return &function{name: name, call: func(r *renderer, a *callArgs) (any, error) {
		b, err := a.bind("fromkeys", "iterable", "value")
		if err != nil {
			return nil, err
		}
		keys, err := r.iterate(b["iterable"])
		if err != nil {
			return nil, err
		}
		d := NewDict()
		for _, k := range keys {
			if !hashable(k) {
				return nil, r.fail("unhashable type: '%s'", typeName(k))
			}
			d.Set(k, b["value"])
		}
		return d, r.charge(48 * d.Len())
	}}, true
}

// cycler walks round its items.
type cycler struct {
	items []any
	at    int
}

func cyclerGlobal(r *renderer, a *callArgs) (any, error) {
	if len(a.positional) == 0 {
		return nil, r.fail("at least one item has to be provided")
	}
	return &cycler{items: a.positional}, nil
}

func (c *cycler) member(name string) (any, bool) {
	switch name {
	case "current":
		return c.items[c.at], true
	case "next":
		return &function{name: name, call: func(*renderer, *callArgs) (any, error) {
			v := c.items[c.at]
			c.at = (c.at + 1) % len(c.items)
			return v, nil
		}}, true
	case "reset":
		return &function{name: name, call: func(*renderer, *callArgs) (any, error) {
			c.at = 0
			return nil, nil
		}}, true
	}
	return nil, false
}

// joinerGlobal makes a function that returns its separator on every call but the first.
func joinerGlobal(r *renderer, a *callArgs) (any, error) {
	b, err := a.bind("joiner", "sep")
	if err != nil {
		return nil, err
	}
	sep, ok := b["sep"]
	if !ok {
		sep = ", "
	}
	used := false
	return &function{name: "joiner", call: func(*renderer, *callArgs) (any, error) {
		if !used {
			used = true
			return "", nil
		}
		return sep, nil
	}}, nil
}

func raiseGlobal(r *renderer, a *callArgs) (any, error) {
	b, err := a.bind("raise_exception", "message")
	if err != nil {
		return nil, err
	}
	msg, err := r.str(b["message"])
	if err != nil {
		return nil, err
	}
	return nil, &Exception{raw: msg}
}

func strftimeGlobal(r *renderer, a *callArgs) (any, error) {
	b, err := a.bind("strftime_now", "format")
	if err != nil {
		return nil, err
	}
	format, ok := b["format"].(string)
	if !ok {
		return nil, r.fail("strftime_now needs a format")
	}
	s, err := strftime(format, r.opt.Now)
	if err != nil {
		return nil, err
	}
	return s, r.charge(len(s))
}
