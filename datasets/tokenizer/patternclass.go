package tokenizer

import (
	"errors"
	"fmt"
)

// class reads a bracketed class after its [: characters, ranges, escapes, nested classes, and
// intersections with &&.
func (p *patternParser) class() (*charset, error) {
	if p.depth++; p.depth > maxPatternDepth {
		return nil, errors.New("classes are nested too deeply")
	}
	defer func() { p.depth-- }()
	negative := p.skip("^")
	set := newCharset(nil)
	var left *charset // of the last &&
	for first := true; ; first = false {
		switch {
		case !p.more():
			return nil, errors.New("missing ]")
		case p.s[p.i] == ']' && first:
			return nil, errors.New("empty class")
		case p.skip("]"):
			if left != nil {
				set = left.intersect(set)
			}
			if negative {
				set = set.complement()
			}
			return set, nil
		case p.skip("&&"):
			if left != nil {
				set = left.intersect(set)
			}
			left, set = set, newCharset(nil)
		default:
			item, err := p.classItem()
			if err != nil {
				return nil, err
			}
			set = set.union(item)
		}
	}
}

// classItem reads a character, a range, an escape or a nested class.
func (p *patternParser) classItem() (*charset, error) {
	if p.skip("[:") {
		return nil, errors.New("POSIX class is not supported")
	}
	if p.skip("[") {
		return p.class()
	}
	lo, single, err := p.classChar()
	if err != nil || !single || p.i+1 >= len(p.s) || p.s[p.i] != '-' || p.s[p.i+1] == ']' {
		return lo, err
	}
	p.i++
	hi, single, err := p.classChar()
	if err != nil {
		return nil, err
	}
	from, to := lo.list[0].lo, hi.list[0].lo
	if !single || from > to {
		return nil, fmt.Errorf("bad range in class from %q", from)
	}
	return newCharset([]interval{{from, to}}), nil
}

func (p *patternParser) classChar() (set *charset, single bool, err error) {
	if p.skip(`\b`) {
		return singleton('\b'), true, nil
	}
	if p.skip(`\`) {
		return p.escapedSet()
	}
	return singleton(p.rune()), true, nil
}
