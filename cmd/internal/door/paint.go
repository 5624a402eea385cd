package door

import (
	"os"
	"strings"
)

// Coloured tells whether text that goes to a stream is painted: never under NO_COLOR (https://no-color.org),
// always under CLICOLOR_FORCE (https://bixense.com/clicolors), else on a terminal that can.
func Coloured(stream any) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return os.Getenv("CLICOLOR") != "0" && os.Getenv("TERM") != "dumb" && IsTerminal(stream)
}

// Colours of text, as ECMA-48 numbers them.
const (
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// Paint gives a text a colour.
func Paint(text, colour string) string { return "\x1b[" + colour + "m" + text + "\x1b[0m" }

// labels are how lines for people begin, and their colours.
var labels = []struct{ word, colour string }{{"error:", Red}, {"warning:", Yellow}, {"hint:", Cyan}}

// painted paints the word that a line begins with.
func painted(line string) string {
	for _, l := range labels {
		if rest, ok := strings.CutPrefix(line, l.word); ok {
			return Paint(l.word, l.colour) + rest
		}
	}
	return line
}
