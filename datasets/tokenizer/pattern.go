package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pattern finds its matches in a text.
type pattern interface {
	// matches calls yield for every match, left to right. Matches do not overlap.
	matches(s string, yield func(i, j int))
}

// compilePattern returns the scanner of a pattern that has one, else a program.
func compilePattern(expr string) (pattern, error) {
	if f, ok := scanners[expr]; ok {
		return f, nil
	}
	n, err := parsePattern(expr)
	if err != nil {
		return nil, err
	}
	if c, ok := repeatedChar(n); ok {
		return c, nil
	}
	p, err := compileNode(expr, n)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// charRun is the pattern of at least min of one ASCII character, as many as there are: " {2,}".
type charRun struct {
	c   byte
	min int
}

func (r charRun) matches(s string, yield func(i, j int)) {
	first := strings.Repeat(string(r.c), r.min)
	for i := 0; ; {
		k := strings.Index(s[i:], first)
		if k < 0 {
			return
		}
		i += k
		j := i + r.min
		for j < len(s) && s[j] == r.c {
			j++
		}
		yield(i, j)
		i = j
	}
}

// repeatedChar reports whether n is a charRun.
func repeatedChar(n *node) (charRun, bool) {
	if n.kind == nodeSeq && len(n.subs) == 1 {
		n = n.subs[0]
	}
	if n.kind != nodeRepeat || n.lazy || n.min < 1 || n.max >= 0 || n.subs[0].kind != nodeSet {
		return charRun{}, false
	}
	list := n.subs[0].set.list
	if len(list) != 1 || list[0].lo != list[0].hi || list[0].lo >= utf8.RuneSelf {
		return charRun{}, false
	}
	return charRun{byte(list[0].lo), n.min}, true
}

// program is a compiled pattern: a backtracking machine with Oniguruma's order of preference.
//
// A backtracking machine is exponential on hostile patterns unless it remembers. There are no
// back-references here, so what a state can still match depends on the state and the position
// alone, and a machine that never tries a (state, position) again that has failed is linear in
// the text. The memory for that is taken only when a match has cost many steps.
type program struct {
	code   []instr
	memos  int // instructions that remember: their memo fields count from 0
	source string
}

type op byte

const (
	opSet    op = iota // one character of set
	opSplit            // try x, then y
	opJump             // go on at x
	opLook             // run the code at x here, width characters back when behind; go on at y
	opAssert           // assert
	opRun              // min to max characters of set, as many as there are, never fewer
	opMatch
)

type instr struct {
	op       op
	set      *charset
	x, y     int
	min, max int
	memo     int
	width    int // opLook: of a look-behind, in characters
	behind   bool
	negative bool
	assert   byte
}

// Limits on a program. What a machine remembers is maxMemos bits for each byte of text at worst.
const (
	maxProgram = 1 << 14
	maxMemos   = 256
)

var errTooLarge = errors.New("pattern is too large")

func compileNode(expr string, n *node) (*program, error) {
	p := &program{source: expr}
	if err := p.compile(n); err != nil {
		return nil, fmt.Errorf("compile pattern: %w", err)
	}
	p.emit(instr{op: opMatch})
	return p, nil
}

func (p *program) emit(in instr) int {
	if in.op == opSplit || in.op == opLook {
		in.memo = p.memos
		p.memos++
	}
	p.code = append(p.code, in)
	return len(p.code) - 1
}

func (p *program) compile(n *node) error {
	if len(p.code) > maxProgram || p.memos > maxMemos {
		return errTooLarge
	}
	switch n.kind {
	case nodeSet:
		p.emit(instr{op: opSet, set: n.set})
	case nodeSeq:
		for _, s := range n.subs {
			if err := p.compile(s); err != nil {
				return err
			}
		}
	case nodeAlt:
		return p.compileAlt(n.subs)
	case nodeRepeat:
		return p.compileRepeat(n)
	case nodeLook:
		return p.compileLook(n)
	case nodeAssert:
		p.emit(instr{op: opAssert, assert: n.assert})
	}
	return nil
}

func (p *program) compileAlt(subs []*node) error {
	var ends []int
	for i, s := range subs {
		split := -1
		if i < len(subs)-1 {
			split = p.emit(instr{op: opSplit, x: len(p.code) + 1})
		}
		if err := p.compile(s); err != nil {
			return err
		}
		if split >= 0 {
			ends = append(ends, p.emit(instr{op: opJump}))
			p.code[split].y = len(p.code)
		}
	}
	for _, e := range ends {
		p.code[e].x = len(p.code)
	}
	return nil
}

func (p *program) compileRepeat(n *node) error {
	sub := n.subs[0]
	if n.keep {
		p.emit(instr{op: opRun, set: sub.set, min: n.min, max: n.max})
		return nil
	}
	for range n.min {
		if err := p.compile(sub); err != nil {
			return err
		}
	}
	if n.max < 0 {
		split := p.emit(instr{op: opSplit})
		if err := p.compile(sub); err != nil {
			return err
		}
		p.emit(instr{op: opJump, x: split})
		p.choose(split, n.lazy)
		return nil
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, p.emit(instr{op: opSplit}))
		if err := p.compile(sub); err != nil {
			return err
		}
	}
	for _, s := range splits {
		p.choose(s, n.lazy)
	}
	return nil
}

// choose points a split at what follows it and at the present end of the code.
func (p *program) choose(split int, lazy bool) {
	p.code[split].x, p.code[split].y = split+1, len(p.code)
	if lazy {
		p.code[split].x, p.code[split].y = p.code[split].y, p.code[split].x
	}
}

func (p *program) compileLook(n *node) error {
	in := instr{op: opLook, negative: n.negative, behind: n.behind}
	if n.behind {
		w, ok := width(n.subs[0])
		if !ok {
			return errors.New("look-behind has no fixed width")
		}
		in.width = w
	}
	at := p.emit(in)
	p.code[at].x = len(p.code)
	if err := p.compile(n.subs[0]); err != nil {
		return err
	}
	p.emit(instr{op: opMatch})
	p.code[at].y = len(p.code)
	return nil
}

// width returns how many characters n matches, when that is always the same number.
func width(n *node) (int, bool) {
	switch n.kind {
	case nodeSet:
		return 1, true
	case nodeSeq:
		sum := 0
		for _, s := range n.subs {
			w, ok := width(s)
			if !ok {
				return 0, false
			}
			sum += w
		}
		return sum, true
	case nodeAlt:
		first, ok := width(n.subs[0])
		for _, s := range n.subs[1:] {
			w, fixed := width(s)
			ok = ok && fixed && w == first
		}
		return first, ok
	case nodeRepeat:
		w, ok := width(n.subs[0])
		return w * n.min, ok && n.min == n.max
	}
	return 0, true
}

// matches finds what Oniguruma's search finds when it is repeated: an empty match that touches
// the match before is skipped.
func (p *program) matches(s string, yield func(i, j int)) {
	m := machine{program: p, s: s}
	last := -1
	for i := 0; i <= len(s); {
		j, ok := m.run(0, i)
		if ok && (j > i || i != last) {
			yield(i, j)
			last = j
			if j > i {
				i = j
				continue
			}
		}
		if i == len(s) {
			break
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
}
