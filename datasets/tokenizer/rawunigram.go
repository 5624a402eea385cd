package tokenizer

import "unicode/utf8"

// Kinds of bytes in text that was not normalized.
const (
	rawOther = iota // to be normalized
	rawPlain        // stays as it is
	rawBlank        // becomes a space
)

// rawUnigram is a model of words that begin with a visible space, on text that was not normalized.
// Words of plain ASCII are looked up as they are. What lies around other characters, from a space
// to the next after a plain word, is normalized: a run of spaces that has no character beyond ASCII
// beside it becomes what it becomes whatever is farther away.
type rawUnigram struct {
	*unigram
	tok     *Tokenizer
	squeeze bool // a run of spaces is one
	kind    [256]uint8
	words   wordCache // by the word without its space: not the model's own, which has it
	space   []int32   // ids of a visible space alone
	scheme  prependScheme
}

// newRawUnigram returns nil for tokenizers that do something else.
func newRawUnigram(t *Tokenizer, m *unigram) *rawUnigram {
	if m.cuts != nil || len(t.pre) != 1 {
		return nil
	}
	s, ok := t.pre[0].(metaspace)
	if !ok || s.replacement != metaspaceChar || !s.cut {
		return nil
	}
	r := &rawUnigram{unigram: m, tok: t, scheme: s.scheme}
	if !r.setKinds(t.norm) {
		return nil
	}
	r.words = newWordCache()
	var out sink
	m.encode(piece{s: metaspaceChar}, &out)
	r.space = out.ids
	return r
}

// setKinds reads the table of bytes off the normalizer, and reports whether it is one of those that
// replace characters and then squeeze spaces.
func (r *rawUnigram) setKinds(n normalizer) bool {
	list, ok := n.(normalizers)
	if !ok && n != nil {
		list = normalizers{n}
	}
	for c := range utf8.RuneSelf {
		r.kind[c] = rawPlain
	}
	r.kind[' '] = rawBlank
	if len(list) > 0 {
		if p, ok := list[0].(precompiled); ok {
			r.replaceKinds(p.charsmap)
			list = list[1:]
		}
	}
	if len(list) > 0 {
		if p, ok := list[0].(replacePattern); ok && p.source == squeezeSpaces && (p.new == " " || p.new == metaspaceChar) {
			r.squeeze, list = true, list[1:]
		}
	}
	return len(list) == 0
}

// squeezeSpaces is the pattern by which T5's descendants squeeze runs of spaces.
const squeezeSpaces = " {2,}"

func (r *rawUnigram) replaceKinds(m *charsmap) {
	for c := range utf8.RuneSelf {
		if m.plain[c] {
			continue
		}
		r.kind[c] = rawOther
		// Before ASCII a character is a grapheme by itself, and its shortest entry is its own if
		// it has one. A carriage return is a grapheme with the newline after it.
		text, ok := m.shortest(string(rune(c)))
		if ok && text == " " && c != '\r' {
			r.kind[c] = rawBlank
		}
	}
}

func (r *rawUnigram) encodeRaw(s string, first bool, out *sink) {
	if r.scheme == prependNever || r.scheme == prependFirst && !first {
		r.tok.normalizeWords(piece{s: s, first: first}, out)
		return
	}
	for i := 0; i < len(s); {
		word := i
		for word < len(s) && r.kind[s[word]] == rawBlank {
			word++
		}
		end := word
		for end < len(s) && r.kind[s[end]] == rawPlain {
			end++
		}
		if end < len(s) && !(end > word && r.boundary(s, end)) {
			end = r.resume(s, end)
			r.tok.normalizeWords(piece{s: s[i:end], first: first && i == 0}, out)
		} else {
			r.unit(s, i, word, end, out)
		}
		i = end
	}
}

// boundary reports whether the byte at i, after a plain one, is a space whatever comes next.
func (r *rawUnigram) boundary(s string, i int) bool {
	return r.kind[s[i]] == rawBlank && (i+1 == len(s) || s[i+1] < utf8.RuneSelf)
}

// resume returns the first place after i from which the text does not depend on what is before.
func (r *rawUnigram) resume(s string, i int) int {
	for i++; i < len(s); i++ {
		if r.kind[s[i-1]] == rawPlain && r.boundary(s, i) {
			return i
		}
	}
	return len(s)
}

// unit encodes spaces from i on and the word after them, either of which may be missing.
func (r *rawUnigram) unit(s string, i, word, end int, out *sink) {
	spaces := word - i
	if r.squeeze {
		spaces = min(spaces, 1)
	}
	if end > word {
		spaces-- // the one that the word has, or is given where the text begins
	}
	for range spaces {
		out.ids = append(out.ids, r.space...)
	}
	if end == word {
		return
	}
	p := piece{s: s}
	if r.words.put(&p, word, end, out) {
		return
	}
	l := r.lattice()
	r.cut(metaspaceChar+s[word:end], l)
	out.ids = append(out.ids, l.out.ids...)
	r.words.set(s[word:end], &l.out)
	r.release(l)
}
