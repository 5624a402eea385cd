// Package clean brings text into one form: valid UTF-8 in NFC, "\n" line ends, no control or
// invisible characters, no trailing space, no runs of blank lines. It removes only what no reader
// sees. Mojibake is not guessed at: a wrong guess would damage sound text.
package clean

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Config is what may differ between corpora.
type Config struct {
	// Blank lines in a row that are kept.
	MaxBlankLines int `yaml:"max_blank_lines" json:"max_blank_lines"`
}

// DefaultConfig keeps two blank lines in a row, which some sources use to set off sections.
func DefaultConfig() Config { return Config{MaxBlankLines: 2} }

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	if c.MaxBlankLines < 1 {
		return errors.Join(fmt.Errorf("max_blank_lines: %d is less than 1", c.MaxBlankLines))
	}
	return nil
}

// Text returns s cleaned. Cleaning a second time changes nothing.
func (c Config) Text(s string) string { return c.layout(c.Characters(s)) }

// Characters returns s with its characters cleaned and its lines and spaces as they are.
func (c Config) Characters(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = dropInvisible(s)
	return norm.NFC.String(s) // after the dropping, which can bring a mark next to its letter
}

// Line returns s cleaned and on one line, for titles and metadata.
func (c Config) Line(s string) string { return strings.Join(strings.Fields(c.Text(s)), " ") }

// dropInvisible removes control and invisible characters and unifies line ends.
func dropInvisible(s string) string {
	var out strings.Builder
	kept := 0 // s[:kept] is in out, once anything had to be changed
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		size, put, change := invisible(s[i:])
		if change {
			if kept == 0 {
				out.Grow(len(s))
			}
			out.WriteString(s[kept:i])
			out.WriteString(put)
			kept = i + size
		}
		i += size
	}
	if kept == 0 {
		return s
	}
	out.WriteString(s[kept:])
	return out.String()
}

// invisible decides about the character that s starts with: how long it is, and what to put
// instead if it is to be changed.
func invisible(s string) (size int, put string, change bool) {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == '\r':
		if len(s) > 1 && s[1] == '\n' {
			return 2, "\n", true
		}
		return 1, "\n", true
	case r == '\v', r == '\f', r == 0x85, r == 0x2028, r == 0x2029: // line and page separators
		return size, "\n", true
	case r == 0x1b:
		return escapeLen(s), "", true
	case r < 0x20, r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return size, "", true
	case r == 0xad, r == 0x200b, r == 0x2060, r == 0xfeff: // soft hyphen, zero-width space, joiner, BOM
		return size, "", true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidi overrides: text that lies
		return size, "", true
	case r >= 0xe0000 && r <= 0xe007f: // tag characters: text that hides
		return size, "", true
	}
	// U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
	return size, "", false
}

// escapeLen is the length of the terminal escape sequence (ECMA-48 CSI) that s starts with.
func escapeLen(s string) int {
	if len(s) < 2 || s[1] != '[' {
		return 1
	}
	for i := 2; i < len(s) && i < 32; i++ {
		if c := s[i]; c >= 0x40 && c <= 0x7e {
			return i + 1
		} else if c < 0x20 || c > 0x3f {
			break
		}
	}
	return 1
}

// layout removes trailing space, surplus blank lines, and blank lines at both ends. Two spaces at a
// line's end are a line break in Markdown; the line end itself says the same to a language model.
func (c Config) layout(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	blank := 0
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRight(line, " \t\u00a0\u3000")
		if line == "" {
			blank++
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('\n')
			for range min(blank, c.MaxBlankLines) {
				out.WriteByte('\n')
			}
		}
		blank = 0
		out.WriteString(line)
	}
	return out.String()
}
