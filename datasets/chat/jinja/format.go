package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWidth bounds widths and precisions in formats.
const maxWidth = 10_000

// percent is format % args: the conversions d i u s r x X o c f F e E g G and %%.
func (r *renderer) percent(format string, args any) (any, error) {
	list := []any{args}
	if l, ok := args.(*List); ok && l.kind == isTuple {
		list = l.Items
	}
	var b strings.Builder
	used := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		spec, verb, name, n, err := parsePercent(format[i:])
		if err != nil {
			return nil, err
		}
		i += n - 1
		if verb == '%' {
			b.WriteByte('%')
			continue
		}
		var v any
		if name != "" {
			d, ok := args.(*Dict)
			if !ok {
				return nil, r.fail("format requires a mapping")
			}
			if v, ok = d.Get(name); !ok {
				return nil, r.fail("format has no argument %q", name)
			}
			used = len(list)
		} else {
			if used >= len(list) {
				return nil, r.fail("not enough arguments for format string")
			}
			v = list[used]
			used++
		}
		s, err := r.convert(spec, verb, v)
		if err != nil {
			return nil, err
		}
		if err := r.charge(len(s)); err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	if _, isDict := args.(*Dict); used < len(list) && !isDict {
		return nil, r.fail("not all arguments converted during string formatting")
	}
	return b.String(), r.charge(len(format))
}

// parsePercent reads a conversion: the flags, width and precision as Go writes them, the verb, the
// name in parentheses and the length of it all.
func parsePercent(s string) (spec string, verb byte, name string, n int, err error) {
	i := 1
	if i < len(s) && s[i] == '(' {
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return "", 0, "", 0, fmt.Errorf("incomplete format key")
		}
		name = s[i+1 : end]
		i = end + 1
	}
	start := i
	for i < len(s) && strings.IndexByte("#0- +", s[i]) >= 0 {
		i++
	}
	for _, digits := range []bool{true, false} {
		if !digits {
			if i >= len(s) || s[i] != '.' {
				break
			}
			i++
		}
		from := i
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		if w, err := strconv.Atoi(s[from:i]); i > from && (err != nil || w > maxWidth) {
			return "", 0, "", 0, fmt.Errorf("width or precision is out of range")
		}
	}
	if i >= len(s) {
		return "", 0, "", 0, fmt.Errorf("incomplete format")
	}
	return s[start:i], s[i], name, i + 1, nil
}

func (r *renderer) convert(spec string, verb byte, v any) (string, error) {
	switch verb {
	case 's', 'r':
		text := r.str
		if verb == 'r' {
			text = r.repr
		}
		s, err := text(v)
		// Go pads text with zeros for the flag 0, Python with spaces.
		return fmt.Sprintf("%"+strings.TrimLeft(spec, "0# +")+"s", s), err
	case 'd', 'i', 'u':
		switch n := asNumber(v).(type) {
		case int64:
			return fmt.Sprintf("%"+spec+"d", n), nil
		case float64:
			if math.Abs(n) < 1<<63 {
				return fmt.Sprintf("%"+spec+"d", int64(n)), nil
			}
		}
	case 'x', 'X', 'o':
		if n, ok := asNumber(v).(int64); ok && !strings.Contains(spec, "#") {
			return fmt.Sprintf("%"+spec+string(verb), n), nil
		}
	case 'f', 'F', 'e', 'E', 'g', 'G':
		if strings.Contains(spec, "#") {
			break
		}
		switch n := asNumber(v).(type) {
		case int64:
			return formatDecimal(spec, verb, float64(n)), nil
		case float64:
			return formatDecimal(spec, verb, n), nil
		}
	case 'c':
		switch c := v.(type) {
		case string:
			if runeLen(c) == 1 {
				return fmt.Sprintf("%"+spec+"s", c), nil
			}
		case int64:
			if 0 <= c && c <= utf8.MaxRune {
				return fmt.Sprintf("%"+spec+"c", rune(c)), nil
			}
		}
	}
	return "", r.fail("format %%%s%c does not take a %s", spec, verb, typeName(v))
}

// formatDecimal is C's %f, %e and %g. Go differs in the default precision of %g.
func formatDecimal(spec string, verb byte, f float64) string {
	if !strings.Contains(spec, ".") {
		spec += ".6"
	}
	return fmt.Sprintf("%"+spec+string(verb), f)
}

func formatFilter(r *renderer, v any, a *callArgs) (any, error) {
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	if len(a.names) > 0 {
		d, err := r.entries(&callArgs{names: a.names, named: a.named})
		if err != nil {
			return nil, err
		}
		return r.percent(s, d)
	}
	return r.percent(s, &List{Items: a.positional, kind: isTuple})
}

// formatMethod is str.format with plain fields: {}, {0}, {name}, and a format spec for text width
// and number precision is refused rather than approximated.
func formatMethod(r *renderer, s string, a *callArgs) (any, error) {
	var b strings.Builder
	auto := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c:
			b.WriteByte(c)
			i++
		case c == '}':
			return nil, r.fail("single '}' encountered in format string")
		case c == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return nil, r.fail("expected '}' before end of string")
			}
			v, err := r.field(s[i+1:i+end], &auto, a)
			if err != nil {
				return nil, err
			}
			text, err := r.str(v)
			if err != nil {
				return nil, err
			}
			if err := r.charge(len(text)); err != nil {
				return nil, err
			}
			b.WriteString(text)
			i += end
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), r.charge(len(s))
}

func (r *renderer) field(name string, auto *int, a *callArgs) (any, error) {
	if strings.ContainsAny(name, ":!.[") {
		return nil, r.fail("format field {%s} is not supported", name)
	}
	at := *auto
	if name == "" {
		*auto++
	} else if n, err := strconv.Atoi(name); err == nil {
		at = n
	} else {
		v, ok := a.named[name]
		if !ok {
			return nil, r.fail("format has no argument %q", name)
		}
		return v, nil
	}
	if at < 0 || at >= len(a.positional) {
		return nil, r.fail("replacement index %d out of range", at)
	}
	return a.positional[at], nil
}
