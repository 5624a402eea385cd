package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on a pattern; real ones stay far below.
const (
	maxPattern      = 16 << 10 // bytes
	maxPatternDepth = 64       // nested groups
	maxRepeat       = 1000     // in {n,m}
)

// node is a parsed pattern.
type node struct {
	kind     nodeKind
	set      *charset // nodeSet
	subs     []*node  // nodeSeq, nodeAlt; one for nodeRepeat and nodeLook
	min, max int      // nodeRepeat; max < 0: no limit
	lazy     bool     // nodeRepeat: as few as possible
	keep     bool     // nodeRepeat: possessive, never gives back
	negative bool     // nodeLook
	behind   bool     // nodeLook
	assert   byte     // nodeAssert: the letter of \A \z \Z \b \B, or ^ $
}

type nodeKind byte

const (
	nodeSet nodeKind = iota
	nodeSeq
	nodeAlt
	nodeRepeat
	nodeLook
	nodeAssert
)

// patternParser reads the part of Oniguruma's Ruby syntax that describes regular languages and
// looking around. Captures match like plain groups. The rest is refused.
type patternParser struct {
	s     string
	i     int
	depth int
	fold  bool
}

func parsePattern(s string) (*node, error) {
	if len(s) > maxPattern {
		return nil, fmt.Errorf("pattern of %d bytes is longer than %d", len(s), maxPattern)
	}
	p := &patternParser{s: s}
	n, err := p.alternatives()
	if err == nil && p.i < len(p.s) {
		err = errors.New("unmatched )")
	}
	if err != nil {
		return nil, fmt.Errorf("parse pattern at byte %d: %w", p.i, err)
	}
	return n, nil
}

func (p *patternParser) more() bool { return p.i < len(p.s) }

func (p *patternParser) skip(prefix string) bool {
	if strings.HasPrefix(p.s[p.i:], prefix) {
		p.i += len(prefix)
		return true
	}
	return false
}

func (p *patternParser) rune() rune {
	r, n := utf8.DecodeRuneInString(p.s[p.i:])
	p.i += n
	return r
}

// alternatives reads up to the end or to the parenthesis that closes the group.
func (p *patternParser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxPatternDepth {
		return nil, errors.New("groups are nested too deeply")
	}
	defer func() { p.depth-- }()
	alt := &node{kind: nodeAlt}
	for {
		seq, err := p.sequence()
		if err != nil {
			return nil, err
		}
		alt.subs = append(alt.subs, seq)
		if !p.skip("|") {
			break
		}
	}
	if len(alt.subs) == 1 {
		return alt.subs[0], nil
	}
	return alt, nil
}

func (p *patternParser) sequence() (*node, error) {
	seq := &node{kind: nodeSeq}
	for p.more() && p.s[p.i] != '|' && p.s[p.i] != ')' {
		atom, err := p.atom()
		if err != nil {
			return nil, err
		}
		if atom, err = p.repeats(atom); err != nil {
			return nil, err
		}
		seq.subs = append(seq.subs, atom)
	}
	return seq, nil
}

func (p *patternParser) atom() (*node, error) {
	switch c := p.rune(); c {
	case '(':
		return p.group()
	case '[':
		set, err := p.class()
		return p.setNode(set), err
	case '\\':
		return p.escape()
	case '.':
		return &node{kind: nodeSet, set: singleton('\n').complement()}, nil
	case '^', '$':
		return &node{kind: nodeAssert, assert: byte(c)}, nil
	case '*', '+', '?':
		return nil, fmt.Errorf("nothing to repeat before %q", c)
	default:
		return p.setNode(singleton(c)), nil
	}
}

func (p *patternParser) setNode(set *charset) *node {
	if p.fold && set != nil {
		set = set.fold()
	}
	return &node{kind: nodeSet, set: set}
}

func (p *patternParser) group() (*node, error) {
	n := &node{kind: nodeLook}
	switch {
	case p.skip("?:"):
		return p.closed()
	case p.skip("?="):
	case p.skip("?!"):
		n.negative = true
	case p.skip("?<="):
		n.behind = true
	case p.skip("?<!"):
		n.behind, n.negative = true, true
	case p.skip("?i)"), p.skip("?i:"):
		return p.flagged(true)
	case p.skip("?-i)"), p.skip("?-i:"):
		return p.flagged(false)
	case strings.HasPrefix(p.s[p.i:], "?"):
		return nil, fmt.Errorf("group %q is not supported", p.s[p.i-1:min(p.i+3, len(p.s))])
	default:
		return p.closed()
	}
	sub, err := p.closed()
	if err != nil {
		return nil, err
	}
	n.subs = []*node{sub}
	return n, nil
}

// flagged reads what a change of (?i) covers: the group after (?i:, or after (?i) the rest of the
// group it stands in, alternatives included, as Ruby has it.
func (p *patternParser) flagged(fold bool) (*node, error) {
	old := p.fold
	p.fold = fold
	defer func() { p.fold = old }()
	if p.s[p.i-1] == ':' {
		return p.closed()
	}
	return p.alternatives()
}

func (p *patternParser) closed() (*node, error) {
	n, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.skip(")") {
		return nil, errors.New("missing )")
	}
	return n, nil
}

func (p *patternParser) escape() (*node, error) {
	if !p.more() {
		return nil, errors.New("pattern ends in a backslash")
	}
	switch c := p.s[p.i]; c {
	case 'A', 'z', 'Z', 'b', 'B':
		p.i++
		return &node{kind: nodeAssert, assert: c}, nil
	}
	set, _, err := p.escapedSet()
	if err != nil {
		return nil, err
	}
	return p.setNode(set), nil
}

