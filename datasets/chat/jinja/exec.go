package jinja

import "slices"

// flow is how a list of statements ended.
type flow byte

const (
	flowNext flow = iota
	flowBreak
	flowContinue
)

func (r *renderer) exec(body []stmt) (flow, error) {
	for _, s := range body {
		if err := r.step(1); err != nil {
			return 0, err
		}
		f, err := r.statement(s)
		if err != nil || f != flowNext {
			return f, err
		}
	}
	return flowNext, nil
}

func (r *renderer) statement(s stmt) (flow, error) {
	switch s := s.(type) {
	case *textStmt:
		return 0, r.write(s.text)
	case *printStmt:
		r.line = s.line
		return 0, r.print(s.of)
	case *ifStmt:
		return r.ifStatement(s)
	case *forStmt:
		r.line = s.line
		v, err := r.eval(s.in)
		if err != nil {
			return 0, err
		}
		return 0, r.forLoop(s, v, r.scope, 1)
	case *setStmt:
		r.line = s.line
		v, err := r.eval(s.value)
		if err != nil {
			return 0, err
		}
		return 0, r.assign(s.target, v)
	case *setBlockStmt:
		return 0, r.setBlock(s)
	case *macroStmt:
		r.scope.set(s.name, r.macro(s, r.scope))
	case *callStmt:
		return 0, r.callBlock(s)
	case *filterStmt:
		return 0, r.filterBlock(s)
	case *withStmt:
		return r.withBlock(s)
	case *generationStmt:
		return 0, r.generationBlock(s)
	case *breakStmt:
		return flowBreak, nil
	case *continueStmt:
		return flowContinue, nil
	}
	return flowNext, nil
}

func (r *renderer) print(e expr) error {
	v, err := r.eval(e)
	if err != nil {
		return err
	}
	s, err := r.str(v)
	if err != nil {
		return err
	}
	return r.write(s)
}

func (r *renderer) ifStatement(s *ifStmt) (flow, error) {
	r.line = s.line
	for i, test := range s.tests {
		v, err := r.eval(test)
		if err != nil {
			return 0, err
		}
		if truth(v) {
			return r.exec(s.bodies[i])
		}
	}
	return r.exec(s.other)
}

func (r *renderer) setBlock(s *setBlockStmt) error {
	r.line = s.line
	v, err := r.filtered(s.body, s.filters)
	if err != nil {
		return err
	}
	return r.assign(s.target, v)
}

// filtered is what a body renders, in a scope of its own, through filters.
func (r *renderer) filtered(body []stmt, filters []*filterExpr) (v any, err error) {
	err = r.inScope(r.scope, func() (err error) {
		v, err = r.capture(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		if v, err = r.filter(f, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (r *renderer) filterBlock(s *filterStmt) error {
	r.line = s.line
	v, err := r.filtered(s.body, s.filters)
	if err != nil {
		return err
	}
	text, err := r.str(v)
	if err != nil {
		return err
	}
	return r.write(text)
}

func (r *renderer) withBlock(s *withStmt) (f flow, err error) {
	r.line = s.line
	values := make([]any, len(s.values))
	for i, e := range s.values {
		if values[i], err = r.eval(e); err != nil {
			return 0, err
		}
	}
	err = r.inScope(r.scope, func() error {
		for i, t := range s.targets {
			if err := r.assign(t, values[i]); err != nil {
				return err
			}
		}
		f, err = r.exec(s.body)
		return err
	})
	return f, err
}

// generationBlock marks what it writes, when that goes to the rendered text itself.
func (r *renderer) generationBlock(s *generationStmt) error {
	r.line = s.line
	start := r.out.Len()
	err := r.inScope(r.scope, func() error {
		_, err := r.exec(s.body)
		return err
	})
	if err == nil && r.out == r.main && r.out.Len() > start {
		r.spans = append(r.spans, Span{start, r.out.Len()})
	}
	return err
}

// assign binds a target. Lists are taken apart; attributes exist for namespaces only.
func (r *renderer) assign(target expr, v any) error {
	switch t := target.(type) {
	case *nameExpr:
		r.scope.set(t.name, v)
		return nil
	case *attrExpr:
		of, err := r.eval(t.of)
		if err != nil {
			return err
		}
		n, ok := of.(*namespace)
		if !ok {
			return r.fail("cannot assign attribute %q on something that is no namespace", t.name)
		}
		if err := r.namespaceName(t.name); err != nil {
			return err
		}
		n.attrs.Set(t.name, v)
		return nil
	case *listExpr:
		items, err := r.iterate(v)
		if err != nil {
			return err
		}
		if len(items) != len(t.items) {
			return r.fail("cannot unpack %d values into %d names", len(items), len(t.items))
		}
		for i, sub := range t.items {
			if err := r.assign(sub, items[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return r.fail("cannot assign to an expression")
}

func (r *renderer) callBlock(s *callStmt) error {
	r.line = s.line
	fn, err := r.eval(s.call.fn)
	if err != nil {
		return err
	}
	args, err := r.arguments(s.call.args)
	if err != nil {
		return err
	}
	if f, ok := fn.(*function); ok && f.macro != nil && !f.macro.caller {
		return r.fail("macro %q is called with a body and has no use for it", f.name)
	}
	args.setNamed("caller", r.macro(s.caller, r.scope))
	v, err := r.call(fn, args)
	if err != nil {
		return err
	}
	text, err := r.str(v)
	if err != nil {
		return err
	}
	return r.write(text)
}

// macro makes a function of a macro. It sees the variables around its definition as they are when
// it is called.
func (r *renderer) macro(m *macroStmt, outer *scope) *function {
	return &function{name: m.name, macro: m, call: func(r *renderer, a *callArgs) (any, error) {
		if r.depth++; r.depth > r.opt.Limits.Depth {
			return nil, r.fail("macros call each other too deeply")
		}
		defer func() { r.depth-- }()
		var text string
		line := r.line
		err := r.inScope(outer, func() error {
			if err := r.bindParams(m, a); err != nil {
				return err
			}
			var err error
			text, err = r.capture(m.body)
			return err
		})
		if err == nil {
			r.line = line
		}
		return text, err
	}}
}

func (r *renderer) bindParams(m *macroStmt, a *callArgs) error {
	if err := r.step(len(m.params)); err != nil {
		return err
	}
	required := len(m.params) - len(m.defaults)
	for i, name := range m.params {
		v, named := a.take(name)
		switch {
		case i < len(a.positional) && named:
			return r.fail("macro %q takes its argument %q twice", m.name, name)
		case i < len(a.positional):
			v = a.positional[i]
		case named:
		case i >= required:
			var err error
			if v, err = r.eval(m.defaults[i-required]); err != nil {
				return err
			}
		default:
			v = &undefined{"parameter '" + name + "' was not provided"}
		}
		r.scope.set(name, v)
	}
	if caller, ok := a.take("caller"); ok {
		r.scope.set("caller", caller)
	} else if !slices.Contains(m.params, "caller") && m.name != "caller" {
		r.scope.set("caller", &undefined{"no caller defined"})
	}
	rest := &List{kind: isTuple}
	if len(a.positional) > len(m.params) {
		if !m.varargs {
			return r.fail("macro %q takes not more than %d arguments", m.name, len(m.params))
		}
		rest.Items = a.positional[len(m.params):]
	}
	r.scope.set("varargs", rest)
	kwargs := NewDict()
	for name := range a.left() {
		if !m.kwargs {
			return r.fail("macro %q takes no argument %q", m.name, r.name(name))
		}
		kwargs.Set(name, a.named[name])
	}
	r.scope.set("kwargs", kwargs)
	return nil
}
