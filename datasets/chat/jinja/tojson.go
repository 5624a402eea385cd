package jinja

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonWriter writes JSON as Python's json.dumps does.
type jsonWriter struct {
	r         *renderer
	b         strings.Builder
	ascii     bool
	sortKeys  bool
	indent    string
	multiline bool
	item, key string // separators
}

// toJSONFilter is transformers' tojson: json.dumps(value, ensure_ascii=False, …) without the
// HTML escapes of Jinja's own.
func toJSONFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys")
	if err != nil {
		return nil, err
	}
	w := &jsonWriter{r: r, ascii: truth(b["ensure_ascii"]), sortKeys: truth(b["sort_keys"]), item: ", ", key: ": "}
	switch n := asNumber(b["indent"]).(type) {
	case nil:
	case int64:
		if n > 1000 {
			return nil, r.fail("indent is out of range")
		}
		w.multiline, w.item, w.indent = true, ",", strings.Repeat(" ", int(max(n, 0)))
	case string:
		w.multiline, w.item, w.indent = true, ",", n
	default:
		return nil, r.fail("indent must be a number or a string")
	}
	if s, ok := b["separators"].(*List); ok && len(s.Items) == 2 {
		item, ok1 := s.Items[0].(string)
		key, ok2 := s.Items[1].(string)
		if !ok1 || !ok2 {
			return nil, r.fail("separators must be strings")
		}
		w.item, w.key = item, key
	}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.b.String(), nil
}

func (w *jsonWriter) value(v any, depth int) error {
	if depth > maxValueDepth {
		return errDeep
	}
	if err := w.r.step(1); err != nil {
		return err
	}
	before := w.b.Len()
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.b.WriteString(jsonFloat(v))
	case string:
		if err := w.r.charge(5 * len(v)); err != nil { // what it may become more
			return err
		}
		w.text(v)
	case *List:
		if v.kind <= isTuple && v.label == "" {
			return w.array(v.Items, depth)
		}
		return w.r.fail("object of type %s is not JSON serializable", typeName(v))
	case *Dict:
		return w.object(v, depth)
	default:
		return w.r.fail("object of type %s is not JSON serializable", typeName(v))
	}
	return w.r.charge(w.b.Len() - before)
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return formatFloat(f)
}

// newline begins a line of nested JSON.
func (w *jsonWriter) newline(depth int) error {
	if !w.multiline {
		return nil
	}
	if err := w.r.charge(1 + depth*len(w.indent)); err != nil {
		return err
	}
	w.b.WriteByte('\n')
	for range depth {
		w.b.WriteString(w.indent)
	}
	return nil
}

func (w *jsonWriter) array(items []any, depth int) error {
	if len(items) == 0 {
		w.b.WriteString("[]")
		return nil
	}
	w.b.WriteByte('[')
	for i, v := range items {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		if err := w.newline(depth + 1); err != nil {
			return err
		}
		if err := w.value(v, depth+1); err != nil {
			return err
		}
	}
	if err := w.newline(depth); err != nil {
		return err
	}
	w.b.WriteByte(']')
	return w.r.charge(len(items) * len(w.item))
}

func (w *jsonWriter) object(d *Dict, depth int) error {
	if d.Len() == 0 {
		w.b.WriteString("{}")
		return nil
	}
	keys := d.keys
	if w.sortKeys {
		var err error
		if keys, err = w.r.sortBy(slices.Clone(keys), false, func(k any) (any, error) { return k, nil }); err != nil {
			return err
		}
	}
	w.b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		if err := w.newline(depth + 1); err != nil {
			return err
		}
		if err := w.member(k, d.values[k], depth+1); err != nil {
			return err
		}
	}
	if err := w.newline(depth); err != nil {
		return err
	}
	w.b.WriteByte('}')
	return w.r.charge(len(keys) * (len(w.item) + len(w.key)))
}

func (w *jsonWriter) member(k, v any, depth int) error {
	switch k := k.(type) {
	case nil:
		w.text("null")
	case string:
		w.text(k)
	case int64:
		w.text(strconv.FormatInt(k, 10))
	case float64:
		w.text(jsonFloat(k))
	}
	w.b.WriteString(w.key)
	return w.value(v, depth)
}

func (w *jsonWriter) text(s string) {
	w.b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(c)
		case c == '\n':
			w.b.WriteString(`\n`)
		case c == '\r':
			w.b.WriteString(`\r`)
		case c == '\t':
			w.b.WriteString(`\t`)
		case c == '\b':
			w.b.WriteString(`\b`)
		case c == '\f':
			w.b.WriteString(`\f`)
		case c < ' ' || w.ascii && 0x7F <= c && c < 0x10000 && c != 0x7F:
			fmt.Fprintf(&w.b, `\u%04x`, c)
		case w.ascii && c >= 0x10000:
			hi, lo := utf16.EncodeRune(c)
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, hi, lo)
		default:
			w.b.WriteRune(c)
		}
	}
	w.b.WriteByte('"')
}
