package door

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Bar is a progress bar of one line on a terminal; elsewhere it draws nothing.
type Bar struct {
	w       io.Writer
	label   string
	total   int
	first   int // where this process started
	began   time.Time
	drawn   time.Time
	visible bool
}

// NewBar shows how far something is; nil, which shows nothing, where there is no terminal.
func NewBar(w io.Writer, label string, total, first int) *Bar {
	b := &Bar{label: label, total: total, first: first, began: time.Now()}
	if IsTerminal(w) && os.Getenv("TERM") != "dumb" {
		b.w = w
	}
	return b
}

// Set moves the bar and reports whether it is shown at all.
func (b *Bar) Set(done int, text string) bool {
	if b.w == nil {
		return false
	}
	if time.Since(b.drawn) < 80*time.Millisecond && done < b.total {
		return true
	}
	b.drawn = time.Now()
	b.visible = true
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(done, text, TerminalWidth(b.w)))
	return true
}

// line fits into width columns: label, bar, count, text, time left.
func (b *Bar) line(done int, text string, width int) string {
	right := fmt.Sprintf(" %d/%d  %s%s", done, b.total, text, b.left(done))
	room := width - 1 - len(b.label) - 3 - len(right)
	if room < 4 {
		line := b.label + right
		return line[:min(len(line), max(0, width-1))]
	}
	room = min(room, 30)
	full := room * done / max(b.total, 1)
	return fmt.Sprintf("%s [%s%s]%s", b.label, strings.Repeat("=", full), strings.Repeat(" ", room-full), right)
}

func (b *Bar) left(done int) string {
	if done <= b.first || done >= b.total {
		return ""
	}
	perStep := time.Since(b.began) / time.Duration(done-b.first)
	return "  " + (perStep * time.Duration(b.total-done)).Round(time.Second).String() + " left"
}

// Clear removes the bar from the screen.
func (b *Bar) Clear() {
	if b != nil && b.visible {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
		b.visible = false
	}
}
