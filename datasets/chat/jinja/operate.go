package jinja

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
)

// arithmetic is Python's + - * / // % ** on numbers, and what those do on strings and lists.
func (r *renderer) arithmetic(op string, left, right any) (any, error) {
	for _, v := range []any{left, right} {
		if u, ok := v.(*undefined); ok {
			return nil, errors.New(u.msg)
		}
	}
	switch a := left.(type) {
	case string:
		switch b := right.(type) {
		case string:
			if op == "+" {
				return r.join(a, b)
			}
		case int64, bool:
			if op == "*" {
				return r.repeat(a, asNumber(b).(int64))
			}
		}
		if op == "%" {
			return r.percent(a, right)
		}
	case *List:
		switch b := right.(type) {
		case *List:
			if op == "+" && a.kind == b.kind && a.kind <= isTuple {
				return r.newList(a.kind, slices.Concat(a.Items, b.Items))
			}
		case int64, bool:
			if op == "*" && a.kind <= isTuple {
				return r.repeatList(a, asNumber(b).(int64))
			}
		}
	}
	if n, ok := asNumber(left).(int64); ok && op == "*" {
		switch b := right.(type) {
		case string:
			return r.repeat(b, n)
		case *List:
			return r.arithmetic(op, b, n)
		}
	}
	switch a := asNumber(left).(type) {
	case int64:
		switch b := asNumber(right).(type) {
		case int64:
			return r.integers(op, a, b)
		case float64:
			return r.floats(op, float64(a), b)
		}
	case float64:
		switch b := asNumber(right).(type) {
		case int64:
			return r.floats(op, a, float64(b))
		case float64:
			return r.floats(op, a, b)
		}
	}
	return nil, r.fail("unsupported operand types for %s: '%s' and '%s'", op, typeName(left), typeName(right))
}

func (r *renderer) repeat(s string, n int64) (any, error) {
	if n <= 0 || s == "" {
		return "", nil
	}
	if n > int64(r.opt.Limits.Memory)/int64(len(s)) {
		return nil, r.charge(math.MaxInt - r.memory)
	}
	if err := r.charge(len(s) * int(n)); err != nil {
		return nil, err
	}
	return strings.Repeat(s, int(n)), nil
}

func (r *renderer) repeatList(l *List, n int64) (any, error) {
	if n <= 0 || len(l.Items) == 0 {
		return &List{kind: l.kind}, nil
	}
	if n > int64(r.opt.Limits.Memory)/int64(16*len(l.Items)) {
		return nil, r.charge(math.MaxInt - r.memory)
	}
	if err := r.charge(16 * len(l.Items) * int(n)); err != nil {
		return nil, err
	}
	return &List{Items: slices.Repeat(l.Items, int(n)), kind: l.kind}, nil
}

func (r *renderer) newList(kind listKind, items []any) (any, error) {
	return &List{Items: items, kind: kind}, r.charge(16 * len(items))
}

var errOverflow = errors.New("integer is out of range")

// integers computes with 64 bits where Python has no limit; beyond them is an error, not a wrong
// number.
func (r *renderer) integers(op string, a, b int64) (any, error) {
	switch op {
	case "+":
		if c := a + b; (c > a) == (b > 0) {
			return c, nil
		}
	case "-":
		if c := a - b; (c < a) == (b > 0) {
			return c, nil
		}
	case "*":
		if a == 0 || b == 0 {
			return int64(0), nil
		}
		if c := a * b; c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64) {
			return c, nil
		}
	case "**":
		return power(a, b)
	default:
		if b == 0 {
			return nil, errors.New("division by zero")
		}
		if a == math.MinInt64 && b == -1 {
			return nil, errOverflow
		}
		switch q, m := a/b, a%b; op {
		case "/":
			return float64(a) / float64(b), nil
		case "//":
			if m != 0 && (m < 0) != (b < 0) {
				q--
			}
			return q, nil
		default:
			if m != 0 && (m < 0) != (b < 0) {
				m += b
			}
			return m, nil
		}
	}
	return nil, errOverflow
}

func power(a, b int64) (any, error) {
	if b < 0 {
		return math.Pow(float64(a), float64(b)), nil
	}
	if a == 0 || a == 1 || b == 0 {
		if b == 0 {
			return int64(1), nil
		}
		return a, nil
	}
	if a == -1 {
		return 1 - 2*(b&1), nil
	}
	c := int64(1)
	for range b {
		if c > math.MaxInt64/max(a, -a) || c < math.MinInt64/max(a, -a) {
			return nil, errOverflow
		}
		c *= a
	}
	return c, nil
}

