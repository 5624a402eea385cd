package jinja

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// listKind tells apart what Python has several types for.
type listKind byte

const (
	isList listKind = iota
	isTuple
	isView      // dict.keys() and the like: has a length, has no index
	isGenerator // what filters such as map return: always true, no length, can be walked once
)

// List is a list, a tuple, a view of a dict or a generator.
type List struct {
	Items []any
	kind  listKind
	done  bool   // a generator that was walked
	label string // of views and ranges: how Python writes them, up to the items
	group bool   // a pair of groupby, which has names for its parts
}

// Dict is a mapping that keeps the order of its keys.
type Dict struct {
	keys   []any
	values map[any]any
}

// listBytes is what a list takes that is empty.
const listBytes = 80

// NewDict returns an empty mapping.
func NewDict() *Dict { return &Dict{values: map[any]any{}} }

// Set adds or replaces an entry. Keys are strings, or what a template may use as a key.
func (d *Dict) Set(key, value any) {
	key = hashKey(key)
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
}

// Get returns an entry.
func (d *Dict) Get(key any) (any, bool) {
	if !hashable(key) {
		return nil, false
	}
	v, ok := d.values[hashKey(key)]
	return v, ok
}

// Len returns the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// Keys returns the keys in order.
func (d *Dict) Keys() []any { return slices.Clone(d.keys) }

func hashable(key any) bool {
	switch key.(type) {
	case nil, bool, int64, float64, string:
		return true
	}
	return false
}

// hashKey makes keys that Python holds equal the same key.
func hashKey(key any) any {
	switch k := key.(type) {
	case bool:
		if k {
			return int64(1)
		}
		return int64(0)
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<62 {
			return int64(k)
		}
	}
	return key
}

// undefined is what a missing name, attribute or item evaluates to.
type undefined struct{ msg string }

func undefinedName(name string) *undefined {
	return &undefined{fmt.Sprintf("'%s' is undefined", name)}
}

// namespace is what namespace() makes: the one thing a template may change.
type namespace struct{ attrs *Dict }

// function is anything that can be called.
type function struct {
	name  string
	call  func(r *renderer, a *callArgs) (any, error)
	macro *macroStmt // nil unless it is one
}

// From converts Go values: nil, bool, all integers and floats, string, json.Number, slices, and
// maps with string keys, whose entries are sorted by key. json.RawMessage keeps the order it has;
// values of this package stay as they are.
func From(v any) (any, error) { return from(v, 0) }

// maxValueDepth bounds how deep values are nested.
const maxValueDepth = 200

func from(v any, depth int) (any, error) {
	if depth > maxValueDepth {
		return nil, fmt.Errorf("convert value: nested deeper than %d", maxValueDepth)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string, *List, *Dict:
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		return number(string(v))
	case json.RawMessage:
		return FromJSON(v)
	case []any:
		return fromSlice(len(v), func(i int) any { return v[i] }, depth)
	case map[string]any:
		d := NewDict()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			e, err := from(v[k], depth+1)
			if err != nil {
				return nil, err
			}
			d.Set(k, e)
		}
		return d, nil
	}
	return fromReflect(reflect.ValueOf(v), depth)
}

func fromSlice(n int, at func(int) any, depth int) (any, error) {
	l := &List{Items: make([]any, n)}
	for i := range n {
		e, err := from(at(i), depth+1)
		if err != nil {
			return nil, err
		}
		l.Items[i] = e
	}
	return l, nil
}

func fromReflect(v reflect.Value, depth int) (any, error) {
	switch {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint() && v.Uint() <= math.MaxInt64:
		return int64(v.Uint()), nil
	case v.CanFloat():
		return v.Float(), nil
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Slice, reflect.Array:
		return fromSlice(v.Len(), func(i int) any { return v.Index(i).Interface() }, depth)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			m := make(map[string]any, v.Len())
			for _, k := range v.MapKeys() {
				m[k.String()] = v.MapIndex(k).Interface()
			}
			return from(m, depth)
		}
	}
	return nil, fmt.Errorf("convert value: %s has no counterpart in a template", v.Type())
}

// FromJSON reads a JSON value, keeping the order of object members.
func FromJSON(data []byte) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("read JSON: something follows the value")
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (any, error) {
	if depth > maxValueDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxValueDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		return number(string(t))
	case json.Delim:
		if t == '[' {
			return readArray(d, depth)
		}
		return readObject(d, depth)
	}
	return t, nil
}

func readArray(d *json.Decoder, depth int) (any, error) {
	l := &List{Items: []any{}}
	for d.More() {
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v)
	}
	_, err := d.Token()
	return l, err
}

func readObject(d *json.Decoder, depth int) (any, error) {
	m := NewDict()
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		m.Set(k, v)
	}
	_, err := d.Token()
	return m, err
}

// number reads a number as Python's json does: without point and exponent it is an integer.
func number(s string) (any, error) {
	n := json.Number(s)
	if !strings.ContainsAny(s, ".eE") {
		i, err := n.Int64()
		if err != nil {
			return nil, errors.New("an integer is out of range")
		}
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, errors.New("a number is out of range")
	}
	return f, nil
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch v := v.(type) {
	case nil, *undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return v.kind == isGenerator || len(v.Items) > 0
	case *Dict:
		return v.Len() > 0
	}
	return true
}

// typeName is the name that Python's messages have for a value's type.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List:
		return [...]string{"list", "tuple", "dict view", "generator"}[v.kind]
	case *Dict:
		return "dict"
	case *undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case *loop:
		return "LoopContext"
	}
	return "function"
}
