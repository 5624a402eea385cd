package jinja

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
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
		"float": floatFilter, "forceescape": textFilter(escape), "format": formatFilter, "groupby": groupByFilter, "indent": indentFilter,
		"int": intFilter, "items": itemsFilter, "join": joinFilter, "last": lastFilter, "length": lengthFilter,
		"list": listFilter, "lower": textFilter(lower), "map": mapFilter, "max": extreme(1), "min": extreme(-1),
		"reject": choose(false, false), "rejectattr": choose(true, false), "replace": replaceFilter,
		"reverse": reverseFilter, "round": roundFilter, "safe": textFilter(func(s string) string { return s }),
		"select": choose(false, true), "selectattr": choose(true, true), "slice": sliceFilter, "sort": sortFilter,
		"string": textFilter(func(s string) string { return s }), "sum": sumFilter, "title": titleFilter,
		"tojson": toJSONFilter, "trim": trimFilter, "truncate": truncateFilter, "unique": uniqueFilter,
		"upper": textFilter(upper), "urlencode": urlencodeFilter, "wordcount": wordCountFilter,
	}
}

func (r *renderer) filter(e *filterExpr, v any) (any, error) {
	a, err := r.arguments(e.args)
	if err != nil {
		return nil, err
	}
	r.line = e.line
	return r.filterNamed(e.name, v, a)
}

func (r *renderer) filterNamed(name string, v any, a *callArgs) (any, error) {
	f, ok := filters[name]
	if !ok {
		return nil, r.fail("filter %q is not supported", r.name(name))
	}
	return f(r, v, a)
}

// textFilter makes a filter of a function on text; like Jinja's soft_str it takes any value.
func textFilter(f func(string) string) filterFunc {
	return func(r *renderer, v any, a *callArgs) (any, error) {
		s, err := r.textFor(v, a)
		if err != nil {
			return nil, err
		}
		return f(s), nil
	}
}

// textFor is the text that a filter without arguments is given, charged for what it makes of it.
func (r *renderer) textFor(v any, a *callArgs) (string, error) {
	if _, err := a.bind("filter"); err != nil {
		return "", err
	}
	s, err := r.str(v)
	if err != nil {
		return "", err
	}
	return s, r.charge(2 * len(s))
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;")

func escape(s string) string { return htmlEscapes.Replace(s) }

// urlencode quotes as Python's urllib.parse.quote does with "/" left alone.
func urlencode(s string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/", "%7E", "~").Replace(url.QueryEscape(s))
}

// urlencodeFilter quotes a text, or makes the query of a mapping or of pairs.
func urlencodeFilter(r *renderer, v any, a *callArgs) (any, error) {
	if _, err := a.bind("urlencode"); err != nil {
		return nil, err
	}
	d, isDict := v.(*Dict)
	l, isPairs := v.(*List)
	if !isDict && !isPairs {
		return textFilter(urlencode)(r, v, a)
	}
	if isDict {
		pairs, err := r.items(d, isList)
		if err != nil {
			return nil, err
		}
		l = pairs.(*List)
	}
	parts := make([]string, len(l.Items))
	for i, p := range l.Items {
		pair, ok := p.(*List)
		if !ok || len(pair.Items) != 2 {
			return nil, r.fail("urlencode needs pairs")
		}
		name, err := r.str(pair.Items[0])
		if err != nil {
			return nil, err
		}
		value, err := r.str(pair.Items[1])
		if err != nil {
			return nil, err
		}
		parts[i] = quotePlus(name) + "=" + quotePlus(value)
	}
	return r.joinStrings(parts, "&")
}

// quotePlus is urllib.parse.quote_plus.
func quotePlus(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%7E", "~") }

// titleFilter is Jinja's title, which begins words after white space, hyphens and opening brackets.
func titleFilter(r *renderer, v any, a *callArgs) (any, error) {
	s, err := r.textFor(v, a)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, func(c rune) bool { return isSpace(c) || strings.ContainsRune("-({[<", c) })
		if end < 0 {
			end = len(s)
		}
		if err := r.titleWord(&b, s[:end]); err != nil {
			return nil, err
		}
		if end < len(s) {
			_, n := utf8.DecodeRuneInString(s[end:])
			b.WriteString(s[end : end+n])
			end += n
		}
		s = s[end:]
	}
	return b.String(), nil
}

// titleWord writes a word of a title.
func (r *renderer) titleWord(b *strings.Builder, word string) error {
	if err := r.step(1); err != nil || word == "" {
		return err
	}
	if !isASCII(word) {
		if err := r.charge(2 * caserBytes); err != nil {
			return err
		}
	}
	_, n := utf8.DecodeRuneInString(word)
	b.WriteString(upper(word[:n]) + lower(word[n:]))
	return nil
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
	return &undefined{"'" + objectName(v) + "' has no attribute '" + r.name(name) + "'"}, nil
}

func lengthFilter(r *renderer, v any, a *callArgs) (any, error) {
	switch v := v.(type) {
	case string:
		if err := r.charge(len(v) / 4); err != nil {
			return nil, err
		}
		return int64(runeLen(v)), nil
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
		if err := r.charge(5 * len(s)); err != nil {
			return nil, err
		}
		chars := []rune(s)
		slices.Reverse(chars)
		return string(chars), nil
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	return r.newList(isGenerator, items)
}
