package jinja

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// filterFunc is a filter: the value it is applied to, then its arguments.
type filterFunc func(r *renderer, v any, a *callArgs) (any, error)

// filters are Jinja's, as far as chat templates may use them. HTML and random ones are left out.
var filters map[string]filterFunc

func init() {
	filters = map[string]filterFunc{
		"abs": absFilter, "attr": attrFilter, "batch": batchFilter, "capitalize": textFilter(capitalize),
		"center": centerFilter, "count": lengthFilter, "d": defaultFilter, "default": defaultFilter,
		"dictsort": dictSortFilter, "e": textFilter(escape), "escape": textFilter(escape), "first": firstFilter,
		"float": floatFilter, "format": formatFilter, "groupby": groupByFilter, "indent": indentFilter,
		"int": intFilter, "items": itemsFilter, "join": joinFilter, "last": lastFilter, "length": lengthFilter,
		"list": listFilter, "lower": textFilter(lower), "map": mapFilter, "max": extreme(1), "min": extreme(-1),
		"reject": choose(false, false), "rejectattr": choose(true, false), "replace": replaceFilter,
		"reverse": reverseFilter, "round": roundFilter, "safe": textFilter(func(s string) string { return s }),
		"select": choose(false, true), "selectattr": choose(true, true), "slice": sliceFilter, "sort": sortFilter,
		"string": textFilter(func(s string) string { return s }), "sum": sumFilter, "title": textFilter(titleFilter),
		"tojson": toJSONFilter, "trim": trimFilter, "truncate": truncateFilter, "unique": uniqueFilter,
		"upper": textFilter(upper), "urlencode": textFilter(urlencode), "wordcount": wordCountFilter,
	}
}

func (r *renderer) filter(e *filterExpr, v any) (any, error) {
	a, err := r.arguments(e.args)
	if err != nil {
		return nil, err
	}
	return r.filterNamed(e.name, v, a)
}

func (r *renderer) filterNamed(name string, v any, a *callArgs) (any, error) {
	f, ok := filters[name]
	if !ok {
		return nil, r.fail("filter %q is not supported", name)
	}
	return f(r, v, a)
}

// textFilter makes a filter of a function on text; like Jinja's soft_str it takes any value.
func textFilter(f func(string) string) filterFunc {
	return func(r *renderer, v any, a *callArgs) (any, error) {
		if _, err := a.bind("filter"); err != nil {
			return nil, err
		}
		s, err := r.str(v)
		if err != nil {
			return nil, err
		}
		return f(s), r.charge(2 * len(s))
	}
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;")

func escape(s string) string { return htmlEscapes.Replace(s) }

// urlencode quotes as Python's urllib.parse.quote does with "/" left alone.
func urlencode(s string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/", "%7E", "~").Replace(url.QueryEscape(s))
}

// titleFilter is Jinja's title, which begins words after white space, hyphens and opening brackets.
func titleFilter(s string) string {
	start := true
	return strings.Map(func(c rune) rune {
		if isSpace(c) || strings.ContainsRune("-({[<", c) {
			start = true
			return c
		}
		if start {
			start = false
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, s)
}

func absFilter(r *renderer, v any, a *callArgs) (any, error) {
	switch n := asNumber(v).(type) {
	case int64:
		if n == math.MinInt64 {
			return nil, errOverflow
		}
		return max(n, -n), nil
	case float64:
		return math.Abs(n), nil
	}
	return nil, r.badOperand("abs()", v)
}

func attrFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("attr", "name")
	if err != nil {
		return nil, err
	}
	name, err := r.str(b["name"])
	if err != nil {
		return nil, err
	}
	if m, ok := r.member(v, name); ok {
		return m, nil
	}
	return &undefined{"'" + objectName(v) + "' has no attribute '" + name + "'"}, nil
}

func lengthFilter(r *renderer, v any, a *callArgs) (any, error) {
	switch v := v.(type) {
	case string:
		return int64(runeLen(v)), r.charge(len(v) / 16)
	case *Dict:
		return int64(v.Len()), nil
	case *List:
		if v.kind != isGenerator {
			return int64(len(v.Items)), nil
		}
	case *undefined:
		return int64(0), nil
	}
	return nil, r.fail("object of type '%s' has no len()", typeName(v))
}

func defaultFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("default", "default_value", "boolean")
	if err != nil {
		return nil, err
	}
	_, missing := v.(*undefined)
	if missing || truth(b["boolean"]) && !truth(v) {
		if d, ok := b["default_value"]; ok {
			return d, nil
		}
		return "", nil
	}
	return v, nil
}

func firstFilter(r *renderer, v any, a *callArgs) (any, error) {
	items, err := r.iterate(v)
	if err != nil || len(items) == 0 {
		return &undefined{"no first item, sequence was empty"}, err
	}
	return items[0], nil
}

func lastFilter(r *renderer, v any, a *callArgs) (any, error) {
	if l, ok := v.(*List); ok && l.kind == isGenerator {
		return nil, r.fail("'generator' object is not reversible")
	}
	items, err := r.iterate(v)
	if err != nil || len(items) == 0 {
		return &undefined{"no last item, sequence was empty"}, err
	}
	return items[len(items)-1], nil
}

func listFilter(r *renderer, v any, a *callArgs) (any, error) {
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	return r.newList(isList, slices.Clone(items))
}

func itemsFilter(r *renderer, v any, a *callArgs) (any, error) {
	switch v := v.(type) {
	case *undefined:
		return r.newList(isGenerator, nil)
	case *Dict:
		return r.items(v, isGenerator)
	}
	return nil, r.fail("can only get item pairs from a mapping")
}

func reverseFilter(r *renderer, v any, a *callArgs) (any, error) {
	if s, ok := v.(string); ok {
		chars := []rune(s)
		slices.Reverse(chars)
		return string(chars), r.charge(5 * len(s))
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	return r.newList(isGenerator, items)
}

func joinFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("join", "d", "attribute")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	sep := ""
	if d, ok := b["d"]; ok {
		if sep, err = r.str(d); err != nil {
			return nil, err
		}
	}
	parts := make([]string, len(items))
	for i, e := range items {
		if b["attribute"] != nil {
			if e, err = r.path(e, b["attribute"]); err != nil {
				return nil, err
			}
		}
		if parts[i], err = r.str(e); err != nil {
			return nil, err
		}
	}
	return r.joinStrings(parts, sep)
}

func replaceFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("replace", "old", "new", "count")
	if err != nil {
		return nil, err
	}
	var text [3]string
	for i, x := range []any{v, b["old"], b["new"]} {
		if text[i], err = r.str(x); err != nil {
			return nil, err
		}
	}
	return r.replace(text[0], text[1], text[2], b["count"])
}

func trimFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("trim", "chars")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	return stripped(r, s, b["chars"], true, true)
}

func centerFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("center", "width")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	width := any(int64(80))
	if w, ok := b["width"]; ok {
		width = w
	}
	return justifyCenter(r, s, &callArgs{positional: []any{width}})
}

func indentFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("indent", "width", "first", "blank")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	indent, ok := b["width"].(string)
	if !ok {
		width := int64(4)
		if w, given := asNumber(b["width"]).(int64); given {
			width = w
		}
		text, err := r.repeat(" ", width)
		if err != nil {
			return nil, err
		}
		indent = text.(string)
	}
	lines := splitLines(s+"\n", false)
	if err := r.step(len(lines)); err != nil {
		return nil, err
	}
	for i, l := range lines {
		if i == 0 && !truth(b["first"]) || i > 0 && l == "" && !truth(b["blank"]) {
			continue
		}
		if err := r.charge(len(indent) + len(l)); err != nil {
			return nil, err
		}
		lines[i] = indent + l
	}
	return r.joinStrings(lines, "\n")
}

func wordCountFilter(r *renderer, v any, a *callArgs) (any, error) {
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	words := strings.FieldsFunc(s, func(c rune) bool { return !unicode.In(c, unicode.L, unicode.M, unicode.N) && c != '_' })
	return int64(len(words)), r.charge(2 * len(s))
}

func truncateFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("truncate", "length", "killwords", "end", "leeway")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	length, leeway, end := int64(255), int64(5), "..."
	if n, ok := b["length"].(int64); ok {
		length = n
	}
	if n, ok := b["leeway"].(int64); ok {
		leeway = n
	}
	if e, ok := b["end"].(string); ok {
		end = e
	}
	if length < int64(runeLen(end)) || leeway < 0 {
		return nil, r.fail("expected length >= %d and leeway >= 0", runeLen(end))
	}
	if int64(runeLen(s)) <= length+leeway {
		return s, nil
	}
	head := runeSlice(s, 0, int(length)-runeLen(end))
	if !truth(b["killwords"]) {
		if i := strings.LastIndex(head, " "); i >= 0 {
			head = head[:i]
		}
	}
	return r.join(head, end)
}

func intFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("int", "default", "base")
	if err != nil {
		return nil, err
	}
	fallback := any(int64(0))
	if d, ok := b["default"]; ok {
		fallback = d
	}
	base := int64(10)
	if n, ok := b["base"].(int64); ok {
		base = n
	}
	switch v := asNumber(v).(type) {
	case int64:
		return v, nil
	case float64:
		if math.Abs(v) < 1<<63 {
			return int64(v), nil
		}
	case string:
		return parseInt(v, base, fallback), nil
	}
	return fallback, nil
}

func parseInt(s string, base int64, fallback any) any {
	s = strings.ReplaceAll(strings.TrimFunc(s, isSpace), "_", "")
	if base != 10 && len(s) > 2 && s[0] == '0' {
		s = strings.ToLower(s)
		for prefix, b := range map[string]int64{"0x": 16, "0o": 8, "0b": 2} {
			if b == base {
				s = strings.TrimPrefix(s, prefix)
			}
		}
	}
	if base >= 2 && base <= 36 {
		if n, err := strconv.ParseInt(s, int(base), 64); err == nil {
			return n
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return fallback
}

func floatFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("float", "default")
	if err != nil {
		return nil, err
	}
	switch v := asNumber(v).(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimFunc(v, isSpace), 64); err == nil {
			return f, nil
		}
	}
	if d, ok := b["default"]; ok {
		return d, nil
	}
	return 0.0, nil
}

// roundFilter rounds half to even, as Python's round does on the decimal value, or up or down.
func roundFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("round", "precision", "method")
	if err != nil {
		return nil, err
	}
	digits, _ := b["precision"].(int64)
	method, ok := b["method"].(string)
	if !ok {
		method = "common"
	}
	var f float64
	switch n := asNumber(v).(type) {
	case int64:
		if method == "common" && digits >= 0 {
			return n, nil // round of an int is an int
		}
		f = float64(n)
	case float64:
		f = n
	default:
		return nil, r.badOperand("round()", v)
	}
	if digits > 300 || digits < -300 {
		return nil, errors.New("precision is out of range")
	}
	scale := math.Pow(10, float64(digits))
	switch method {
	case "common":
		if digits < 0 {
			return math.RoundToEven(f*scale) / scale, nil
		}
		out, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
		return out, nil
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	}
	return nil, r.fail("method must be common, ceil or floor")
}
