package door

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Column is one column of a table for people.
type Column struct {
	Name  string
	Right bool // numbers are set to the right
	// Shrink lets a column give way where the table is too wide: 'e' drops the end of its texts,
	// 's' their start, as for paths, whose end tells more. 0 keeps them whole.
	Shrink byte
}

// The layout of tables, in columns of the terminal.
const (
	Gap       = "  "
	MinColumn = 8
)

// PrintTable prints aligned rows that fit the terminal, or 80 columns elsewhere.
func (a *App) PrintTable(columns []Column, rows [][]string) error {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = utf8.RuneCountInString(c.Name)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = Printable(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	fit(columns, widths, TerminalWidth(a.Out))
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.Name
	}
	var b strings.Builder
	for _, row := range append([][]string{head}, rows...) {
		b.WriteString(tableLine(columns, widths, row))
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// fit takes room from the widest of the columns that may shrink until the table is narrow enough.
func fit(columns []Column, widths []int, room int) {
	total := len(Gap) * (len(columns) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > room; total-- {
		widest := -1
		for i, c := range columns {
			if c.Shrink != 0 && widths[i] > MinColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func tableLine(columns []Column, widths []int, row []string) string {
	var b strings.Builder
	for i, text := range row {
		text = Shorten(text, widths[i], columns[i].Shrink)
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if i > 0 {
			b.WriteString(Gap)
		}
		if columns[i].Right {
			b.WriteString(pad + text)
		} else {
			b.WriteString(text + pad)
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// Shorten drops runes of a text that is longer than width.
func Shorten(s string, width int, side byte) string {
	runes := []rune(s)
	switch {
	case len(runes) <= width:
		return s
	case side == 's':
		return "…" + string(runes[len(runes)-width+1:])
	}
	return string(runes[:width-1]) + "…"
}

// Fields is a list of names and values for people; the values stand below each other.
type Fields struct{ Rows [][2]string }

// Add appends a line. A name that is empty continues the value above.
func (f *Fields) Add(name, format string, args ...any) {
	f.Rows = append(f.Rows, [2]string{name, fmt.Sprintf(format, args...)})
}

// Some appends a line unless the value is empty.
func (f *Fields) Some(name, value string) {
	if value != "" {
		f.Add(name, "%s", value)
	}
}

// PrintFields prints names and values, aligned.
func (a *App) PrintFields(f *Fields) error {
	width := 0
	for _, row := range f.Rows {
		width = max(width, utf8.RuneCountInString(row[0]))
	}
	var b strings.Builder
	for _, row := range f.Rows {
		line := row[0] + strings.Repeat(" ", width-utf8.RuneCountInString(row[0])) + Gap + Printable(row[1])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// ShortDigest is enough of a digest to tell versions apart at a glance.
func ShortDigest(d string) string {
	d = strings.TrimPrefix(d, "sha256:")
	return d[:min(len(d), 12)]
}
