package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// interval is an inclusive range of characters.
type interval struct{ lo, hi rune }

// charset is a set of characters: sorted intervals that neither overlap nor touch, and a bitmap of
// its ASCII part.
type charset struct {
	list  []interval
	ascii [2]uint64
}

func newCharset(list []interval) *charset {
	slices.SortFunc(list, func(a, b interval) int { return int(a.lo - b.lo) })
	c := &charset{}
	for _, v := range list {
		if n := len(c.list); n > 0 && v.lo <= c.list[n-1].hi+1 {
			c.list[n-1].hi = max(c.list[n-1].hi, v.hi)
			continue
		}
		c.list = append(c.list, v)
	}
	for _, v := range c.list {
		for r := v.lo; r <= v.hi && r < utf8.RuneSelf; r++ {
			c.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	return c
}

func singleton(r rune) *charset { return newCharset([]interval{{r, r}}) }

func (c *charset) has(r rune) bool {
	if r < utf8.RuneSelf {
		return c.ascii[r>>6]>>(r&63)&1 != 0
	}
	lo, hi := 0, len(c.list)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if c.list[m].hi < r {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo < len(c.list) && c.list[lo].lo <= r
}

func (c *charset) union(d *charset) *charset {
	return newCharset(slices.Concat(c.list, d.list))
}

func (c *charset) complement() *charset {
	var out []interval
	next := rune(0)
	for _, v := range c.list {
		if next < v.lo {
			out = append(out, interval{next, v.lo - 1})
		}
		next = v.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, interval{next, unicode.MaxRune})
	}
	return newCharset(out)
}

func (c *charset) intersect(d *charset) *charset {
	return c.complement().union(d.complement()).complement()
}

// fold adds every character that differs from one in the set by case alone.
func (c *charset) fold() *charset {
	out := slices.Clone(c.list)
	for _, v := range c.list {
		for r := v.lo; r <= v.hi; r++ {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				out = append(out, interval{f, f})
			}
		}
	}
	return newCharset(out)
}

func tableSet(tables ...*unicode.RangeTable) *charset {
	var out []interval
	for _, t := range tables {
		for _, g := range t.R16 {
			out = appendStrided(out, rune(g.Lo), rune(g.Hi), rune(g.Stride))
		}
		for _, g := range t.R32 {
			out = appendStrided(out, rune(g.Lo), rune(g.Hi), rune(g.Stride))
		}
	}
	return newCharset(out)
}

func appendStrided(out []interval, lo, hi, stride rune) []interval {
	if stride == 1 {
		return append(out, interval{lo, hi})
	}
	for r := lo; r <= hi; r += stride {
		out = append(out, interval{r, r})
	}
	return out
}

// escapeSet returns the set of \s, \d, \w and their complements, nil for any other letter.
func escapeSet(c rune) *charset {
	var s *charset
	switch unicode.ToLower(c) {
	case 's':
		s = tableSet(unicode.White_Space)
	case 'd':
		s = tableSet(unicode.Nd, newNd)
	case 'w':
		s = patternWord()
	default:
		return nil
	}
	if unicode.IsUpper(c) {
		return s.complement()
	}
	return s
}

// propertySet returns the set of \p{name}: a general category, a script, or one of the derived
// properties that tokenizers use.
func propertySet(name string) (*charset, error) {
	if negated, ok := strings.CutPrefix(name, "^"); ok {
		s, err := propertySet(negated)
		if err != nil {
			return nil, err
		}
		return s.complement(), nil
	}
	switch strings.ToLower(strings.ReplaceAll(name, "_", "")) {
	case "letter":
		name = "L"
	case "mark":
		name = "M"
	case "number":
		name = "N"
	case "space", "whitespace":
		return tableSet(unicode.White_Space), nil
	}
	if name == "C" {
		return newCharset([]interval{{0, unicode.MaxRune}}).intersect(tableSet(assigned()...).complement()), nil
	}
	t, ok := unicode.Categories[name]
	if !ok {
		t, ok = unicode.Scripts[name]
	}
	if !ok {
		return nil, fmt.Errorf("unknown character property %q", name)
	}
	return tableSet(append(newIn[name], t)...), nil
}

// newIn are the characters of a category or script that Go does not know yet.
var newIn = map[string][]*unicode.RangeTable{
	"L": {newLu, newLl, newLm, newLo}, "Lu": {newLu}, "Ll": {newLl}, "Lm": {newLm}, "Lo": {newLo},
	"M": {newM}, "N": {newNd}, "Nd": {newNd}, "P": {newP}, "S": {newS}, "Han": {newHan},
}

// assigned are the characters outside of the category C.
func assigned() []*unicode.RangeTable {
	return slices.Concat(letters, marks, numbers, []*unicode.RangeTable{unicode.P, newP, unicode.S, newS, unicode.Z})
}
