package jinja

import (
	"unicode"
)

// testFunc is a test: the value, then its argument.
type testFunc func(r *renderer, v any, a []any) (bool, error)

// tests are Jinja's.
var tests map[string]testFunc

func init() {
	tests = map[string]testFunc{
		"defined":   is(func(v any) bool { _, u := v.(*undefined); return !u }),
		"undefined": is(func(v any) bool { _, u := v.(*undefined); return u }),
		"none":      is(func(v any) bool { return v == nil }),
		"boolean":   is(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":      is(func(v any) bool { return v == true }),
		"false":     is(func(v any) bool { return v == false }),
		"integer":   is(func(v any) bool { _, ok := v.(int64); return ok }),
		"float":     is(func(v any) bool { _, ok := v.(float64); return ok }),
		"number": is(func(v any) bool {
			switch asNumber(v).(type) {
			case int64, float64:
				return true
			}
			return false
		}),
		"string":   is(func(v any) bool { _, ok := v.(string); return ok }),
		"mapping":  is(func(v any) bool { _, ok := v.(*Dict); return ok }),
		"iterable": is(iterable),
		"sequence": is(func(v any) bool {
			if l, ok := v.(*List); ok {
				return l.kind <= isTuple
			}
			return iterable(v)
		}),
		"callable": is(func(v any) bool {
			switch v.(type) {
			case *function, *loop, *undefined:
				return true
			}
			return false
		}),
		"escaped": is(func(any) bool { return false }),
		"filter":  is(func(v any) bool { s, ok := v.(string); return ok && filters[s] != nil }),
		"test":    is(func(v any) bool { s, ok := v.(string); return ok && tests[s] != nil }),
		"lower":   caseTest(unicode.IsLower, unicode.IsUpper),
		"upper":   caseTest(unicode.IsUpper, unicode.IsLower),
		"odd":     modTest(func(r *renderer, v any) (any, error) { return r.arithmetic("%", v, int64(2)) }, 1),
		"even":    modTest(func(r *renderer, v any) (any, error) { return r.arithmetic("%", v, int64(2)) }, 0),
		"sameas": func(r *renderer, v any, a []any) (bool, error) {
			switch v.(type) {
			case nil, bool, *List, *Dict:
				return v == a[0], nil
			}
			return r.equal(v, a[0])
		},
		"divisibleby": func(r *renderer, v any, a []any) (bool, error) {
			m, err := r.arithmetic("%", v, a[0])
			return err == nil && !truth(m), err
		},
		"in": func(r *renderer, v any, a []any) (bool, error) { return r.contains(a[0], v) },
	}
	for op, names := range map[string][]string{
		"==": {"eq", "equalto", "=="}, "!=": {"ne", "!="}, "<": {"lt", "lessthan", "<"},
		"<=": {"le", "<="}, ">": {"gt", "greaterthan", ">"}, ">=": {"ge", ">="},
	} {
		for _, name := range names {
			tests[name] = func(r *renderer, v any, a []any) (bool, error) { return r.holds(op, v, a[0]) }
		}
	}
}

// takesArgument are the tests with one argument; the others have none.
var takesArgument = map[string]bool{
	"sameas": true, "divisibleby": true, "in": true, "eq": true, "equalto": true, "==": true, "ne": true, "!=": true,
	"lt": true, "lessthan": true, "<": true, "le": true, "<=": true, "gt": true, "greaterthan": true, ">": true,
	"ge": true, ">=": true,
}

func is(f func(any) bool) testFunc {
	return func(_ *renderer, v any, _ []any) (bool, error) { return f(v), nil }
}

func iterable(v any) bool {
	switch v.(type) {
	case string, *List, *Dict, *undefined:
		return true
	}
	return false
}

func caseTest(want, not func(rune) bool) testFunc {
	return func(r *renderer, v any, _ []any) (bool, error) {
		s, err := r.str(v)
		if err != nil {
			return false, err
		}
		ok, err := cased(want, not)(r, s, nil)
		return ok == true, err
	}
}

func modTest(mod func(*renderer, any) (any, error), want int64) testFunc {
	return func(r *renderer, v any, _ []any) (bool, error) {
		m, err := mod(r, v)
		if err != nil {
			return false, err
		}
		return r.equal(m, want)
	}
}

func (r *renderer) test(e *testExpr) (any, error) {
	v, err := r.eval(e.of)
	if err != nil {
		return nil, err
	}
	a, err := r.arguments(e.args)
	if err != nil {
		return nil, err
	}
	r.line = e.line
	ok, err := r.testNamed(e.name, v, a)
	return ok != e.negate, err
}

func (r *renderer) testNamed(name string, v any, a *callArgs) (bool, error) {
	f, ok := tests[name]
	if !ok {
		return false, r.fail("test %q is not supported", r.name(name))
	}
	want := 0
	if takesArgument[name] {
		want = 1
	}
	if len(a.positional) != want || len(a.names) > 0 {
		return false, r.fail("test %q takes %d arguments", name, want)
	}
	return f(r, v, a.positional)
}
