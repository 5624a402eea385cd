package jinja

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

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
	in, each := isSpace, 1
	switch c := chars.(type) {
	case nil:
	case string:
		in, each = func(x rune) bool { return strings.ContainsRune(c, x) }, 1+len(c)/16
	default:
		return nil, r.fail("strip arg must be None or str")
	}
	if err := r.charge(len(s) * each); err != nil {
		return nil, err
	}
	if left {
		s = strings.TrimLeftFunc(s, in)
	}
	if right {
		s = strings.TrimRightFunc(s, in)
	}
	return s, nil
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
		if err := r.charge(len(s)); err != nil {
			return nil, err
		}
		var parts iter.Seq[string]
		switch {
		case v["sep"] == nil:
			parts = splitSpace(s, limit, fromRight)
		case !isString:
			return nil, r.fail("must be str or None, not %s", typeName(v["sep"]))
		case sep == "":
			return nil, r.fail("empty separator")
		default:
			parts = splitAt(s, sep, limit, index, fromRight)
		}
		list, err := r.collect(parts)
		if err != nil {
			return nil, err
		}
		if fromRight {
			slices.Reverse(list)
		}
		return r.newList(isList, list)
	}
}

// collect counts parts while it takes them: they may be as many as their text has bytes.
func (r *renderer) collect(parts iter.Seq[string]) ([]any, error) {
	var list []any
	for p := range parts {
		if err := r.step(1); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// splitSpace splits at runs of white space, at most limit times, from one of the ends.
func splitSpace(s string, limit int64, fromRight bool) iter.Seq[string] {
	if limit < 0 && !fromRight {
		return strings.FieldsFuncSeq(s, isSpace)
	}
	trim, index := strings.TrimLeftFunc, strings.IndexFunc
	if fromRight {
		trim, index = strings.TrimRightFunc, strings.LastIndexFunc
	}
	return func(yield func(string) bool) {
		s := trim(s, isSpace)
		for n := limit; s != "" && n != 0; n-- {
			i := index(s, isSpace)
			if i < 0 {
				break
			}
			_, size := utf8.DecodeRuneInString(s[i:])
			part, rest := s[:i], s[i+size:]
			if fromRight {
				part, rest = rest, part
			}
			if !yield(part) {
				return
			}
			s = trim(rest, isSpace)
		}
		if s != "" {
			yield(s)
		}
	}
}

// splitAt splits at a separator, at most limit times, from one of the ends.
func splitAt(s, sep string, limit int64, index func(string, string) int, fromRight bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		s := s
		for n := limit; n != 0; n-- {
			i := index(s, sep)
			if i < 0 {
				break
			}
			part, rest := s[:i], s[i+len(sep):]
			if fromRight {
				part, rest = rest, part
			}
			if !yield(part) {
				return
			}
			s = rest
		}
		yield(s)
	}
}

// splitLines is str.splitlines. It counts the lines while it finds them.
func (r *renderer) splitLines(s string, keep bool) ([]string, error) {
	if err := r.charge(len(s)); err != nil {
		return nil, err
	}
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
		if err := r.step(1); err != nil {
			return nil, err
		}
		out = append(out, line)
		start = end
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out, nil
}

func splitLinesMethod(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("splitlines", "keepends")
	if err != nil {
		return nil, err
	}
	lines, err := r.splitLines(s, truth(v["keepends"]))
	if err != nil {
		return nil, err
	}
	items := make([]any, len(lines))
	for i, l := range lines {
		items[i] = l
	}
	return r.newList(isList, items)
}
