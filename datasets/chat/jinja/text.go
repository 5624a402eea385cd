package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is Python's str(v). It charges the text to the renderer.
func (r *renderer) str(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case *undefined:
		return "", nil
	}
	return r.repr(v)
}

// repr is Python's repr(v).
func (r *renderer) repr(v any) (string, error) {
	var b strings.Builder
	if err := r.writeRepr(&b, v, 0); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (r *renderer) writeRepr(b *strings.Builder, v any, depth int) error {
	if depth > maxValueDepth {
		return errDeep
	}
	if err := r.step(1); err != nil {
		return err
	}
	before := b.Len()
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(formatFloat(v))
	case string:
		if err := r.charge(3 * len(v)); err != nil { // what it may become more
			return err
		}
		writeQuoted(b, v)
	case *List:
		return r.writeList(b, v, depth)
	case *Dict:
		return r.writeDict(b, v, depth)
	case *undefined:
		b.WriteString("Undefined")
	case *namespace:
		b.WriteString("<Namespace ")
		if err := r.writeDict(b, v.attrs, depth+1); err != nil {
			return err
		}
		b.WriteString(">")
	case *loop:
		b.WriteString(fmt.Sprintf("<LoopContext %d/%d>", v.at+1, len(v.items)))
	case *function:
		b.WriteString("<function " + v.name + ">")
	default:
		b.WriteString("<" + typeName(v) + ">")
	}
	return r.charge(b.Len() - before)
}

func (r *renderer) writeList(b *strings.Builder, l *List, depth int) error {
	open, end := "[", "]"
	if l.kind == isList && l.label != "" { // a range
		b.WriteString(l.label)
		return nil
	}
	switch l.kind {
	case isTuple:
		open, end = "(", ")"
		if len(l.Items) == 1 {
			end = ",)"
		}
	case isView:
		open, end = l.label+"([", "])"
	case isGenerator:
		b.WriteString("<generator>")
		return nil
	}
	b.WriteString(open)
	for i, e := range l.Items {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := r.writeRepr(b, e, depth+1); err != nil {
			return err
		}
	}
	b.WriteString(end)
	return r.charge(2 * len(l.Items))
}

func (r *renderer) writeDict(b *strings.Builder, d *Dict, depth int) error {
	b.WriteByte('{')
	for i, k := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := r.writeRepr(b, k, depth+1); err != nil {
			return err
		}
		b.WriteString(": ")
		if err := r.writeRepr(b, d.values[k], depth+1); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return r.charge(4 * len(d.keys))
}

// formatFloat is Python's repr of a float: the shortest digits that read back, in scientific
// notation below 1e-4 and from 1e16 on.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64) // Go too writes at least two digits of exponent
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// writeQuoted is Python's repr of a string.
func writeQuoted(b *strings.Builder, s string) {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteByte(quote)
	for _, c := range s {
		switch {
		case c == rune(quote) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7F || c > 0x7F && c < 0x100 && !printable(c):
			b.WriteString(`\x` + hexDigits(c, 2))
		case c >= 0x100 && c < 0x10000 && !printable(c):
			b.WriteString(`\u` + hexDigits(c, 4))
		case c >= 0x10000 && !printable(c):
			b.WriteString(`\U` + hexDigits(c, 8))
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte(quote)
}

// printable is Python's str.isprintable for one character.
func printable(c rune) bool {
	return c == ' ' || !unicode.In(c, unicode.C, unicode.Z) && unicode.IsPrint(c)
}

func hexDigits(c rune, n int) string {
	s := strconv.FormatInt(int64(c), 16)
	return strings.Repeat("0", n-len(s)) + s
}

// runeLen is Python's len of a string.
func runeLen(s string) int { return utf8.RuneCountInString(s) }

// runeSlice returns the characters i to j of s, 0 ≤ i ≤ j ≤ runeLen(s).
func runeSlice(s string, i, j int) string {
	if isASCII(s) {
		return s[i:j]
	}
	start, end, n := len(s), len(s), 0
	for at := range s {
		if n == i {
			start = at
		}
		if n == j {
			end = at
			break
		}
		n++
	}
	return s[start:max(start, end)]
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
