package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits on the components of a file. Real ones are a dozen at most, two deep, and make some bytes of one; those of
// Unicode's tables multiply to more on paper, where each is taken for the worst.
const (
	maxComponents = 64   // of one kind
	maxNesting    = 32   // brackets in one another
	maxGrowth     = 4096 // bytes of a text that one byte can become
	maxAround     = 1024 // tokens that a post-processor puts before a text, and after it
)

// checkNesting refuses JSON that is too deep to be read: each level is read as many times as it is deep.
func checkNesting(data json.RawMessage) error {
	depth, text := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			if depth++; depth > maxNesting {
				return fmt.Errorf("components are nested more than %d deep", maxNesting)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

// checkGrowth refuses components that make more of a text, or of tokens, than can be held.
func (t *Tokenizer) checkGrowth() error {
	list, _ := t.norm.(normalizers)
	if max(list.count(), len(t.pre), len(t.decode)) > maxComponents {
		return fmt.Errorf("there are more than %d components of a kind", maxComponents)
	}
	g := newGrowth()
	for i, s := range slices.Backward(t.pre) {
		g.cut = i > 0
		s.grow(g)
	}
	g.cut = false
	if t.norm != nil {
		t.norm.grow(g)
	}
	t.grown = *g
	if n := g.worst(); n > maxGrowth {
		return fmt.Errorf("normalizer and pre_tokenizer make up to %.3g bytes of one byte of text, more than %d", n, maxGrowth)
	}
	g = newGrowth()
	g.cut = true
	for _, d := range slices.Backward(t.decode) {
		d.grow(g)
	}
	if n := g.worst(); n > maxGrowth {
		return fmt.Errorf("decoder makes up to %.3g bytes of one byte of a token, more than %d", n, maxGrowth)
	}
	return nil
}

// count is the number of normalizers, those within others included.
func (n normalizers) count() int {
	sum := len(n)
	for _, s := range n {
		if list, ok := s.(normalizers); ok {
			sum += list.count()
		}
	}
	return sum
}

// growth bounds from above what becomes of a text in steps that are visited from the last to the first.
type growth struct {
	of   [256]float64 // bytes that a byte of this value is in the end
	more float64      // and that are put before each piece of the text
	cut  bool         // pieces were cut before this step; there may be as many as bytes
}

func newGrowth() *growth {
	g := &growth{}
	for i := range g.of {
		g.of[i] = 1
	}
	return g
}

func (g *growth) worst() float64 { return slices.Max(g.of[:]) + g.more }

// text is what a text becomes.
func (g *growth) text(s string) (sum float64) {
	for i := range len(s) {
		sum += g.of[s[i]]
	}
	return sum
}

// prepend is a step that puts s before each piece.
func (g *growth) prepend(s string) {
	if !g.cut {
		g.more += g.text(s)
		return
	}
	g.insert(s)
}

// insert is a step that may write s beside, or in the place of, every byte.
func (g *growth) insert(s string) {
	by := g.text(s)
	for i := range g.of {
		g.of[i] += by
	}
}

// replace is a step that writes a text for another: the bytes of the old one share the new one.
func (g *growth) replace(old, text string) {
	if old == "" {
		g.insert(text)
		return
	}
	share := g.text(text) / float64(len(old))
	for i := range len(old) {
		g.of[old[i]] = max(g.of[old[i]], share)
	}
}

// scale is a step that writes up to so many bytes of any kind for one beyond ASCII, and one of ASCII for one of it.
func (g *growth) scale(by float64) {
	ascii, all := slices.Max(g.of[:utf8.RuneSelf]), slices.Max(g.of[:])
	for i := range g.of {
		if i < utf8.RuneSelf {
			g.of[i] = ascii
		} else {
			g.of[i] = by * all
		}
	}
}

func (n normalizers) grow(g *growth) {
	for _, s := range slices.Backward(n) {
		s.grow(g)
	}
}

func (n prependText) grow(g *growth)    { g.prepend(string(n)) }
func (n replaceText) grow(g *growth)    { g.replace(n.old, n.new) }
func (n replacePattern) grow(g *growth) { g.insert(n.new) }
func (n stripSpace) grow(*growth)       {}

// grow: an ideograph of three bytes gets spaces, two letters of two bytes have a small one of three.
func (f mapRunes) grow(g *growth) { g.scale(2) }

// grow: the most that Unicode makes of a character is 18 for U+FDFA in compatibility forms, 33 bytes for 3, and 12
// bytes for 4 in the others (https://www.unicode.org/faq/normalization.html).
func (f unicodeForm) grow(g *growth) {
	if norm.Form(f) == norm.NFKC || norm.Form(f) == norm.NFKD {
		g.scale(11)
		return
	}
	g.scale(3)
}

func (n alphabetNormalizer) grow(g *growth) {
	old := *g
	for b, s := range byteChars {
		g.of[b] = old.text(s)
	}
}

func (n precompiled) grow(g *growth) { n.charsmap.grow(g) }

// grow takes the longest replacement for any byte.
func (m *charsmap) grow(g *growth) {
	longest, all := 1, slices.Max(g.of[:])
	for text := range strings.SplitSeq(m.texts, "\x00") {
		longest = max(longest, len(text))
	}
	for i := range g.of {
		g.of[i] = all * float64(longest)
	}
}

func (n *spmNormalizer) grow(g *growth) {
	g.prepend(n.space())
	g.replace(" ", n.space())
	g.scale(float64(len("\uFFFD"))) // for a byte that is no character
	if n.charsmap != nil {
		n.charsmap.grow(g)
	}
}

func (s splitPattern) grow(*growth) {}
func (s splitRunes) grow(*growth)   {}
func (splitWords) grow(*growth)     {}

func (b byteLevel) grow(g *growth) {
	if b.alphabet {
		alphabetNormalizer{}.grow(g)
	}
	if b.prefixSpace {
		g.prepend(" ")
	}
}

func (m metaspace) grow(g *growth) {
	if m.scheme != prependNever {
		g.prepend(m.replacement)
	}
	g.replace(" ", m.replacement)
}

func (fuseDecoder) grow(*growth)        {}
func (stripDecoder) grow(*growth)       {}
func (byteLevelDecoder) grow(g *growth) { g.lossy(1) }

// grow: six bytes name one.
func (byteFallbackDecoder) grow(g *growth) { g.lossy(6) }

// lossy is a step that writes a byte, or U+FFFD in its place, for so many of a token.
func (g *growth) lossy(of float64) {
	each := max(slices.Max(g.of[:]), g.text("\uFFFD")) / of
	for i := range g.of {
		g.of[i] = max(g.of[i], each)
	}
}

func (d replaceDecoder) grow(g *growth) {
	if l, ok := d.pattern.(literal); ok {
		g.replace(string(l), d.new)
		return
	}
	g.insert(d.new)
}

func (d metaspaceDecoder) grow(g *growth) { g.replace(d.replacement, " ") }
func (d bpeDecoder) grow(g *growth)       { g.replace(d.suffix, " ") }

func (d wordPieceDecoder) grow(g *growth) {
	if d.cleanup {
		for _, c := range slices.Backward(wordPieceCleanup[:]) {
			g.replace(c[0], c[1])
		}
	}
	g.prepend(" ")
}
