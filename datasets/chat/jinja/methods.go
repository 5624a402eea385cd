package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type stringMethod = func(*renderer, string, *callArgs) (any, error)

// stringMethods are Python's str methods.
var stringMethods map[string]stringMethod

func init() {
	stringMethods = map[string]stringMethod{
		"strip":        strip(true, true),
		"lstrip":       strip(true, false),
		"rstrip":       strip(false, true),
		"split":        split(strings.Index, false),
		"rsplit":       split(strings.LastIndex, true),
		"splitlines":   splitLinesMethod,
		"startswith":   affix(strings.HasPrefix),
		"endswith":     affix(strings.HasSuffix),
		"removeprefix": cut(strings.TrimPrefix),
		"removesuffix": cut(strings.TrimSuffix),
		"upper":        mapped(upper),
		"lower":        mapped(lower),
		"casefold":     mapped(lower),
		"title":        mapped(titleCase),
		"capitalize":   mapped(capitalize),
		"swapcase":     mapped(swapCase),
		"replace":      replaceMethod,
		"find":         find(strings.Index, false),
		"rfind":        find(strings.LastIndex, false),
		"index":        find(strings.Index, true),
		"rindex":       find(strings.LastIndex, true),
		"count":        countMethod,
		"join":         joinMethod,
		"format":       formatMethod,
		"partition":    partition(strings.Index, false),
		"rpartition":   partition(strings.LastIndex, true),
		"ljust":        justify(func(n int) (int, int) { return 0, n }),
		"rjust":        justify(func(n int) (int, int) { return n, 0 }),
		"center":       justifyCenter,
		"zfill":        zfill,
		"isdigit":      every(func(c rune) bool { return unicode.IsDigit(c) || unicode.Is(unicode.No, c) && superscript(c) }),
		"isdecimal":    every(unicode.IsDigit),
		"isnumeric":    every(func(c rune) bool { return unicode.Is(unicode.N, c) }),
		"isalpha":      every(unicode.IsLetter),
		"isalnum":      every(func(c rune) bool { return unicode.IsLetter(c) || unicode.Is(unicode.N, c) }),
		"isspace":      every(isSpace),
		"isupper":      cased(unicode.IsUpper, unicode.IsLower),
		"islower":      cased(unicode.IsLower, unicode.IsUpper),
	}
}

// superscript are the digits that are No: superscripts and subscripts.
func superscript(c rune) bool {
	return c == '²' || c == '³' || c == '¹' || 0x2070 <= c && c <= 0x2089
}

// upper and lower are Python's: full mappings, one character to several where Unicode says so.
func upper(s string) string { return strings.ReplaceAll(strings.ToUpper(s), "ß", "SS") }

func lower(s string) string {
	if strings.Contains(s, "İ") {
		s = strings.ReplaceAll(s, "İ", "i\u0307")
	}
	if strings.Contains(s, "Σ") {
		return finalSigma(s)
	}
	return strings.ToLower(s)
}

// finalSigma lowers a capital sigma at the end of a word to its final form.
func finalSigma(s string) string {
	chars := []rune(s)
	out := []rune(strings.ToLower(s))
	for i, c := range chars {
		if c == 'Σ' && i > 0 && unicode.IsLetter(chars[i-1]) && (i+1 == len(chars) || !unicode.IsLetter(chars[i+1])) {
			out[i] = 'ς'
		}
	}
	return string(out)
}

// capitalize is str.capitalize: the first character in title case, the rest in lower case.
func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToTitle(s[:n]) + lower(s[n:])
}

// titleCase is str.title: the first letter of each run of letters.
func titleCase(s string) string {
	inWord := false
	return strings.Map(func(c rune) rune {
		letter := unicode.IsLetter(c)
		switch {
		case letter && !inWord:
			c = unicode.ToTitle(c)
		case letter:
			c = unicode.ToLower(c)
		}
		inWord = letter
		return c
	}, s)
}

