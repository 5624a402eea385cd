package tokenizer

import (
	"bytes"
	"unicode/utf8"
)

// piece is a run of normalized text that knows where its bytes came from.
type piece struct {
	s     string
	at    []Span // original span of each byte of s; nil when the bytes are the original's own
	base  int    // offset of s in the original, when at is nil
	first bool   // s begins where the original begins
	track bool   // at and base are wanted; without, they mean nothing
}

// sub returns the bytes i to j of p.
func (p piece) sub(i, j int) piece {
	q := piece{s: p.s[i:j], base: p.base + i, first: p.first && i == 0, track: p.track}
	if p.at != nil {
		q.at = p.at[i:j]
	}
	return q
}

// span returns the original bytes that p.s[i:j] stands for, widened to whole characters.
func (p piece) span(i, j int) Span {
	if p.at != nil {
		if i < j {
			return Span{p.at[i].Start, p.at[j-1].End}
		}
		return Span{p.base, p.base}
	}
	for i > 0 && i < len(p.s) && !utf8.RuneStart(p.s[i]) {
		i--
	}
	for j < len(p.s) && !utf8.RuneStart(p.s[j]) {
		j++
	}
	return Span{p.base + i, p.base + j}
}

// edit builds a changed copy of a piece.
type edit struct {
	from  piece
	out   []byte
	at    []Span
	first bool // what is written begins where the original begins
}

func newEdit(p piece) *edit {
	return &edit{from: p, out: make([]byte, 0, len(p.s)+8)}
}

// begin notes where the first byte of all comes from, when n bytes are written that come from byte i.
func (e *edit) begin(i, n int) {
	if len(e.out) == 0 && n > 0 {
		e.first = e.from.first && i == 0
	}
}

// keep copies the bytes i to j as they are.
func (e *edit) keep(i, j int) {
	e.begin(i, j-i)
	e.out = append(e.out, e.from.s[i:j]...)
	if !e.from.track {
		return
	}
	if e.from.at != nil {
		e.at = append(e.at, e.from.at[i:j]...)
		return
	}
	for i < j {
		_, n := utf8.DecodeRuneInString(e.from.s[i:])
		for range min(n, j-i) {
			e.at = append(e.at, Span{e.from.base + i, e.from.base + i + n})
		}
		i += n
	}
}

// put writes s in the place of the bytes i to j.
func (e *edit) put(s string, i, j int) {
	e.begin(i, len(s))
	e.out = append(e.out, s...)
	if !e.from.track {
		return
	}
	at := e.from.span(i, j)
	for range len(s) {
		e.at = append(e.at, at)
	}
}

// prepend writes s before everything. What is prepended stands for the first character, as in HF:
// a span of its own would be empty, and an empty span belongs to neither side of a boundary.
func (e *edit) prepend(s string) {
	_, n := utf8.DecodeRuneInString(e.from.s)
	e.put(s, 0, n)
}

// trimRight takes as many s from the end as there are.
func (e *edit) trimRight(s string) {
	for bytes.HasSuffix(e.out, []byte(s)) {
		e.out = e.out[:len(e.out)-len(s)]
	}
	if e.from.track {
		e.at = e.at[:len(e.out)]
	}
}

func (e *edit) piece() piece {
	p := piece{s: string(e.out), base: e.from.base, first: e.first, track: e.from.track}
	if e.from.track {
		p.at = e.at
		if p.at == nil {
			p.at = []Span{}
		}
	}
	return p
}
