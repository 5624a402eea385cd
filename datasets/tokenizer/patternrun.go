package tokenizer

import "unicode/utf8"

// memoAfter is how many choices for each character a machine makes before it begins to remember.
// Patterns of real tokenizers stay below it on all but odd texts.
const memoAfter = 32

// machine runs a program over one text.
type machine struct {
	*program
	s     string
	stack []choice
	// Bit memo*(len(s)+1)+position: the instruction has failed there; for opLook and what is
	// inside of it, or has matched. nil until enough choices are made.
	failed, passed []uint64
	choices        int
	// The last run that opRun measured, so that a text is not measured again from each of its
	// positions.
	runSet         *charset
	runLo, runHigh int
}

// choice is a split on the way to the present state.
type choice struct {
	pc, at int
	second bool // y is being tried; when that fails too, so does the split
}

// run returns the end of the preferred match of the code at pc from position at on.
func (m *machine) run(pc, at int) (end int, ok bool) {
	base := len(m.stack)
	defer func() { m.stack = m.stack[:base] }()
	inLook := pc != 0
	for {
		next, pos, state := m.forward(pc, at, inLook)
		switch state {
		case matched:
			if inLook {
				m.rememberPassed(base)
			}
			return pos, true
		case branched:
			pc, at = next, pos
			continue
		}
		if pc, at, ok = m.back(base); !ok {
			return 0, false
		}
	}
}

type outcome byte

const (
	failed outcome = iota
	matched
	branched
)

// forward runs code until it has to choose, matches or fails.
func (m *machine) forward(pc, at int, inLook bool) (int, int, outcome) {
	for {
		in := &m.code[pc]
		switch in.op {
		case opMatch:
			return pc, at, matched
		case opSet:
			r, n := utf8.DecodeRuneInString(m.s[at:])
			if n == 0 || !in.set.has(r) {
				return 0, 0, failed
			}
			at += n
			pc++
		case opJump:
			pc = in.x
		case opSplit:
			if m.known(m.failed, in.memo, at) {
				return 0, 0, failed
			}
			if inLook && m.known(m.passed, in.memo, at) {
				return pc, at, matched
			}
			m.choose(pc, at)
			return in.x, at, branched
		case opLook:
			if m.look(in, at) == in.negative {
				return 0, 0, failed
			}
			pc = in.y
		case opAssert:
			if !m.assert(in.assert, at) {
				return 0, 0, failed
			}
			pc++
		case opRun:
			end, ok := m.measure(in, at)
			if !ok {
				return 0, 0, failed
			}
			at = end
			pc++
		}
	}
}

func (m *machine) choose(pc, at int) {
	m.stack = append(m.stack, choice{pc: pc, at: at})
	if m.choices++; m.choices == memoAfter*(len(m.s)+64) {
		bits := m.memos*(len(m.s)+1)/64 + 1
		m.failed, m.passed = make([]uint64, bits), make([]uint64, bits)
	}
}

// back returns to the last choice that has something left to try.
func (m *machine) back(base int) (pc, at int, ok bool) {
	for len(m.stack) > base {
		c := &m.stack[len(m.stack)-1]
		if !c.second {
			c.second = true
			return m.code[c.pc].y, c.at, true
		}
		m.remember(m.failed, m.code[c.pc].memo, c.at)
		m.stack = m.stack[:len(m.stack)-1]
	}
	return 0, 0, false
}

func (m *machine) known(bits []uint64, memo, at int) bool {
	if bits == nil {
		return false
	}
	k := memo*(len(m.s)+1) + at
	return bits[k/64]>>(k%64)&1 != 0
}

func (m *machine) remember(bits []uint64, memo, at int) {
	if bits == nil {
		return
	}
	k := memo*(len(m.s)+1) + at
	bits[k/64] |= 1 << (k % 64)
}

// rememberPassed notes that every choice on the way to a match led to one. It is used for looking
// around only, where the end of the match does not matter.
func (m *machine) rememberPassed(base int) {
	for _, c := range m.stack[base:] {
		m.remember(m.passed, m.code[c.pc].memo, c.at)
	}
}

// look reports whether the code inside of a look-around matches at the position.
func (m *machine) look(in *instr, at int) bool {
	if m.known(m.failed, in.memo, at) {
		return false
	}
	if m.known(m.passed, in.memo, at) {
		return true
	}
	from := at
	for range in.width {
		_, n := utf8.DecodeLastRuneInString(m.s[:from])
		if n == 0 {
			return false
		}
		from -= n
	}
	_, ok := m.run(in.x, from)
	if ok {
		m.remember(m.passed, in.memo, at)
	} else {
		m.remember(m.failed, in.memo, at)
	}
	return ok
}

// assert reports whether a position is what \A \z \Z \b \B ^ $ ask for. As in Ruby, ^ and $ are
// about lines.
func (m *machine) assert(kind byte, at int) bool {
	s := m.s
	switch kind {
	case 'A':
		return at == 0
	case 'z':
		return at == len(s)
	case 'Z':
		return at == len(s) || s[at:] == "\n"
	case '^':
		return at == 0 || s[at-1] == '\n' && at < len(s)
	case '$':
		return at == len(s) || s[at] == '\n'
	}
	before, n := utf8.DecodeLastRuneInString(s[:at])
	after, k := utf8.DecodeRuneInString(s[at:])
	word := patternWord()
	return ((n > 0 && word.has(before)) != (k > 0 && word.has(after))) == (kind == 'b')
}

// measure returns the end of the possessive run of in at a position.
func (m *machine) measure(in *instr, at int) (int, bool) {
	if in.max < 0 && in.min <= 1 {
		end := m.unlimited(in.set, at)
		return end, end > at || in.min == 0
	}
	n := 0
	for in.max < 0 || n < in.max {
		r, w := utf8.DecodeRuneInString(m.s[at:])
		if w == 0 || !in.set.has(r) {
			break
		}
		at += w
		n++
	}
	return at, n >= in.min
}

func (m *machine) unlimited(set *charset, at int) int {
	if m.runSet == set && m.runLo <= at && at <= m.runHigh {
		return m.runHigh
	}
	end := at
	for end < len(m.s) {
		r, w := utf8.DecodeRuneInString(m.s[end:])
		if !set.has(r) {
			break
		}
		end += w
	}
	m.runSet, m.runLo, m.runHigh = set, at, end
	return end
}
