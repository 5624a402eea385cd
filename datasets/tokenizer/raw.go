package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// rawModel encodes text as it was given where normalizing it would only make spaces visible or
// squeeze them: no normalized copy of the text is made, and its words are looked up as they are.
// Spans are not kept; a text whose spans are wanted takes the long way.
type rawModel interface {
	encodeRaw(text string, first bool, out *sink)
}

// setRaw finds the tokenizers that need no normalized copy.
func (t *Tokenizer) setRaw() {
	if t.added.normalized.child != nil {
		return // tokens are to be found in the copy
	}
	switch m := t.model.(type) {
	case *bpe:
		if spaces, ok := onlySpaces(t.norm, t.pre); ok && m.cuts != nil && m.scan == nil {
			t.raw = newRawBPE(m, spaces)
		}
	case *unigram:
		if r := newRawUnigram(t, m); r != nil {
			t.raw = r
		}
	}
}

// rawSpaces says where a visible space comes before a piece.
type rawSpaces struct {
	scheme prependScheme
	unless bool // the piece begins with a space already
	valid  bool // bytes that are no characters are rewritten
}

// onlySpaces reports whether normalizing and pre-tokenizing do nothing but make spaces visible.
func onlySpaces(n normalizer, pre []splitter) (spaces rawSpaces, ok bool) {
	if s, ok := n.(*spmNormalizer); ok {
		plain := s.charsmap == nil && s.escape && !s.squeeze && !s.suffix
		return rawSpaces{scheme: s.scheme, valid: true}, plain && len(pre) == 0
	}
	if n == nil && len(pre) == 1 {
		s, ok := pre[0].(metaspace)
		return rawSpaces{scheme: s.scheme, unless: true}, ok && s.replacement == metaspaceChar && !s.cut
	}
	list, isList := n.(normalizers)
	if !isList {
		list = normalizers{n}
	}
	spaces.scheme = prependNever
	if len(list) > 0 && list[0] == prependText(metaspaceChar) {
		spaces.scheme, list = prependAlways, list[1:]
	}
	for _, p := range pre {
		// Where Gemma cuts at spaces there are none left.
		if s, ok := p.(splitPattern); !ok || s.pattern != literal(" ") {
			return spaces, false
		}
	}
	return spaces, len(list) == 1 && list[0] == replaceText{" ", metaspaceChar}
}

// before reports whether a visible space comes before s.
func (r rawSpaces) before(s string, first bool) bool {
	if r.scheme == prependNever || r.scheme == prependFirst && !first {
		return false
	}
	return !r.unless || s[0] != ' ' && !strings.HasPrefix(s, metaspaceChar)
}

// rawBPE is a model of text whose spaces are visible, on text whose spaces are spaces.
type rawBPE struct {
	*bpe
	spaces rawSpaces
	cuts   cutTable // of the model, with spaces in the class of visible ones
	// cut is cuts for two characters of ASCII: one look-up instead of three.
	cut [utf8.RuneSelf][utf8.RuneSelf]bool
}

func newRawBPE(m *bpe, spaces rawSpaces) *rawBPE {
	r := &rawBPE{bpe: m, spaces: spaces, cuts: *m.cuts}
	r.cuts.class[' '] = classSpace
	for a := range r.cut {
		for b := range r.cut[a] {
			r.cut[a][b] = r.cuts.cut[r.cuts.class[a]][r.cuts.class[b]]
		}
	}
	return r
}

func (r *rawBPE) encodeRaw(s string, first bool, out *sink) {
	if r.spaces.valid {
		s = replaceInvalid(s)
	}
	start := 0
	if r.spaces.before(s, first) {
		if class, _ := r.cuts.at(s, 0); !r.cuts.cut[classSpace][class] {
			start = r.next(s, 0)
		}
		p := piece{s: " " + s[:start]}
		r.word(&p, 0, len(p.s), out)
	}
	p := piece{s: s}
	for start < len(s) {
		end := r.next(s, start)
		r.word(&p, start, end, out)
		start = end
	}
}

// replaceInvalid writes each byte of s that is no character as U+FFFD.
func replaceInvalid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// next is cutTable.next.
func (r *rawBPE) next(s string, start int) int {
	last := s[start]
	i := start + 1
	for i < len(s) && last < utf8.RuneSelf {
		c := s[i]
		if c >= utf8.RuneSelf {
			break
		}
		if r.cut[last][c] {
			return i
		}
		last, i = c, i+1
	}
	if i >= len(s) {
		return len(s)
	}
	if last < utf8.RuneSelf {
		i--
	} else {
		i = start
	}
	return r.cuts.next(s, i)
}

// word encodes the bytes i to j of p. The cache has it under the text as it was given: no text
// that went the long way has a space, so that no two texts that differ share an entry.
func (r *rawBPE) word(p *piece, i, j int, out *sink) {
	if r.cache.put(p, i, j, out) {
		return
	}
	sc := r.symbols()
	s := p.s[i:j]
	r.merge(strings.ReplaceAll(s, " ", metaspaceChar), sc)
	out.ids = append(out.ids, sc.ids...)
	r.cache.set(s, sc)
	r.release(sc)
}
