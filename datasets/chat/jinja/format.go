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
		for strings.Contains(spec, "*") {
			width, ok := int64(0), false
			if used < len(list) {
				width, ok = asNumber(list[used]).(int64)
			}
			if !ok || width < -maxWidth || width > maxWidth {
				return nil, r.fail("* wants int")
			}
			used++
			spec = strings.Replace(spec, "*", strconv.FormatInt(width, 10), 1)
		}
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
				return nil, r.fail("format has no argument %q", r.name(name))
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
	// Python takes whatever can be indexed for a mapping, of which not everything need be used.
	l, indexed := args.(*List)
	if _, isDict := args.(*Dict); used < len(list) && !isDict && !(indexed && l.kind == isList) {
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
		if i < len(s) && s[i] == '*' {
			i++
			continue
		}
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
	case 's', 'r', 'a':
		text := map[byte]func(any) (string, error){'s': r.str, 'r': r.repr, 'a': r.ascii}[verb]
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
		if n, ok := asNumber(v).(int64); ok {
			if verb == 'o' && strings.Contains(spec, "#") {
				spec, verb = strings.ReplaceAll(spec, "#", ""), 'O' // Go's %#o writes 0, Python's 0o
			}
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
	return "", r.fail("a placeholder of the format does not take a %s", typeName(v))
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

// fields are the arguments of a str.format, and how the next field finds its own.
type fields struct {
	args   *callArgs
	next   int
	manual bool // fields had numbers
}

// formatMethod is str.format: {}, {0}, {name}, with .attribute, [item], !r and a format spec.
func formatMethod(r *renderer, s string, a *callArgs) (any, error) {
	return r.formatFields(s, &fields{args: a}, 0)
}

func (r *renderer) formatFields(s string, f *fields, depth int) (string, error) {
	if depth > 1 && s != "" {
		return "", r.fail("max string recursion exceeded")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c && depth == 0:
			b.WriteByte(c)
			i++
		case c == '}':
			return "", r.fail("single '}' encountered in format string")
		case c == '{':
			end := fieldEnd(s[i:])
			if end < 0 {
				return "", r.fail("expected '}' before end of string")
			}
			text, err := r.field(s[i+1:i+end], f, depth)
			if err != nil {
				return "", err
			}
			if err := r.charge(len(text)); err != nil {
				return "", err
			}
			b.WriteString(text)
			i += end
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), r.charge(len(s))
}

// fieldEnd returns where the field that s begins with ends, −1 when it does not.
func fieldEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// field formats what stands between braces: NAME!CONVERSION:SPEC.
func (r *renderer) field(text string, f *fields, depth int) (string, error) {
	name, spec := text, ""
	if i := strings.IndexAny(text, "!:"); i >= 0 {
		name, spec = text[:i], text[i:]
	}
	v, err := r.fieldValue(name, f)
	if err != nil {
		return "", err
	}
	if rest, ok := strings.CutPrefix(spec, "!"); ok {
		if rest == "" || len(rest) > 1 && rest[1] != ':' {
			return "", r.fail("expected ':' after conversion specifier")
		}
		spec = rest[1:]
		switch rest[0] {
		case 's':
			v, err = r.str(v)
		case 'r':
			v, err = r.repr(v)
		case 'a':
			v, err = r.ascii(v)
		default:
			return "", r.fail("unknown conversion specifier")
		}
		if err != nil {
			return "", err
		}
	}
	if spec, err = r.formatFields(strings.TrimPrefix(spec, ":"), f, depth+1); err != nil {
		return "", err
	}
	return r.format(v, spec)
}

// fieldValue finds the argument, then its attributes and items.
func (r *renderer) fieldValue(name string, f *fields) (v any, err error) {
	n := strings.IndexAny(name, ".[")
	if n < 0 {
		n = len(name)
	}
	first, rest := name[:n], name[n:]
	if v, err = r.fieldArgument(first, f); err != nil {
		return nil, err
	}
	for rest != "" {
		if key, ok := strings.CutPrefix(rest, "."); ok {
			n := strings.IndexAny(key, ".[")
			if n < 0 {
				n = len(key)
			}
			if v, err = r.attr(v, key[:n]); err != nil {
				return nil, err
			}
			rest = key[n:]
			continue
		}
		end := strings.IndexByte(rest, ']')
		if rest[0] != '[' || end < 0 {
			return nil, r.fail("expected '.' or '[' in a format field")
		}
		key := any(rest[1:end])
		if i, err := strconv.ParseInt(rest[1:end], 10, 64); err == nil && isDigits(rest[1:end]) {
			key = i
		}
		if v, err = r.item(v, key); err != nil {
			return nil, err
		}
		rest = rest[end+1:]
	}
	return v, nil
}

func (r *renderer) fieldArgument(name string, f *fields) (any, error) {
	at, err := strconv.Atoi(name)
	switch {
	case name == "" && f.manual, name != "" && err == nil && f.next > 0:
		return nil, r.fail("cannot switch between manual field specification and automatic field numbering")
	case name == "":
		at = f.next
		f.next++
	case err != nil:
		v, ok := f.args.named[name]
		if !ok {
			return nil, r.fail("format has no argument %q", r.name(name))
		}
		return v, nil
	default:
		f.manual = true
	}
	if at < 0 || at >= len(f.args.positional) {
		return nil, r.fail("replacement index %d out of range", at)
	}
	return f.args.positional[at], nil
}

// ascii is Python's ascii(v): repr with escapes for all that is not ASCII.
func (r *renderer) ascii(v any) (string, error) {
	s, err := r.repr(v)
	if err != nil || isASCII(s) {
		return s, err
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < utf8.RuneSelf:
			b.WriteRune(c)
		case c < 0x100:
			b.WriteString(`\x` + hexDigits(c, 2))
		case c < 0x10000:
			b.WriteString(`\u` + hexDigits(c, 4))
		default:
			b.WriteString(`\U` + hexDigits(c, 8))
		}
	}
	return b.String(), r.charge(b.Len())
}
