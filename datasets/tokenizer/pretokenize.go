package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitter is a pre-tokenizer: it cuts a piece into smaller ones, in order, none empty.
type splitter interface {
	split(p piece, emit func(piece))
	grow(g *growth)
}

// behavior says what becomes of the matches of a Split, the delimiters.
type behavior int

const (
	removed behavior = iota
	isolated
	mergedWithPrevious
	mergedWithNext
	contiguous
)

var behaviors = map[string]behavior{
	"Removed": removed, "Isolated": isolated, "MergedWithPrevious": mergedWithPrevious,
	"MergedWithNext": mergedWithNext, "Contiguous": contiguous,
}

// splitPattern cuts at the matches of a pattern.
type splitPattern struct {
	pattern  pattern
	behavior behavior
	invert   bool   // what lies between the matches is the delimiter
	source   string // of the pattern, when it is one; for fuse
}

func (s splitPattern) split(p piece, emit func(piece)) {
	c := cutter{behavior: s.behavior, p: p, emit: emit}
	done := 0
	s.pattern.matches(p.s, func(i, j int) {
		if done < i {
			c.add(done, i, s.invert)
		}
		c.add(i, j, !s.invert)
		done = j
	})
	if done < len(p.s) {
		c.add(done, len(p.s), s.invert)
	}
	c.flush()
}

// splitRunes cuts at the characters of a kind.
type splitRunes struct {
	is       func(rune) bool
	behavior behavior
	source   string // a pattern of the same characters, when scanners know it; for fuse
}

func (s splitRunes) split(p piece, emit func(piece)) {
	c := cutter{behavior: s.behavior, p: p, emit: emit}
	done := 0
	for i, r := range p.s {
		if !s.is(r) {
			continue
		}
		if done < i {
			c.add(done, i, false)
		}
		_, n := utf8.DecodeRuneInString(p.s[i:])
		done = i + n
		c.add(i, done, true)
	}
	if done < len(p.s) {
		c.add(done, len(p.s), false)
	}
	c.flush()
}

// splitWords is the pre-tokenizer Whitespace, \w+|[^\w\s]+: words, and what lies between
// words and white space.
type splitWords struct{}

func (splitWords) split(p piece, emit func(piece)) {
	const gap, word, other = 0, 1, 2
	start, kind := 0, gap
	for i, r := range p.s {
		k := other
		switch {
		case isWord(r):
			k = word
		case unicode.IsSpace(r):
			k = gap
		}
		if k != kind {
			if kind != gap {
				emit(p.sub(start, i))
			}
			start, kind = i, k
		}
	}
	if kind != gap {
		emit(p.sub(start, len(p.s)))
	}
}

// cutter applies a behavior to the parts of a piece as they come, holding back the last one that a
// later part may still be joined to.
type cutter struct {
	behavior   behavior
	p          piece
	emit       func(piece)
	start, end int  // the part held back
	held       bool // there is one
	match      bool // the last part was a delimiter
}

// add takes the bytes i to j, which are a delimiter or not.
func (c *cutter) add(i, j int, match bool) {
	join := false
	switch c.behavior {
	case removed:
		if match {
			return
		}
	case mergedWithPrevious:
		join = match && !c.match
	case mergedWithNext:
		join = !match && c.match
	case contiguous:
		join = match == c.match
	}
	if c.held && join {
		c.end = j
	} else {
		c.flush()
		c.start, c.end, c.held = i, j, true
	}
	c.match = match
}

func (c *cutter) flush() {
	if c.held && c.start < c.end {
		c.emit(c.p.sub(c.start, c.end))
	}
	c.held = false
}

// byteLevel is the pre-tokenizer ByteLevel. Its alphabet, which gives every byte a visible
// character, is left out when the model works on bytes itself.
type byteLevel struct {
	prefixSpace bool
	words       scanner // nil: the piece is one word
	alphabet    bool
}

func (b byteLevel) split(p piece, emit func(piece)) {
	if b.prefixSpace && !strings.HasPrefix(p.s, " ") {
		p = prependTo(p, " ")
	}
	out := emit
	if b.alphabet {
		out = func(q piece) { emit(alphabetNormalizer{}.normalize(q)) }
	}
	if b.words == nil {
		out(p)
		return
	}
	for i := 0; i < len(p.s); {
		j := b.words(p.s, i)
		out(p.sub(i, j))
		i = j
	}
}

func prependTo(p piece, s string) piece {
	e := newEdit(p)
	e.prepend(s)
	e.keep(0, len(p.s))
	return e.piece()
}

// alphabetNormalizer writes each byte as the character GPT-2's alphabet has for it.
type alphabetNormalizer struct{}

func (alphabetNormalizer) normalize(p piece) piece {
	e := newEdit(p)
	for i := range len(p.s) {
		e.put(byteChars[p.s[i]], i, i+1)
	}
	return e.piece()
}

// metaspace is SentencePiece's way with spaces: they become a visible character that stays with
// the word after it.
type metaspace struct {
	replacement string
	scheme      prependScheme
	cut         bool
}

type prependScheme int

const (
	prependAlways prependScheme = iota
	prependFirst
	prependNever
)

var prependSchemes = map[string]prependScheme{"always": prependAlways, "first": prependFirst, "never": prependNever}

func (m metaspace) split(p piece, emit func(piece)) {
	p = replaceText{" ", m.replacement}.normalize(p)
	if !strings.HasPrefix(p.s, m.replacement) && (m.scheme == prependAlways || m.scheme == prependFirst && p.first) {
		p = prependTo(p, m.replacement)
	}
	if !m.cut {
		emit(p)
		return
	}
	splitPattern{pattern: literal(m.replacement), behavior: mergedWithNext}.split(p, emit)
}

// isNumeric is Rust's char::is_numeric.
func isNumeric(r rune) bool {
	if r < 1<<16 {
		return classes()[r]&number != 0
	}
	return unicode.In(r, numbers...)
}

// byteChars is GPT-2's alphabet (bytes_to_unicode in its encoder.py): bytes that print keep their
// Latin-1 character, the others take the characters from U+0100 on, in order.
var byteChars = func() (t [256]string) {
	next := rune(0x100)
	for b := range rune(256) {
		if '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b && b <= 0xFF {
			t[b] = string(b)
			continue
		}
		t[b] = string(next)
		next++
	}
	return t
}()

// charBytes is the way back: the byte of each character of the alphabet, -1 for the others.
var charBytes = func() (t [0x144]int16) {
	for i := range t {
		t[i] = -1
	}
	for b, s := range byteChars {
		r, _ := utf8.DecodeRuneInString(s)
		t[r] = int16(b)
	}
	return t
}()

// appendRaw appends the bytes that a token written in the alphabet stands for. ok is false when
// the token has a character outside of the alphabet.
func appendRaw(b []byte, token string) (raw []byte, ok bool) {
	for _, r := range token {
		if int(r) >= len(charBytes) || charBytes[r] < 0 {
			return b, false
		}
		b = append(b, byte(charBytes[r]))
	}
	return b, true
}
