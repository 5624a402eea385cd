package jinja

type dictMethod = func(*renderer, *Dict, *callArgs) (any, error)

var dictMethods = map[string]dictMethod{
	"keys": func(r *renderer, d *Dict, _ *callArgs) (any, error) { return r.view("dict_keys", d.Keys()) },
	"values": func(r *renderer, d *Dict, _ *callArgs) (any, error) {
		items := make([]any, len(d.keys))
		for i, k := range d.keys {
			items[i] = d.values[k]
		}
		return r.view("dict_values", items)
	},
	"items": func(r *renderer, d *Dict, _ *callArgs) (any, error) { return r.items(d, isView) },
	"copy":  func(_ *renderer, d *Dict, _ *callArgs) (any, error) { return d, nil }, // nothing can change it
	"get": func(r *renderer, d *Dict, a *callArgs) (any, error) {
		v, err := a.bind("get", "key", "default")
		if err != nil {
			return nil, err
		}
		if x, ok := d.Get(v["key"]); ok {
			return x, nil
		}
		return v["default"], nil
	},
}

// items returns the entries of a dict as tuples.
func (r *renderer) items(d *Dict, kind listKind) (any, error) {
	items := make([]any, len(d.keys))
	for i, k := range d.keys {
		items[i] = &List{Items: []any{k, d.values[k]}, kind: isTuple}
	}
	if err := r.charge(64 * len(items)); err != nil {
		return nil, err
	}
	if kind == isView {
		return r.view("dict_items", items)
	}
	return r.newList(kind, items)
}

func (r *renderer) view(label string, items []any) (any, error) {
	return &List{Items: items, kind: isView, label: label}, r.charge(16 * len(items))
}

type listMethod = func(*renderer, *List, *callArgs) (any, error)

var listMethods = map[string]listMethod{
	"copy": func(_ *renderer, l *List, _ *callArgs) (any, error) { return l, nil },
	"index": func(r *renderer, l *List, a *callArgs) (any, error) {
		for i, v := range l.Items {
			if ok, err := r.sameAsFirst(a, v); err != nil || ok {
				return int64(i), err
			}
		}
		return nil, r.fail("value is not in list")
	},
	"count": func(r *renderer, l *List, a *callArgs) (any, error) {
		n := int64(0)
		for _, v := range l.Items {
			ok, err := r.sameAsFirst(a, v)
			if err != nil {
				return nil, err
			}
			if ok {
				n++
			}
		}
		return n, nil
	},
}

func (r *renderer) sameAsFirst(a *callArgs, v any) (bool, error) {
	if len(a.positional) != 1 {
		return false, r.fail("needs one argument")
	}
	if err := r.step(1); err != nil {
		return false, err
	}
	return r.equal(v, a.positional[0])
}
