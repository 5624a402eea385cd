package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// spmNormalizer is what SentencePiece does before it cuts (its src/normalizer.cc): replacements,
// spaces squeezed and made visible, and one space put before the text.
type spmNormalizer struct {
	charsmap *charsmap // nil: none
	digest   string    // of the charsmap as in the file
	scheme   prependScheme
	squeeze  bool // remove_extra_whitespaces
	escape   bool // a space becomes ▁
	suffix   bool // treat_whitespace_as_suffix: the space goes after the text
}

// prependSchemeNames are the names that tokenizer.json has for the schemes.
var prependSchemeNames = [...]string{"always", "first", "never"}

// describe returns the parameters for the digest.
func (n *spmNormalizer) describe() json.RawMessage {
	data, _ := json.Marshal(map[string]any{ // strings and booleans always marshal
		"type": "SentencePiece", "charsmap": n.digest, "prepend_scheme": prependSchemeNames[n.scheme],
		"remove_extra_whitespaces": n.squeeze, "escape_whitespaces": n.escape, "treat_whitespace_as_suffix": n.suffix,
	})
	return data
}

// setCharsmap takes a charsmap as it is in a file; an empty one is none.
func (n *spmNormalizer) setCharsmap(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	m, err := parseCharsmap(data)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	n.charsmap, n.digest = m, hex.EncodeToString(sum[:])
	return nil
}

func (n *spmNormalizer) normalize(p piece) piece {
	space, i := n.space(), 0
	if n.squeeze {
		for i < len(p.s) {
			text, length := n.prefix(p.s[i:])
			if text != " " {
				break
			}
			i += length
		}
	}
	if i == len(p.s) {
		return p.sub(i, i)
	}
	e := newEdit(p)
	prepend := n.scheme == prependAlways || n.scheme == prependFirst && p.first
	if prepend && !n.suffix {
		e.put(space, i, i+firstRune(p.s[i:]))
	}
	i = n.middle(e, p.s, i)
	if n.squeeze {
		e.trimRight(space)
	}
	if prepend && n.suffix {
		e.put(space, i, i)
	}
	return e.piece()
}

func (n *spmNormalizer) space() string {
	if n.escape {
		return metaspaceChar
	}
	return " "
}

// middle writes what s becomes from byte i on.
func (n *spmNormalizer) middle(e *edit, s string, i int) int {
	afterSpace := n.squeeze
	for i < len(s) {
		if j := n.plainRun(s, i); j > i {
			e.keep(i, j)
			afterSpace, i = false, j
			continue
		}
		text, length := n.prefix(s[i:])
		if afterSpace {
			text = strings.TrimLeft(text, " ")
		}
		if text != "" {
			afterSpace = n.squeeze && text[len(text)-1] == ' '
			if n.escape && strings.Contains(text, " ") {
				text = strings.ReplaceAll(text, " ", metaspaceChar)
			}
			e.put(text, i, i+length)
		}
		i += length
	}
	return i
}

// plainRun returns the end of the run of ASCII from i on that stays as it is. The character before
// one beyond ASCII may combine with it and is not counted.
func (n *spmNormalizer) plainRun(s string, i int) int {
	for i < len(s) && s[i] < utf8.RuneSelf && s[i] != ' ' {
		if n.charsmap != nil && (!n.charsmap.plain[s[i]] || i+1 < len(s) && s[i+1] >= utf8.RuneSelf) {
			break
		}
		i++
	}
	return i
}

// prefix returns what the first character of s, or the longest entry of the charsmap that s begins
// with, becomes. A byte that is no character becomes U+FFFD.
func (n *spmNormalizer) prefix(s string) (text string, length int) {
	if n.charsmap != nil {
		if text, length = n.charsmap.longest(s); length > 0 {
			return text, length
		}
	}
	r, length := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && length == 1 {
		return "\uFFFD", 1
	}
	return s[:length], length
}

func firstRune(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}
