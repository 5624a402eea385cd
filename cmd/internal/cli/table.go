package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// column is one column of a table for people.
type column struct {
	name  string
	right bool // numbers are set to the right
	// shrink lets a column give way where the table is too wide: 'e' drops the end of its texts,
	// 's' their start, as for paths, whose end tells more. 0 keeps them whole.
	shrink byte
}

const (
	gap       = "  "
	minColumn = 8
)

// printTable prints aligned rows that fit the terminal, or 80 columns elsewhere.
func (a *app) printTable(columns []column, rows [][]string) error {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = utf8.RuneCountInString(c.name)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	fit(columns, widths, terminalWidth(a.out))
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.name
	}
	var b strings.Builder
	for _, row := range append([][]string{head}, rows...) {
		b.WriteString(tableLine(columns, widths, row))
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

// fit takes room from the widest of the columns that may shrink until the table is narrow enough.
func fit(columns []column, widths []int, room int) {
	total := len(gap) * (len(columns) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > room; total-- {
		widest := -1
		for i, c := range columns {
			if c.shrink != 0 && widths[i] > minColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func tableLine(columns []column, widths []int, row []string) string {
	var b strings.Builder
	for i, text := range row {
		text = shorten(text, widths[i], columns[i].shrink)
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if i > 0 {
			b.WriteString(gap)
		}
		if columns[i].right {
			b.WriteString(pad + text)
		} else {
			b.WriteString(text + pad)
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// shorten drops runes of a text that is longer than width.
func shorten(s string, width int, side byte) string {
	runes := []rune(s)
	switch {
	case len(runes) <= width:
		return s
	case side == 's':
		return "…" + string(runes[len(runes)-width+1:])
	}
	return string(runes[:width-1]) + "…"
}

// fields is a list of names and values for people; the values stand below each other.
type fields struct{ rows [][2]string }

// add appends a line. A name that is empty continues the value above.
func (f *fields) add(name, format string, args ...any) {
	f.rows = append(f.rows, [2]string{name, fmt.Sprintf(format, args...)})
}

// some appends a line unless the value is empty.
func (f *fields) some(name, value string) {
	if value != "" {
		f.add(name, "%s", value)
	}
}

func (a *app) printFields(f *fields) error {
	width := 0
	for _, row := range f.rows {
		width = max(width, utf8.RuneCountInString(row[0]))
	}
	var b strings.Builder
	for _, row := range f.rows {
		line := row[0] + strings.Repeat(" ", width-utf8.RuneCountInString(row[0])) + gap + printable(row[1])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

// shortDigest is enough of a digest to tell versions apart at a glance.
func shortDigest(d string) string {
	d = strings.TrimPrefix(d, "sha256:")
	return d[:min(len(d), 12)]
}
