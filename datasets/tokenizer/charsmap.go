package tokenizer

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"
)

// charsmap is SentencePiece's compiled table of replacements: a double-array trie of the texts to
// replace, as Darts-clone lays it out (https://github.com/s-yata/darts-clone), and the
// replacements, each ended by a zero byte. Nothing in the file is trusted: a walk that leaves the
// array ends there.
type charsmap struct {
	units []uint32
	texts string
	// plain holds for each ASCII character that it stays as it is when another follows it, which
	// saves most of an English text from the trie.
	plain [utf8.RuneSelf]bool
}

// parseCharsmap reads precompiled_charsmap: the length of the trie in bytes, the trie, the texts.
func parseCharsmap(data []byte) (*charsmap, error) {
	if len(data) < 4 {
		return nil, errors.New("charsmap is too short")
	}
	size := int64(binary.LittleEndian.Uint32(data))
	if size%4 != 0 || size == 0 || size > int64(len(data)-4) {
		return nil, errors.New("charsmap has a trie that does not fit")
	}
	m := &charsmap{units: make([]uint32, size/4), texts: string(data[4+size:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(data[4+4*i:])
	}
	if m.texts == "" || m.texts[len(m.texts)-1] != 0 || !utf8.ValidString(m.texts) {
		return nil, errors.New("charsmap has texts that are not UTF-8 or do not end")
	}
	var pair [2]byte
	for c := range m.plain {
		m.plain[c] = true
		for d := range byte(utf8.RuneSelf) {
			pair = [2]byte{byte(c), d}
			if _, n := m.longest(string(pair[:])); n > 0 {
				m.plain[c] = false
				break
			}
		}
	}
	return m, nil
}

// plainRun returns the end of the run of ASCII from i on that stays as it is. The character before
// one beyond ASCII may combine with it and is not counted.
func (m *charsmap) plainRun(s string, i int) int {
	for i < len(s) && s[i] < utf8.RuneSelf && m.plain[s[i]] && (i+1 == len(s) || s[i+1] < utf8.RuneSelf) {
		i++
	}
	return i
}

// walk calls yield for every entry that s begins with, the shortest first, until it returns false.
func (m *charsmap) walk(s string, yield func(length int, text string) bool) {
	at := offset(m.units[0])
	for i := range len(s) {
		c := uint32(s[i])
		at ^= c
		if c == 0 || int64(at) >= int64(len(m.units)) {
			return
		}
		unit := m.units[at]
		if unit&(1<<31|0xFF) != c {
			return
		}
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if int64(at) >= int64(len(m.units)) {
			return
		}
		from := int64(m.units[at] &^ (1 << 31))
		if from >= int64(len(m.texts)) {
			return
		}
		// parseCharsmap has seen that the last text ends.
		text, _, _ := strings.Cut(m.texts[from:], "\x00")
		if !yield(i+1, text) {
			return
		}
	}
}

// offset is how far a unit's children are from it.
func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// longest returns the replacement of the longest entry that s begins with, and that entry's length.
func (m *charsmap) longest(s string) (text string, length int) {
	m.walk(s, func(n int, t string) bool {
		text, length = t, n
		return true
	})
	return text, length
}

// shortest is longest for the shortest entry.
func (m *charsmap) shortest(s string) (text string, ok bool) {
	m.walk(s, func(_ int, t string) bool {
		text, ok = t, true
		return false
	})
	return text, ok
}
