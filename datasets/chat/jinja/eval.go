package jinja

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// maxNested bounds expressions inside of each other at run time; the parser bounds them too, but
// macros multiply.
const maxNested = 5000

func (r *renderer) eval(e expr) (any, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	if r.nested++; r.nested > maxNested {
		return nil, r.fail("expressions are nested too deeply")
	}
	defer func() { r.nested-- }()
	switch e := e.(type) {
	case *literalExpr:
		return e.value, nil
	case *nameExpr:
		v, looked, ok := r.scope.get(e.name)
		if !ok {
			v = undefinedName(e.name)
		}
		return v, r.step(looked / 8)
	case *listExpr:
		items, err := r.evalAll(e.items)
		kind := isList
		if e.tuple {
			kind = isTuple
		}
		return &List{Items: items, kind: kind}, err
	case *dictExpr:
		return r.dict(e)
	case *attrExpr:
		of, err := r.eval(e.of)
		if err != nil {
			return nil, err
		}
		return r.attr(of, e.name)
	case *indexExpr:
		return r.index(e)
	case *callExpr:
		fn, err := r.eval(e.fn)
		if err != nil {
			return nil, err
		}
		args, err := r.arguments(e.args)
		if err != nil {
			return nil, err
		}
		return r.called(e, fn, args)
	case *filterExpr:
		of, err := r.eval(e.of)
		if err != nil {
			return nil, err
		}
		return r.filter(e, of)
	case *testExpr:
		return r.test(e)
	case *unaryExpr:
		return r.unary(e)
	case *binaryExpr:
		return r.binary(e)
	case *compareExpr:
		return r.compare(e)
	case *condExpr:
		return r.cond(e)
	}
	return nil, r.fail("expression cannot be evaluated")
}

func (r *renderer) evalAll(list []expr) ([]any, error) {
	out := make([]any, len(list))
	for i, e := range list {
		v, err := r.eval(e)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, r.charge(16 * len(list))
}

func (r *renderer) dict(e *dictExpr) (any, error) {
	d := NewDict()
	for i := range e.keys {
		k, err := r.eval(e.keys[i])
		if err != nil {
			return nil, err
		}
		v, err := r.eval(e.values[i])
		if err != nil {
			return nil, err
		}
		if !hashable(k) {
			return nil, r.fail("%s cannot be a key", typeName(k))
		}
		d.Set(k, v)
	}
	return d, r.charge(48 * len(e.keys))
}

func (r *renderer) cond(e *condExpr) (any, error) {
	v, err := r.eval(e.test)
	switch {
	case err != nil:
		return nil, err
	case truth(v):
		return r.eval(e.then)
	case e.otherwise == nil:
		return &undefined{"the inline if-expression evaluated to false and no else section was defined"}, nil
	}
	return r.eval(e.otherwise)
}

func (r *renderer) unary(e *unaryExpr) (any, error) {
	v, err := r.eval(e.of)
	if err != nil {
		return nil, err
	}
	if e.op == "not" {
		return !truth(v), nil
	}
	switch v := asNumber(v).(type) {
	case int64:
		if e.op == "-" {
			return -v, nil
		}
		return v, nil
	case float64:
		if e.op == "-" {
			return -v, nil
		}
		return v, nil
	}
	return nil, r.badOperand(e.op, v)
}

func (r *renderer) badOperand(op string, v any) error {
	if u, ok := v.(*undefined); ok {
		return errors.New(u.msg)
	}
	return r.fail("bad operand type for %s: '%s'", op, typeName(v))
}

// asNumber makes a number of a bool and leaves everything else.
func asNumber(v any) any {
	if b, ok := v.(bool); ok {
		if b {
			return int64(1)
		}
		return int64(0)
	}
	return v
}

func (r *renderer) binary(e *binaryExpr) (any, error) {
	left, err := r.eval(e.left)
	if err != nil {
		return nil, err
	}
	switch {
	case e.op == "and" && !truth(left), e.op == "or" && truth(left):
		return left, nil
	}
	right, err := r.eval(e.right)
	if err != nil {
		return nil, err
	}
	switch e.op {
	case "and", "or":
		return right, nil
	case "~":
		return r.concat(left, right)
	}
	return r.arithmetic(e.op, left, right)
}

func (r *renderer) concat(left, right any) (any, error) {
	a, err := r.str(left)
	if err != nil {
		return nil, err
	}
	b, err := r.str(right)
	if err != nil {
		return nil, err
	}
	return r.join(a, b)
}

// join returns a + b, charged before it is made.
func (r *renderer) join(a, b string) (any, error) {
	if err := r.charge(len(a) + len(b)); err != nil {
		return nil, err
	}
	return a + b, nil
}

func (r *renderer) compare(e *compareExpr) (any, error) {
	left, err := r.eval(e.first)
	if err != nil {
		return nil, err
	}
	for i, op := range e.ops {
		right, err := r.eval(e.rest[i])
		if err != nil {
			return nil, err
		}
		ok, err := r.holds(op, left, right)
		if err != nil || !ok {
			return ok, err
		}
		left = right
	}
	return true, nil
}

func (r *renderer) holds(op string, a, b any) (bool, error) {
	switch op {
	case "==":
		return r.equal(a, b)
	case "!=":
		ok, err := r.equal(a, b)
		return !ok, err
	case "in":
		return r.contains(b, a)
	case "not in":
		ok, err := r.contains(b, a)
		return !ok, err
	}
	c, err := r.order(a, b)
	if err != nil {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0 && c != unordered, nil
	}
	return c >= 0 && c != unordered, nil
}

// callArgs are the evaluated arguments of a call.
type callArgs struct {
	positional []any
	names      []string
	named      map[string]any
}

func (a *callArgs) setNamed(name string, v any) {
	if a.named == nil {
		a.named = map[string]any{}
	}
	if _, ok := a.named[name]; !ok {
		a.names = append(a.names, name)
	}
	a.named[name] = v
}

// take removes a named argument and returns it.
func (a *callArgs) take(name string) (any, bool) {
	v, ok := a.named[name]
	delete(a.named, name)
	return v, ok
}

// left are the names of the arguments that were not taken, in their order.
func (a *callArgs) left() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range a.names {
			if _, ok := a.named[name]; ok && !yield(name) {
				return
			}
		}
	}
}

