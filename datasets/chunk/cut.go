package chunk

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parts cuts a block at its next finer joints; none when it is a single rune.
func (b block) parts() iter.Seq[block] {
	switch b.kind {
	case list:
		return b.cut(item, itemEnd)
	case item, table, fence, heading:
		return b.cut(line, lineEnd)
	case paragraph, line:
		return b.cut(sentence, sentenceEnd)
	case sentence:
		return b.cut(wrapped, lineEnd)
	case wrapped:
		return b.cut(word, wordEnd)
	}
	return slices.Values(b.halves())
}

// cut splits b where end says: the length of the first part of a text, always at least 1.
func (b block) cut(k kind, end func(string) int) iter.Seq[block] {
	return func(yield func(block) bool) {
		for rest, at := b.text, b.start; rest != ""; {
			n := end(rest)
			if !yield(block{k, at, rest[:n], b.path}) {
				return
			}
			rest, at = rest[n:], at+n
		}
	}
}

// halves cuts a word in two until it fits: runs without a space can be long (base64, Chinese), and
// a count for every rune of them would be slow. merge joins what fits again.
func (b block) halves() []block {
	_, first := utf8.DecodeRuneInString(b.text)
	if first >= len(b.text) {
		return nil
	}
	middle := len(b.text) / 2
	for middle > first && !utf8.RuneStart(b.text[middle]) {
		middle--
	}
	middle = max(middle, first)
	return []block{
		{letters, b.start, b.text[:middle], b.path},
		{letters, b.start + middle, b.text[middle:], b.path},
	}
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i + 1
	}
	return len(s)
}

// itemEnd is where the next item starts that is indented no deeper than the first.
func itemEnd(s string) int {
	n := lineEnd(s)
	for n < len(s) {
		if next := s[n : n+lineEnd(s[n:])]; isItem(next) && indent(next) <= indent(s) {
			return n
		}
		n += lineEnd(s[n:])
	}
	return len(s)
}

// sentenceEnd is after the white space that follows a full stop, or right after a full stop of CJK
// writing, where no space follows. "3.14" and "e.g. this" are told by what comes next: a stop ends a
// sentence when white space follows, and then something that is not a lower-case letter.
func sentenceEnd(s string) int {
	for i, r := range s {
		switch r {
		case '。', '！', '？', '．', '｡':
			n := i + utf8.RuneLen(r)
			return n + spaceLen(s[n:])
		case '.', '!', '?', '…':
			rest := strings.TrimLeft(s[i+utf8.RuneLen(r):], closers)
			n := spaceLen(rest)
			if next, _ := utf8.DecodeRuneInString(rest[n:]); n > 0 && !unicode.IsLower(next) {
				return len(s) - len(rest) + n
			}
		}
	}
	return len(s)
}

// closers can stand between a full stop and the space after it.
const closers = `"')]*_”’»`

// wordEnd is after the first run of white space that follows something else.
func wordEnd(s string) int {
	lead := spaceLen(s)
	i := strings.IndexFunc(s[lead:], unicode.IsSpace)
	if i < 0 {
		return len(s)
	}
	return lead + i + spaceLen(s[lead+i:])
}

// spaceLen is the length of the white space that s starts with.
func spaceLen(s string) int { return len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace)) }
