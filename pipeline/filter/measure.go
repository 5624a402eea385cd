package filter

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

const shortLine = 30 // runes, FineWeb's limit

// scale measures one text at a time and keeps its buffers for the next.
type scale struct {
	hashes []uint64 // of each word
	ends   []int32  // runes in all words up to and with each, without the space between
	counts counter

	runes, symbols, replaced   int
	alpha, hashMarks, ellipses int
	stop                       uint // bit i: stop word i occurs
}

// tally counts lines or paragraphs.
type tally struct{ n, runes, duplicates, duplicateRunes int }

// measure computes every signal. All are quotients of whole numbers, so they are the same everywhere.
func (s *scale) measure(text string) (v [numSignals]float64) {
	*s = scale{hashes: s.hashes[:0], ends: s.ends[:0], counts: s.counts}
	s.scan(text)
	words := len(s.hashes)
	wordRunes := 0
	if words > 0 {
		wordRunes = int(s.ends[words-1])
	}
	v[sigChars] = float64(s.runes)
	v[sigWords] = float64(words)
	v[sigReplacementChars] = ratio(s.replaced, s.runes)
	v[sigMeanWordLength] = ratio(wordRunes, words)
	v[sigAlphaWords] = ratio(s.alpha, words)
	v[sigStopWords] = float64(bits.OnesCount(s.stop))
	v[sigHashRatio] = ratio(s.hashMarks, words)
	v[sigEllipsisRatio] = ratio(s.ellipses, words)
	v[sigSymbolChars] = ratio(s.symbols, s.runes)
	s.lines(text, words, &v)
	paragraphs := s.duplicates(text, "\n\n")
	v[sigDuplicateParagraphs] = ratio(paragraphs.duplicates, paragraphs.n)
	v[sigDuplicateParagraphChars] = ratio(paragraphs.duplicateRunes, paragraphs.runes)
	for n := 2; n <= 4; n++ {
		v[sigTop2Gram+signal(n-2)] = ratio(s.topGram(n), wordRunes)
	}
	for n := 5; n <= 10; n++ {
		v[sigDuplicate5Gram+signal(n-5)] = ratio(s.duplicateGrams(n), wordRunes)
	}
	return v
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// scan goes over the text once and splits it into words at white space.
func (s *scale) scan(text string) {
	var w word
	start, ends := 0, int32(0)
	flush := func(end int) {
		if w.runes > 0 {
			ends += int32(w.runes)
			s.word(text[start:end], w, ends)
		}
		w = word{}
	}
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		s.runes++
		class := classOf(r)
		if class == space {
			flush(i)
			i += size
			start = i
			continue
		}
		s.mark(r, class)
		if class == glyph { // a word by itself
			flush(i)
			start = i
		}
		w.add(r, class)
		i += size
		if class == glyph {
			flush(i)
			start = i
		}
	}
	flush(len(text))
}

// word is the word being scanned.
type word struct {
	hash  uint64
	runes int
	alpha bool
}

func (w *word) add(r rune, class class) {
	w.hash = (w.hash ^ uint64(r)) * 0x100000001b3
	w.runes++
	w.alpha = w.alpha || class == letter || class == glyph
}

func (s *scale) word(text string, w word, ends int32) {
	s.hashes = append(s.hashes, mix(w.hash))
	s.ends = append(s.ends, ends)
	if w.alpha {
		s.alpha++
	}
	if strings.Contains(text, "...") {
		s.ellipses += strings.Count(text, "...")
	}
	s.noteStopWord(text)
}

// noteStopWord marks Gopher's eight words, in lower case as there.
func (s *scale) noteStopWord(text string) {
	switch text {
	case "the":
		s.stop |= 1
	case "be":
		s.stop |= 2
	case "to":
		s.stop |= 4
	case "of":
		s.stop |= 8
	case "and":
		s.stop |= 16
	case "that":
		s.stop |= 32
	case "have":
		s.stop |= 64
	case "with":
		s.stop |= 128
	}
}

func (s *scale) mark(r rune, class class) {
	switch r {
	case '#':
		s.hashMarks++
	case '…':
		s.ellipses++
	case utf8.RuneError:
		s.replaced++
	}
	if class == symbol {
		s.symbols++
	}
}

// lines measures what is about lines. Blank ones do not count.
func (s *scale) lines(text string, words int, v *[numSignals]float64) {
	var bullets, ellipses, short, terminal int
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "•") || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* ") {
			bullets++
		}
		if len(line) <= shortLine || len(line) <= 4*shortLine && utf8.RuneCountInString(line) <= shortLine {
			short++
		}
		switch last, _ := utf8.DecodeLastRuneInString(line); last {
		case '…':
			ellipses++
		case '.', '!', '?', '"', '\'', '。', '！', '？', '”':
			terminal++
			if strings.HasSuffix(line, "...") {
				ellipses++
			}
		}
	}
	lines := s.duplicates(text, "\n")
	v[sigBulletLines] = ratio(bullets, lines.n)
	v[sigEllipsisLines] = ratio(ellipses, lines.n)
	v[sigShortLines] = ratio(short, lines.n)
	v[sigTerminalLines] = ratio(terminal, lines.n)
	v[sigLinesPerWord] = ratio(lines.n, words)
	v[sigDuplicateLines] = ratio(lines.duplicates, lines.n)
	v[sigDuplicateLineChars] = ratio(lines.duplicateRunes, lines.runes)
}

// duplicates counts the parts between separators, and those seen before.
func (s *scale) duplicates(text, sep string) (t tally) {
	s.counts.reset(strings.Count(text, sep) + 1)
	for part := range strings.SplitSeq(text, sep) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n := utf8.RuneCountInString(part)
		t.n++
		t.runes += n
		if s.counts.add(hashString(part)) > 1 {
			t.duplicates++
			t.duplicateRunes += n
		}
	}
	return t
}

type class byte

const (
	symbol class = iota
	space
	letter
	digit
	glyph // of a script without spaces
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range rune(utf8.RuneSelf) {
		switch {
		case unicode.IsSpace(r):
			t[r] = space
		case unicode.IsLetter(r):
			t[r] = letter
		case unicode.IsDigit(r):
			t[r] = digit
		}
	}
	return t
}()

func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		return asciiClass[r]
	case r >= 0x3040 && r <= 0x30ff, r >= 0x3400 && r <= 0x9fff, r >= 0x20000 && r <= 0x3ffff:
		return glyph // kana and Han
	case unicode.IsLetter(r), unicode.IsMark(r):
		return letter
	case unicode.IsDigit(r):
		return digit
	case unicode.IsSpace(r):
		return space
	}
	return symbol
}
