package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// bar is a progress bar of one line on a terminal; elsewhere it draws nothing.
type bar struct {
	w       io.Writer
	label   string
	total   int
	first   int // where this process started
	began   time.Time
	drawn   time.Time
	visible bool
}

func newBar(w io.Writer, label string, total, first int) *bar {
	b := &bar{label: label, total: total, first: first, began: time.Now()}
	if isTerminal(w) && os.Getenv("TERM") != "dumb" {
		b.w = w
	}
	return b
}

// set moves the bar and reports whether it is shown at all.
func (b *bar) set(done int, text string) bool {
	if b.w == nil {
		return false
	}
	if time.Since(b.drawn) < 80*time.Millisecond && done < b.total {
		return true
	}
	b.drawn = time.Now()
	b.visible = true
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(done, text, terminalWidth(b.w)))
	return true
}

// line fits into width columns: label, bar, count, text, time left.
func (b *bar) line(done int, text string, width int) string {
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

func (b *bar) left(done int) string {
	if done <= b.first || done >= b.total {
		return ""
	}
	perStep := time.Since(b.began) / time.Duration(done-b.first)
	return "  " + (perStep * time.Duration(b.total-done)).Round(time.Second).String() + " left"
}

// clear removes the bar from the screen.
func (b *bar) clear() {
	if b != nil && b.visible {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
		b.visible = false
	}
}
