package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatSpec is Python's mini-language for one value
// (https://docs.python.org/3/library/string.html#format-specification-mini-language).
type formatSpec struct {
	fill      rune
	align     byte // < > = ^, 0 when not given
	sign      byte // + - or space
	alternate bool
	width     int
	group     string // "," or "_" between digits
	precision int    // −1 when not given
	kind      byte   // the type, 0 when not given
}

func parseFormatSpec(s string) (formatSpec, error) {
	f := formatSpec{fill: ' ', sign: '-', precision: -1}
	if c, n := utf8.DecodeRuneInString(s); n > 0 && n < len(s) && strings.IndexByte("<>=^", s[n]) >= 0 {
		f.fill, f.align, s = c, s[n], s[n+1:]
	} else if s != "" && strings.IndexByte("<>=^", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		f.sign, s = s[0], s[1:]
	}
	s, f.alternate = cutPrefix(s, "#")
	zero := false
	if s, zero = cutPrefix(s, "0"); zero && f.align == 0 {
		f.fill, f.align = '0', '='
	}
	var err error
	if f.width, s, err = leadingNumber(s, 0); err != nil {
		return f, err
	}
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.group, s = s[:1], s[1:]
	}
	if rest, ok := cutPrefix(s, "."); ok {
		if f.precision, s, err = leadingNumber(rest, -1); err != nil || f.precision < 0 {
			return f, fmt.Errorf("format specifier is missing a precision")
		}
	}
	if len(s) > 1 {
		return f, fmt.Errorf("invalid format specifier")
	}
	if s != "" {
		f.kind = s[0]
	}
	return f, nil
}

func cutPrefix(s, prefix string) (string, bool) { return strings.CutPrefix(s, prefix) }

// leadingNumber reads the digits that s begins with.
func leadingNumber(s string, missing int) (int, string, error) {
	n := len(s) - len(strings.TrimLeft(s, decimal))
	if n == 0 {
		return missing, s, nil
	}
	v, err := strconv.Atoi(s[:n])
	if err != nil || v > maxWidth {
		return 0, s, fmt.Errorf("width or precision is out of range")
	}
	return v, s[n:], nil
}

// format is Python's format(v, spec).
func (r *renderer) format(v any, spec string) (string, error) {
	if spec == "" {
		return r.str(v)
	}
	f, err := parseFormatSpec(spec)
	if err != nil {
		return "", err
	}
	switch x := asNumber(v).(type) {
	case string:
		return f.text(x)
	case int64:
		if f.kind != 0 && strings.IndexByte("eEfFgG%", f.kind) >= 0 {
			return f.float(float64(x))
		}
		return f.integer(x)
	case float64:
		return f.float(x)
	}
	return "", r.fail("unsupported format string passed to %s.__format__", typeName(v))
}

func (f formatSpec) unknown(of string) error {
	return fmt.Errorf("unknown format code for object of type '%s'", of)
}

func (f formatSpec) text(s string) (string, error) {
	switch {
	case f.kind != 0 && f.kind != 's':
		return "", f.unknown("str")
	case f.align == '=' && f.fill != '0', f.sign != '-', f.alternate, f.group != "":
		return "", fmt.Errorf("format specifier does not go with a string")
	case f.align == '=' || f.align == 0:
		f.align = '<'
	}
	if f.precision >= 0 && f.precision < runeLen(s) {
		s = runeSlice(s, 0, f.precision)
	}
	return f.pad("", s), nil
}

func (f formatSpec) integer(n int64) (string, error) {
	base, prefix := 10, ""
	switch f.kind {
	case 0, 'd', 'n':
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.kind)
	case 'c':
		if n < 0 || n > utf8.MaxRune || f.sign != '-' {
			return "", fmt.Errorf("%%c arg not in range(0x110000)")
		}
		if f.align == 0 {
			f.align = '<'
		}
		return f.pad("", string(rune(n))), nil
	default:
		return "", f.unknown("int")
	}
	if f.precision >= 0 {
		return "", fmt.Errorf("precision not allowed in integer format specifier")
	}
	digits := strings.TrimPrefix(strconv.FormatInt(n, base), "-")
	if f.kind == 'X' {
		digits = strings.ToUpper(digits)
	}
	size := 3
	if base != 10 {
		size = 4
		if f.group == "," {
			return "", fmt.Errorf("cannot specify ',' with '%c'", f.kind)
		}
	}
	if !f.alternate {
		prefix = ""
	}
	return f.number(f.signOf(n < 0)+prefix, digits, "", size), nil
}

func (f formatSpec) float(x float64) (string, error) {
	kind, precision, end := f.kind, f.precision, ""
	if precision < 0 {
		precision = 6
	}
	var digits string
	switch abs := math.Abs(x); {
	case kind != 0 && strings.IndexByte("eEfFgGn%", kind) < 0:
		return "", f.unknown("float")
	case math.IsNaN(x) || math.IsInf(x, 0):
		digits = formatFloat(abs)
		if kind >= 'A' && kind <= 'Z' {
			digits = strings.ToUpper(digits)
		}
	case kind == 0 && f.precision < 0:
		digits = formatFloat(abs)
	case kind == '%':
		digits, end = strconv.FormatFloat(abs*100, 'f', precision, 64), "%"
	case kind == 'f' || kind == 'F':
		digits = strconv.FormatFloat(abs, 'f', precision, 64)
	case kind == 'e' || kind == 'E':
		digits = strconv.FormatFloat(abs, kind, precision, 64)
	default:
		verb := byte('g')
		if kind == 'G' {
			verb = 'G'
		}
		digits = formatDecimal("."+strconv.Itoa(max(precision, 1)), verb, abs)
		if kind == 0 && !strings.ContainsAny(digits, ".e") {
			digits += ".0"
		}
	}
	if f.kind == '%' && strings.ContainsAny(digits, "ni") {
		end = "%"
	}
	whole := len(digits) - len(strings.TrimLeft(digits, decimal))
	return f.number(f.signOf(math.Signbit(x) && !math.IsNaN(x)), digits[:whole], digits[whole:]+end, 3), nil
}

func (f formatSpec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '-':
		return ""
	}
	return string(f.sign)
}

// number groups the digits, fills up with zeros that are grouped too, and pads.
func (f formatSpec) number(lead, digits, tail string, size int) string {
	if f.group != "" {
		if f.fill == '0' && f.align == '=' {
			for len(lead)+len(digits)+(len(digits)-1)/size+len(tail) < f.width {
				digits = "0" + digits
			}
		}
		digits = grouped(digits, f.group, size)
	}
	if f.align == 0 {
		f.align = '>'
	}
	return f.pad(lead, digits+tail)
}

func grouped(digits, sep string, size int) string {
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%size == 0 {
			b.WriteString(sep)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

// pad aligns; with = the padding goes between the sign and the rest.
func (f formatSpec) pad(lead, s string) string {
	missing := max(f.width-runeLen(lead)-runeLen(s), 0)
	fill := func(n int) string { return strings.Repeat(string(f.fill), n) }
	switch f.align {
	case '<':
		return lead + s + fill(missing)
	case '^':
		return fill(missing/2) + lead + s + fill(missing-missing/2)
	case '=':
		return lead + fill(missing) + s
	}
	return fill(missing) + lead + s
}
