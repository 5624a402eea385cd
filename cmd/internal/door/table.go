package door

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// Column is one column of a table for people.
type Column struct {
	Name  string
	Right bool // numbers are set to the right
	// Shrink lets a column give way where the table is too wide: 'e' drops the end of its texts,
	// 's' their start, as for paths, whose end tells more. 0 keeps them whole.
	Shrink byte
	// Spare columns are left out of a screen that has no room for them, the highest first; those of one number go
	// together.
	Spare int
	// Least is to how many columns of the screen it gives way before one that is spare is left out; 0 for enough
	// of a name or a sentence to tell it.
	Least int
}

// The layout of tables, in columns of the terminal.
const (
	Gap       = "  "
	MinColumn = 8  // below this nothing is cut
	telling   = 16 // what a name or a sentence tells something with
)

// PrintTable prints aligned rows: whole, or as fits where the output is a terminal.
func (a *App) PrintTable(columns []Column, rows [][]string) error {
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.Name
	}
	rows = append([][]string{head}, rows...)
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i := range row {
			row[i] = Printable(row[i])
			widths[i] = max(widths[i], textWidth(row[i]))
		}
	}
	show := make([]bool, len(columns))
	for i := range show {
		show[i] = true
	}
	if room := a.Width(); room > 0 {
		spare(columns, widths, show, room)
		fit(columns, widths, show, room)
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(tableLine(columns, widths, show, row))
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// spare leaves columns out until the rest, shrunk as far as they tell something, have room.
func spare(columns []Column, widths []int, show []bool, room int) {
	for {
		least, most := -len(Gap), 0
		for i, c := range columns {
			if !show[i] {
				continue
			}
			least += len(Gap) + widths[i]
			if c.Shrink != 0 {
				least -= max(0, widths[i]-cmp.Or(c.Least, telling))
			}
			most = max(most, c.Spare)
		}
		if least <= room || most == 0 {
			return
		}
		for i, c := range columns {
			show[i] = show[i] && c.Spare < most
		}
	}
}

// fit takes room from the widest of the columns that may shrink until the table is narrow enough.
func fit(columns []Column, widths []int, show []bool, room int) {
	total := -len(Gap)
	for i, w := range widths {
		if show[i] {
			total += len(Gap) + w
		}
	}
	for ; total > room; total-- {
		widest := -1
		for i, c := range columns {
			if show[i] && c.Shrink != 0 && widths[i] > MinColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func tableLine(columns []Column, widths []int, show []bool, row []string) string {
	var b strings.Builder
	for i, text := range row {
		if !show[i] {
			continue
		}
		side := columns[i].Shrink
		if strings.Contains(text, " ") {
			side = 'e' // a sentence, among paths
		}
		text = Shorten(text, widths[i], side)
		pad := strings.Repeat(" ", max(0, widths[i]-textWidth(text)))
		if b.Len() > 0 {
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

// Shorten drops characters of a text that is wider than width.
func Shorten(s string, width int, side byte) string {
	if textWidth(s) <= width {
		return s
	}
	runes := []rune(s)
	for textWidth(string(runes)) > width-1 && len(runes) > 0 {
		if side == 's' {
			runes = runes[1:]
		} else {
			runes = runes[:len(runes)-1]
		}
	}
	if side == 's' {
		return "…" + string(runes)
	}
	return string(runes) + "…"
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

// maxText is how wide lines of text get on a wide screen.
const maxText = 100

// PrintFields prints names and values, aligned; on a terminal a long value goes on below.
func (a *App) PrintFields(f *Fields) error {
	label := 0
	for _, row := range f.Rows {
		label = max(label, textWidth(row[0]))
	}
	room := 0
	if width := a.Width(); width > 0 {
		room = max(1, min(width, maxText)-label-len(Gap))
	}
	var b strings.Builder
	for _, row := range f.Rows {
		name := row[0]
		for _, line := range wrap(Printable(row[1]), room) {
			line = name + strings.Repeat(" ", label-textWidth(name)) + Gap + line
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			name = ""
		}
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// Say prints a sentence for people as a line of the result.
func (a *App) Say(format string, args ...any) error {
	room := min(a.Width(), maxText)
	_, err := io.WriteString(a.Out, strings.Join(wrap(Printable(fmt.Sprintf(format, args...)), room), "\n")+"\n")
	return err
}

// PrintCommand prints a command, to be copied, and below it what it is for.
func (a *App) PrintCommand(command, why string) error {
	var b strings.Builder
	room := min(a.Width(), maxText)
	writeLines(&b, continued("  "+Printable(command), room))
	writeLines(&b, hanging("      "+Printable(why), 6, room))
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// ShortDigest is enough of a digest to tell versions apart at a glance.
func ShortDigest(d string) string {
	d = strings.TrimPrefix(d, "sha256:")
	return d[:min(len(d), 12)]
}
