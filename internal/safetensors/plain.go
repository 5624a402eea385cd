package safetensors

import (
	"bytes"
	"math"
	"slices"
)

// readPlain reads a header that is spelt as all writers spell it: without escapes, with at most a space after a comma
// or a colon, the keys of an entry in the order dtype, shape, data_offsets. It takes an eighth of the time of
// encoding/json, which matters with 10⁵ tensors. Of anything else, and of whatever is wrong, it makes nil: then
// [readObject] reads it, and says what is wrong.
func readPlain(text []byte) *header {
	h := &header{spans: map[string]span{}}
	p := &plain{rest: text}
	p.list('{', '}', maxTensors, func() {
		key := p.key()
		if key == metadataKey {
			p.bad = p.bad || h.metadata != nil
			h.metadata = p.texts()
			return
		}
		_, seen := h.spans[key]
		s := p.span()
		p.bad = p.bad || seen || s.check() != nil
		h.spans[key] = s
	})
	if p.bad || len(bytes.Trim(p.rest, " ")) > 0 {
		return nil
	}
	return h
}

// plain is what is left of a text, and whether what came before it was not plain. Once it was not, nothing is read.
type plain struct {
	rest []byte
	bad  bool
}

// next tells whether a byte comes next, and is skipped.
func (p *plain) next(c byte) bool {
	if p.bad || len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// must skips a text, and a space after it.
func (p *plain) must(s string) {
	rest, found := bytes.CutPrefix(p.rest, []byte(s))
	if p.bad = p.bad || !found; !p.bad {
		p.rest = rest
		p.next(' ')
	}
}

// list reads at most limit items between two brackets.
func (p *plain) list(open, end byte, limit int, item func()) {
	p.bad = p.bad || !p.next(open)
	for n := 0; !p.bad && !p.next(end); n++ {
		if n > 0 {
			p.must(",")
		}
		p.bad = p.bad || n == limit
		if !p.bad {
			item()
		}
	}
}

func (p *plain) key() string {
	s := p.text()
	p.must(":")
	return s
}

// text reads a string without escapes.
func (p *plain) text() string {
	p.bad = p.bad || !p.next('"')
	end := bytes.IndexByte(p.rest, '"')
	if p.bad || end < 0 || slices.ContainsFunc(p.rest[:end], func(c byte) bool { return c == '\\' || c < ' ' }) {
		p.bad = true
		return ""
	}
	s := string(p.rest[:end])
	p.rest = p.rest[end+1:]
	return s
}

// number reads digits, of which the first is no zero, that are far below 2⁶³.
func (p *plain) number() int64 {
	n, at := int64(0), 0
	for at < len(p.rest) && p.rest[at] >= '0' && p.rest[at] <= '9' && n < math.MaxInt64/100 {
		n = 10*n + int64(p.rest[at]-'0')
		at++
	}
	if p.bad = p.bad || at == 0 || at > 1 && p.rest[0] == '0'; p.bad {
		return 0
	}
	p.rest = p.rest[at:]
	return n
}

// texts reads an object of strings.
func (p *plain) texts() map[string]string {
	all := map[string]string{}
	p.list('{', '}', maxMetadata, func() {
		key := p.key()
		_, seen := all[key]
		p.bad = p.bad || seen
		all[key] = p.text()
	})
	return all
}

// span reads an entry, which is not checked.
func (p *plain) span() span {
	s := span{shape: []int{}}
	p.must(`{"dtype":`)
	s.dtype = p.text()
	p.must(",")
	p.must(`"shape":`)
	p.list('[', ']', maxDims, func() {
		n := p.number()
		p.bad = p.bad || n > math.MaxInt
		s.shape = append(s.shape, int(n))
	})
	p.must(",")
	p.must(`"data_offsets":`)
	var offsets []int64
	p.list('[', ']', 2, func() { offsets = append(offsets, p.number()) })
	if p.bad = p.bad || len(offsets) != 2 || !p.next('}'); !p.bad {
		s.begin, s.end = offsets[0], offsets[1]
	}
	return s
}
