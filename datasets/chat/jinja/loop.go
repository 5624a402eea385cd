package jinja

import "slices"

// loop is the variable "loop" of a {% for %}.
type loop struct {
	stmt  *forStmt
	items []any
	at    int
	depth int
	outer *scope // where a recursive loop begins
	last  []any  // what changed() saw
	seen  bool
}

func (r *renderer) forLoop(s *forStmt, v any, outer *scope, depth int) error {
	if depth > r.opt.Limits.Depth {
		return r.fail("loops recurse too deeply")
	}
	items, err := r.iterate(v)
	if err != nil {
		return err
	}
	if s.cond != nil {
		if items, err = r.selectItems(s, items, outer); err != nil {
			return err
		}
	}
	l := &loop{stmt: s, items: items, depth: depth, outer: outer}
	for i, item := range items {
		if err := r.step(1); err != nil {
			return err
		}
		l.at = i
		var f flow
		err := r.inScope(outer, func() error {
			r.scope.set("loop", l)
			if err := r.assign(s.target, item); err != nil {
				return err
			}
			f, err = r.exec(s.body)
			return err
		})
		if err != nil {
			return err
		}
		if f == flowBreak {
			break
		}
	}
	if len(items) > 0 {
		return nil
	}
	return r.inScope(outer, func() error {
		_, err := r.exec(s.other)
		return err
	})
}

// selectItems applies the condition of a loop, in a scope where "loop" is not this one.
func (r *renderer) selectItems(s *forStmt, items []any, outer *scope) (kept []any, err error) {
	for _, item := range items {
		err := r.inScope(outer, func() error {
			if err := r.assign(s.target, item); err != nil {
				return err
			}
			v, err := r.eval(s.cond)
			if err == nil && truth(v) {
				kept = append(kept, item)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// iterate returns the items that a loop over v sees.
func (r *renderer) iterate(v any) ([]any, error) {
	switch v := v.(type) {
	case *undefined:
		return nil, nil
	case *List:
		if v.kind == isGenerator {
			if v.done {
				return nil, nil
			}
			v.done = true
		}
		return v.Items, r.step(len(v.Items))
	case *Dict:
		return slices.Clone(v.keys), r.step(len(v.keys))
	case string:
		n := runeLen(v)
		if err := r.step(n); err != nil {
			return nil, err
		}
		items := make([]any, 0, n)
		for _, c := range v {
			items = append(items, string(c))
		}
		return items, nil
	}
	return nil, r.fail("'%s' object is not iterable", typeName(v))
}
