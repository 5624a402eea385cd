package peft

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// dumps writes a value as Python's json.dumps(value, indent=2, sort_keys=True) does. newline is a
// line feed and the indentation of the line the value stands on. The values are those FormatConfig
// makes: nil, bool, int, float64, string, []string, a list that is not empty, and objects of both kinds.
func dumps(b *strings.Builder, value any, newline string) {
	inner := newline + "  "
	switch v := value.(type) {
	case nil:
		b.WriteString("null")
	case bool, int:
		fmt.Fprint(b, v)
	case float64:
		b.WriteString(floatRepr(v))
	case string:
		quote(b, v)
	case []string:
		if len(v) == 0 {
			b.WriteString("[]")
			return
		}
		for i, s := range v {
			b.WriteString(opening("[", i) + inner)
			quote(b, s)
		}
		b.WriteString(newline + "]")
	case []any:
		for i, x := range v {
			b.WriteString(opening("[", i) + inner)
			dumps(b, x, inner)
		}
		b.WriteString(newline + "]")
	case ordered:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		for i, f := range v {
			b.WriteString(opening("{", i) + inner)
			quote(b, f.key)
			b.WriteString(": ")
			dumps(b, f.value, inner)
		}
		b.WriteString(newline + "}")
	case map[string]any:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		// UTF-8 sorts like the code points that Python compares.
		for i, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(opening("{", i) + inner)
			quote(b, key)
			b.WriteString(": ")
			dumps(b, v[key], inner)
		}
		b.WriteString(newline + "}")
	default:
		panic(fmt.Sprintf("dumps: %T has no JSON form", v))
	}
}

// ordered is an object whose keys keep their order.
type ordered []field

type field struct {
	key   string
	value any
}

func opening(bracket string, i int) string {
	if i == 0 {
		return bracket
	}
	return ","
}

// floatRepr is Python's repr of a float: the shortest digits that read back, in scientific notation
// below 1e-4 and from 1e16 on.
func floatRepr(v float64) string {
	if abs := math.Abs(v); v != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote escapes all but printable ASCII, with surrogate pairs beyond the basic plane.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case strings.ContainsRune("\n\r\t\b\f", r):
			b.WriteString(map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}[r])
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
}
