package door

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// Width is how many columns results may take: those of the terminal, or 0, as many as they need, where the
// output goes into a file or to another program, which want all of it.
func (a *App) Width() int {
	if !IsTerminal(a.Out) {
		return 0
	}
	return TerminalWidth(a.Out)
}

// TerminalWidth is the width of a terminal: COLUMNS where the user has set it, else its own, or 80.
func TerminalWidth(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if s, ok := w.(*Screen); ok {
		w = s.W
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}

// textWidth is how many columns of a terminal a text takes: two for the characters of East Asian scripts,
// none for marks over others (UAX #11).
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// tie is a space at which no line ends.
const tie = "\x00"

// measured is a number with the unit behind it, which belong together.
var measured = regexp.MustCompile(`(\d) ([kMGT]?B|[kMGT]|%)([,;.)]*)( |$)`)

// wrap breaks a text between words so that lines take at most room columns, 0 for any number. A word that
// is wider, such as a path or a digest, stays whole: what is copied from a screen must be what it was.
func wrap(s string, room int) []string {
	if room <= 0 || textWidth(s) <= room {
		return []string{s}
	}
	s = measured.ReplaceAllString(s, "$1"+tie+"$2$3$4")
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	var lines []string
	line, empty := indent, true
	for word := range strings.SplitSeq(s[len(indent):], " ") {
		if !empty && textWidth(line)+1+textWidth(word) > room {
			lines = append(lines, strings.TrimRight(line, " "))
			line, empty = indent, true
		}
		if word == "" && empty {
			continue
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	lines = append(lines, strings.TrimRight(line, " "))
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], tie, " ")
	}
	return lines
}
