package door

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Screen writes text for people: what a terminal would obey, or what turns text around, is shown as a
// question mark. Names, titles, reasons and patterns come from strangers.
type Screen struct {
	W    io.Writer
	rest []byte // the start of a character whose end is still to come
}

// Write implements io.Writer.
func (s *Screen) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	cut := len(text)
	for i := 1; i <= min(utf8.UTFMax-1, len(text)); i++ {
		if b := text[len(text)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(text[len(text)-i:]) {
				cut = len(text) - i
			}
			break
		}
	}
	s.rest = append([]byte(nil), text[cut:]...)
	if _, err := io.WriteString(s.W, shown(string(text[:cut]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// shown keeps lines and tabs and replaces all else that does not print.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return mark(r)
	}, s)
}

// Printable replaces what could move the cursor or end the line.
func Printable(s string) string { return strings.Map(mark, s) }

func mark(r rune) rune {
	if unicode.IsGraphic(r) && r != utf8.RuneError {
		return r
	}
	return '?'
}

// escaped writes what does not print in a JSON document as \u escapes: outside of strings JSON has none
// of it but line ends.
func escaped(json []byte) []byte {
	var b strings.Builder
	for _, r := range string(json) {
		switch {
		case r == '\n' || unicode.IsGraphic(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return []byte(b.String())
}

// Exact is where text goes that is the result itself, to the byte, unless a terminal would obey it.
func (a *App) Exact() io.Writer {
	if IsTerminal(a.Raw) {
		return a.Out
	}
	return a.Raw
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	if s, ok := stream.(*Screen); ok {
		stream = s.W
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