// bind returns the arguments by the names of the parameters; what is not given is absent.
func (a *callArgs) bind(fn string, params ...string) (map[string]any, error) {
	if len(a.positional) > len(params) {
		return nil, fmt.Errorf("%s() takes at most %d arguments, got %d", fn, len(params), len(a.positional))
	}
	out := map[string]any{}
	for i, v := range a.positional {
		out[params[i]] = v
	}
	for name := range a.left() {
		if _, twice := out[name]; twice || !slices.Contains(params, name) {
			return nil, fmt.Errorf("%s() got an unexpected argument", fn)
		}
		out[name] = a.named[name]
	}
	return out, nil
}

func (r *renderer) arguments(e arguments) (*callArgs, error) {
	a := &callArgs{}
	var err error
	if a.positional, err = r.evalAll(e.positional); err != nil {
		return nil, err
	}
	if e.star != nil {
		v, err := r.eval(e.star)
		if err != nil {
			return nil, err
		}
		items, err := r.iterate(v)
		if err != nil {
			return nil, err
		}
		a.positional = append(a.positional, items...)
	}
	for i, name := range e.names {
		v, err := r.eval(e.named[i])
		if err != nil {
			return nil, err
		}
		a.setNamed(name, v)
	}
	if e.starStar != nil {
		v, err := r.eval(e.starStar)
		if err != nil {
			return nil, err
		}
		d, ok := v.(*Dict)
		if !ok {
			return nil, r.fail("argument after ** is no mapping")
		}
		for _, k := range d.keys {
			name, ok := k.(string)
			if !ok {
				return nil, r.fail("argument names must be strings")
			}
			a.setNamed(name, d.values[k])
		}
	}
	return a, nil
}

// called is call with the expression at hand, which shows what an exception may say.
func (r *renderer) called(e *callExpr, fn any, a *callArgs) (any, error) {
	v, err := r.call(fn, a)
	if x, ok := err.(*Exception); ok && x.raw != "" {
		x.Msg, x.raw = r.raised(x.raw, e.args), ""
	}
	return v, err
}

func (r *renderer) call(fn any, a *callArgs) (any, error) {
	switch f := fn.(type) {
	case *function:
		return f.call(r, a)
	case *undefined:
		return nil, errors.New(f.msg)
	case *loop:
		return r.recurse(f, a)
	}
	return nil, r.fail("'%s' object is not callable", typeName(fn))
}

// recurse is loop(items) inside of a recursive loop.
func (r *renderer) recurse(l *loop, a *callArgs) (any, error) {
	if !l.stmt.recursive || len(a.positional) != 1 {
		return nil, r.fail("loop() needs a recursive loop and one argument")
	}
	return r.redirect(func() error {
		return r.forLoop(l.stmt, a.positional[0], l.outer, l.depth+1)
	})
}
