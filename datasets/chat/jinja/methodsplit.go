package jinja

import (
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