func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsUpper(c) {
			return unicode.ToLower(c)
		}
		return unicode.ToUpper(c)
	}, s)
}

func mapped(f func(string) string) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		if _, err := a.bind("method"); err != nil {
			return nil, err
		}
		return f(s), r.charge(len(s))
	}
}

func every(is func(rune) bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		for _, c := range s {
			if !is(c) {
				return false, nil
			}
		}
		return s != "", r.charge(len(s))
	}
}

func cased(want, not func(rune) bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		return strings.ContainsFunc(s, want) && !strings.ContainsFunc(s, not), r.charge(len(s))
	}
}

func strip(left, right bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("strip", "chars")
		if err != nil {
			return nil, err
		}
		return stripped(r, s, v["chars"], left, right)
	}
}

// stripped takes white space, or the characters of a string, from the ends of s.
func stripped(r *renderer, s string, chars any, left, right bool) (any, error) {
	in := isSpace
	switch c := chars.(type) {
	case nil:
	case string:
		in = func(x rune) bool { return strings.ContainsRune(c, x) }
		if err := r.charge(len(c)); err != nil {
			return nil, err
		}
	default:
		return nil, r.fail("strip arg must be None or str")
	}
	if left {
		s = strings.TrimLeftFunc(s, in)
	}
	if right {
		s = strings.TrimRightFunc(s, in)
	}
	return s, r.charge(len(s))
}

func split(index func(string, string) int, fromRight bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("split", "sep", "maxsplit")
		if err != nil {
			return nil, err
		}
		limit := int64(-1)
		if n, ok := v["maxsplit"].(int64); ok {
			limit = n
		}
		sep, isString := v["sep"].(string)
		var parts []string
		switch {
		case v["sep"] == nil:
			parts = splitSpace(s, limit, fromRight)
		case !isString:
			return nil, r.fail("must be str or None, not %s", typeName(v["sep"]))
		case sep == "":
			return nil, r.fail("empty separator")
		case !fromRight:
			n := -1
			if limit >= 0 && limit < int64(len(s)) {
				n = int(limit) + 1
			}
			parts = strings.SplitN(s, sep, n)
		default:
			parts = splitRight(s, sep, limit, index)
		}
		return r.stringList(parts)
	}
}

func (r *renderer) stringList(parts []string) (any, error) {
	items := make([]any, len(parts))
	n := 0
	for i, p := range parts {
		items[i] = p
		n += len(p)
	}
	if err := r.step(len(parts)); err != nil {
		return nil, err
	}
	return &List{Items: items}, r.charge(n + 16*len(parts))
}

// splitSpace splits at runs of white space, at most limit times.
func splitSpace(s string, limit int64, fromRight bool) []string {
	if limit < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var parts []string
	if fromRight {
		s = strings.TrimRightFunc(s, isSpace)
		for ; s != "" && limit > 0; limit-- {
			i := strings.LastIndexFunc(s, isSpace)
			if i < 0 {
				break
			}
			_, n := utf8.DecodeRuneInString(s[i:])
			parts = append([]string{s[i+n:]}, parts...)
			s = strings.TrimRightFunc(s[:i], isSpace)
		}
		if s != "" {
			parts = append([]string{s}, parts...)
		}
		return parts
	}
	s = strings.TrimLeftFunc(s, isSpace)
	for ; s != "" && limit > 0; limit-- {
		i := strings.IndexFunc(s, isSpace)
		if i < 0 {
			break
		}
		parts = append(parts, s[:i])
		s = strings.TrimLeftFunc(s[i:], isSpace)
	}
	if s != "" {
		parts = append(parts, s)
	}
	return parts
}

func splitRight(s, sep string, limit int64, index func(string, string) int) []string {
	var reversed []string
	for ; limit != 0; limit-- {
		i := index(s, sep)
		if i < 0 {
			break
		}
		reversed = append(reversed, s[i+len(sep):])
		s = s[:i]
	}
	parts := []string{s}
	for i := len(reversed) - 1; i >= 0; i-- {
		parts = append(parts, reversed[i])
	}
	return parts
}