func (r *renderer) floats(op string, a, b float64) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "**":
		return math.Pow(a, b), nil
	}
	if b == 0 {
		return nil, errors.New("division by zero")
	}
	switch op {
	case "/":
		return a / b, nil
	case "//":
		return math.Floor(a / b), nil
	}
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m, nil
}

// equal is Python's ==.
func (r *renderer) equal(a, b any) (bool, error) { return r.equalAt(a, b, 0) }

func (r *renderer) equalAt(a, b any, depth int) (bool, error) {
	if depth > maxValueDepth {
		return false, errDeep
	}
	switch x := asNumber(a).(type) {
	case string:
		y, ok := b.(string)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return x == y, r.charge(len(x) / 16)
	case int64:
		switch y := asNumber(b).(type) {
		case int64:
			return x == y, nil
		case float64:
			return float64(x) == y, nil
		}
		return false, nil
	case float64:
		switch y := asNumber(b).(type) {
		case int64:
			return x == float64(y), nil
		case float64:
			return x == y, nil
		}
		return false, nil
	case *List:
		y, ok := b.(*List)
		if !ok || x.kind != y.kind || len(x.Items) != len(y.Items) {
			return false, nil
		}
		return r.equalLists(x, y, depth)
	case *Dict:
		y, ok := b.(*Dict)
		if !ok || x.Len() != y.Len() {
			return false, nil
		}
		return r.equalDicts(x, y, depth)
	case *undefined:
		_, ok := b.(*undefined)
		return ok, nil
	}
	return a == b, nil
}

func (r *renderer) equalLists(x, y *List, depth int) (bool, error) {
	for i := range x.Items {
		if err := r.step(1); err != nil {
			return false, err
		}
		if ok, err := r.equalAt(x.Items[i], y.Items[i], depth+1); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (r *renderer) equalDicts(x, y *Dict, depth int) (bool, error) {
	for _, k := range x.keys {
		if err := r.step(1); err != nil {
			return false, err
		}
		v, ok := y.values[k]
		if !ok {
			return false, nil
		}
		if ok, err := r.equalAt(x.values[k], v, depth+1); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// contains is Python's item in container.
func (r *renderer) contains(container, item any) (bool, error) {
	switch c := container.(type) {
	case string:
		s, ok := item.(string)
		if !ok {
			return false, r.fail("'in <string>' requires string as left operand, not %s", typeName(item))
		}
		work := len(c)
		if len(s) < 64 { // which processors look for by themselves
			work /= 16
		}
		if err := r.charge(work); err != nil {
			return false, err
		}
		return strings.Contains(c, s), nil
	case *Dict:
		if !hashable(item) {
			return false, r.fail("unhashable type: '%s'", typeName(item))
		}
		_, ok := c.Get(item)
		return ok, nil
	case *List, *undefined:
		items, err := r.iterate(c)
		if err != nil {
			return false, err
		}
		for _, v := range items {
			if ok, err := r.equal(v, item); err != nil || ok {
				return ok, err
			}
		}
		return false, nil
	}
	return false, r.fail("argument of type '%s' is not iterable", typeName(container))
}

// unordered is what order says about a NaN.
const unordered = math.MaxInt

// order compares as Python's < does: negative, zero or positive.
func (r *renderer) order(a, b any) (int, error) {
	switch x := asNumber(a).(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), r.charge(min(len(x), len(y)) / 16)
		}
	case int64:
		switch y := asNumber(b).(type) {
		case int64:
			return cmp.Compare(x, y), nil
		case float64:
			return compareFloats(float64(x), y), nil
		}
	case float64:
		switch y := asNumber(b).(type) {
		case int64:
			return compareFloats(x, float64(y)), nil
		case float64:
			return compareFloats(x, y), nil
		}
	case *List:
		if y, ok := b.(*List); ok && x.kind == y.kind && x.kind <= isTuple {
			return r.orderLists(x, y)
		}
	case *undefined:
		return 0, errors.New(x.msg)
	}
	if u, ok := b.(*undefined); ok {
		return 0, errors.New(u.msg)
	}
	return 0, r.fail("'<' not supported between instances of '%s' and '%s'", typeName(a), typeName(b))
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return unordered
}

func (r *renderer) orderLists(x, y *List) (int, error) {
	for i := range min(len(x.Items), len(y.Items)) {
		if err := r.step(1); err != nil {
			return 0, err
		}
		if ok, err := r.equal(x.Items[i], y.Items[i]); err != nil {
			return 0, err
		} else if ok {
			continue
		}
		return r.order(x.Items[i], y.Items[i])
	}
	return len(x.Items) - len(y.Items), nil
}