// escapedSet reads what follows a backslash, inside or outside of a class. single is false when
// it stands for more than one character.
func (p *patternParser) escapedSet() (set *charset, single bool, err error) {
	if !p.more() {
		return nil, false, errors.New("pattern ends in a backslash")
	}
	c := p.rune()
	if set := escapeSet(c); set != nil {
		return set, false, nil
	}
	switch c {
	case 'p', 'P':
		set, err := p.property(c == 'P')
		return set, false, err
	case 'x', 'u':
		r, err := p.codePoint(c)
		return singleton(r), true, err
	case 'n', 't', 'r', 'f', 'v', 'a', 'e':
		return singleton(controls[c]), true, nil
	}
	if c < utf8.RuneSelf && isWord(c) {
		return nil, false, fmt.Errorf(`escape "\%c" is not supported`, c)
	}
	return singleton(c), true, nil
}

var controls = map[rune]rune{'n': '\n', 't': '\t', 'r': '\r', 'f': '\f', 'v': '\v', 'a': '\a', 'e': 0x1B}

func (p *patternParser) property(negative bool) (*charset, error) {
	if !p.skip("{") {
		return nil, errors.New(`missing { after \p`)
	}
	name, _, ok := strings.Cut(p.s[p.i:], "}")
	if !ok {
		return nil, errors.New(`missing } after \p{`)
	}
	p.i += len(name) + 1
	set, err := propertySet(name)
	if err == nil && negative {
		set = set.complement()
	}
	return set, err
}

// codePoint reads the digits of \x00, \x{0000} and \u0000.
func (p *patternParser) codePoint(kind rune) (rune, error) {
	digits, limit := "", 2
	if kind == 'u' {
		limit = 4
	}
	if kind == 'x' && p.skip("{") {
		var ok bool
		if digits, _, ok = strings.Cut(p.s[p.i:], "}"); !ok {
			return 0, errors.New(`missing } after \x{`)
		}
		p.i++
	} else {
		digits = p.s[p.i:min(p.i+limit, len(p.s))]
	}
	p.i += len(digits)
	var r rune
	if _, err := fmt.Sscanf(digits, "%x", &r); err != nil || fmt.Sprintf("%0*x", len(digits), r) != strings.ToLower(digits) || !utf8.ValidRune(r) {
		return 0, fmt.Errorf("bad code point %q", digits)
	}
	if kind == 'x' && len(digits) == 2 && r >= utf8.RuneSelf {
		return 0, fmt.Errorf(`"\x%s" is a byte, not a character`, digits)
	}
	return r, nil
}

// repeats reads the quantifiers after an atom. Ruby lets them stack: a{2}+ repeats a{2}.
func (p *patternParser) repeats(atom *node) (*node, error) {
	for p.more() {
		n := &node{kind: nodeRepeat, subs: []*node{atom}}
		braces := false
		switch p.s[p.i] {
		case '*':
			n.max = -1
		case '+':
			n.min, n.max = 1, -1
		case '?':
			n.max = 1
		case '{':
			ok, err := p.braces(n)
			if err != nil || !ok {
				return atom, err
			}
			braces = true
		default:
			return atom, nil
		}
		if !braces {
			p.i++
		}
		if p.skip("?") {
			n.lazy = true
		} else if !braces && p.skip("+") {
			n.keep = true
		}
		if err := checkRepeat(n); err != nil {
			return nil, err
		}
		atom = n
	}
	return atom, nil
}

func checkRepeat(n *node) error {
	sub := n.subs[0]
	switch {
	case sub.kind == nodeLook || sub.kind == nodeAssert || nullable(sub):
		return errors.New("repeats something that can match nothing")
	case n.keep && sub.kind != nodeSet:
		return errors.New("possessive repeat of a group is not supported")
	}
	return nil
}

// braces reads {n}, {n,}, {n,m} or {,m}. Anything else in braces is literal text, which no
// tokenizer needs and which is refused.
func (p *patternParser) braces(n *node) (bool, error) {
	body, _, ok := strings.Cut(p.s[p.i+1:], "}")
	if !ok {
		return false, errors.New("missing } after {")
	}
	low, high, isRange := strings.Cut(body, ",")
	var err1, err2 error
	n.min, err1 = count(low, 0)
	n.max = n.min
	if isRange {
		n.max, err2 = count(high, -1)
	}
	if err1 != nil || err2 != nil || body == "" || body == "," || n.max >= 0 && n.max < n.min {
		return false, fmt.Errorf("bad repeat {%s}", body)
	}
	p.i += len(body) + 2
	return true, nil
}

func count(s string, empty int) (int, error) {
	if s == "" {
		return empty, nil
	}
	n := 0
	for _, c := range s {
		if n = n*10 + int(c-'0'); c < '0' || c > '9' || n > maxRepeat {
			return 0, errors.New("bad count")
		}
	}
	return n, nil
}

func nullable(n *node) bool {
	switch n.kind {
	case nodeSet:
		return false
	case nodeSeq:
		for _, s := range n.subs {
			if !nullable(s) {
				return false
			}
		}
		return true
	case nodeAlt:
		for _, s := range n.subs {
			if nullable(s) {
				return true
			}
		}
		return false
	case nodeRepeat:
		return n.min == 0 || nullable(n.subs[0])
	}
	return true
}