// splitLines is str.splitlines.
func splitLines(s string, keep bool) []string {
	var out []string
	start := 0
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		end := i + n
		i = end
		switch c {
		case '\r':
			if strings.HasPrefix(s[i:], "\n") {
				i, end = i+1, end+1
			}
		case '\n', '\v', '\f', 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029:
		default:
			continue
		}
		line := s[start:end]
		if !keep {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if c != '\n' && c != '\r' {
				line = s[start : end-n]
			} else if c == '\n' {
				line = s[start : end-1]
			}
		}
		out = append(out, line)
		start = end
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

func splitLinesMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("splitlines", "keepends")
	if err != nil {
		return nil, err
	}
	return r.stringList(splitLines(s, truth(v["keepends"])))
}

func affix(has func(string, string) bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("startswith", "prefix", "start", "end")
		if err != nil {
			return nil, err
		}
		if s, _, err = r.window(s, v["start"], v["end"]); err != nil {
			return nil, err
		}
		list := []any{v["prefix"]}
		if l, ok := v["prefix"].(*List); ok && l.kind == isTuple {
			list = l.Items
		}
		for _, p := range list {
			p, ok := p.(string)
			if !ok {
				return nil, r.fail("first arg must be str or a tuple of str")
			}
			if has(s, p) {
				return true, nil
			}
		}
		return false, nil
	}
}

// window returns s[start:end] as str methods with these arguments see it, and how many characters
// come before it.
func (r *renderer) window(s string, start, end any) (string, int, error) {
	if start == nil && end == nil {
		return s, 0, nil
	}
	n := int64(runeLen(s))
	at := func(v any, missing int64) (int64, error) {
		if v == nil {
			return missing, nil
		}
		i, ok := asNumber(v).(int64)
		if !ok {
			return 0, r.fail("slice indices must be integers or None")
		}
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n), nil
	}
	i, err := at(start, 0)
	if err != nil {
		return "", 0, err
	}
	j, err := at(end, n)
	if err != nil {
		return "", 0, err
	}
	return runeSlice(s, int(i), int(max(i, j))), int(i), r.charge(len(s))
}

func cut(f func(string, string) string) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("removeprefix", "affix")
		if err != nil {
			return nil, err
		}
		p, ok := v["affix"].(string)
		if !ok {
			return nil, r.fail("argument must be str")
		}
		return f(s, p), nil
	}
}

func replaceMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("replace", "old", "new", "count")
	if err != nil {
		return nil, err
	}
	old, ok1 := v["old"].(string)
	with, ok2 := v["new"].(string)
	if !ok1 || !ok2 {
		return nil, r.fail("replace() arguments must be str")
	}
	return r.replace(s, old, with, v["count"])
}

func (r *renderer) replace(s, old, with string, count any) (any, error) {
	n := -1
	if c, ok := count.(int64); ok && c >= 0 && c <= int64(len(s)) {
		n = int(c)
	}
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	if len(with) > 0 && found > r.opt.Limits.Memory/len(with) {
		return nil, r.charge(r.opt.Limits.Memory)
	}
	if err := r.charge(len(s) + found*len(with)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, with, n), nil
}

func find(index func(string, string) int, must bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("find", "sub", "start", "end")
		if err != nil {
			return nil, err
		}
		sub, ok := v["sub"].(string)
		if !ok {
			return nil, r.fail("must be str, not %s", typeName(v["sub"]))
		}
		w, skipped, err := r.window(s, v["start"], v["end"])
		if err != nil {
			return nil, err
		}
		i := index(w, sub)
		if i < 0 {
			if must {
				return nil, r.fail("substring not found")
			}
			return int64(-1), nil
		}
		return int64(skipped + runeLen(w[:i])), r.charge(len(w))
	}
}

func countMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("count", "sub", "start", "end")
	if err != nil {
		return nil, err
	}
	sub, ok := v["sub"].(string)
	if !ok {
		return nil, r.fail("must be str, not %s", typeName(v["sub"]))
	}
	w, _, err := r.window(s, v["start"], v["end"])
	if err != nil {
		return nil, err
	}
	return int64(strings.Count(w, sub)), r.charge(len(w))
}

func joinMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("join", "iterable")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v["iterable"])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, e := range items {
		p, ok := e.(string)
		if !ok {
			return nil, r.fail("sequence item %d: expected str instance, %s found", i, typeName(e))
		}
		parts[i] = p
	}
	return r.joinStrings(parts, s)
}

func (r *renderer) joinStrings(parts []string, sep string) (any, error) {
	n := 0
	for _, p := range parts {
		n += len(p) + len(sep)
		if n > r.opt.Limits.Memory {
			break
		}
	}
	if err := r.charge(n); err != nil {
		return nil, err
	}
	return strings.Join(parts, sep), nil
}

func partition(index func(string, string) int, right bool) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("partition", "sep")
		if err != nil {
			return nil, err
		}
		sep, ok := v["sep"].(string)
		if !ok || sep == "" {
			return nil, r.fail("partition needs a separator")
		}
		items := []any{s, "", ""}
		if i := index(s, sep); i >= 0 {
			items = []any{s[:i], sep, s[i+len(sep):]}
		} else if right {
			items = []any{"", "", s}
		}
		return r.newList(isTuple, items)
	}
}

// pad returns s between left and right copies of a character.
func (r *renderer) pad(s, fill string, left, right int) (any, error) {
	if left > r.opt.Limits.Memory/8 || right > r.opt.Limits.Memory/8 {
		return nil, r.charge(r.opt.Limits.Memory)
	}
	if err := r.charge(len(s) + (left+right)*len(fill)); err != nil {
		return nil, err
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, right), nil
}

func justify(sides func(missing int) (left, right int)) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("ljust", "width", "fillchar")
		if err != nil {
			return nil, err
		}
		width, ok := v["width"].(int64)
		fill := " "
		if f, given := v["fillchar"].(string); given {
			fill = f
		}
		if !ok || runeLen(fill) != 1 {
			return nil, r.fail("needs a width and one character to fill with")
		}
		missing := width - int64(runeLen(s))
		if missing <= 0 {
			return s, nil
		}
		left, right := sides(int(missing))
		return r.pad(s, fill, left, right)
	}
}

// justifyCenter is str.center, which puts the odd character left or right by CPython's rule.
func justifyCenter(r *renderer, s string, a *callArgs) (any, error) {
	width := int64(0)
	if len(a.positional) > 0 {
		width, _ = a.positional[0].(int64)
	}
	return justify(func(n int) (int, int) {
		left := n/2 + n&int(width)&1
		return left, n - left
	})(r, s, a)
}

func zfill(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("zfill", "width")
	if err != nil {
		return nil, err
	}
	width, ok := v["width"].(int64)
	if !ok {
		return nil, r.fail("zfill needs a width")
	}
	missing := width - int64(runeLen(s))
	if missing <= 0 {
		return s, nil
	}
	sign := ""
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign, s = s[:1], s[1:]
	}
	v2, err := r.pad(s, "0", int(missing), 0)
	if err != nil {
		return nil, err
	}
	return sign + v2.(string), nil
}

type dictMethod = func(*renderer, *Dict, *callArgs) (any, error)

var dictMethods = map[string]dictMethod{
	"keys": func(r *renderer, d *Dict, _ *callArgs) (any, error) { return r.newList(isView, d.Keys()) },
	"values": func(r *renderer, d *Dict, _ *callArgs) (any, error) {
		items := make([]any, len(d.keys))
		for i, k := range d.keys {
			items[i] = d.values[k]
		}
		return r.newList(isView, items)
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
	return r.newList(kind, items)
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
