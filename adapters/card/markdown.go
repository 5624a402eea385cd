package card

import "strings"

// table writes a Markdown table; the header comes with the first row, so that an empty table leaves
// nothing. Cells must be escaped.
type table struct {
	b    *strings.Builder
	head []string
	rows int
}

func (t *table) row(cells ...string) {
	if t.rows == 0 {
		t.line(t.head)
		t.b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	}
	t.rows++
	t.line(cells)
}

// optional writes a row of a name and a value, or nothing when the value is not known.
func (t *table) optional(name, value string) {
	if value != "" {
		t.row(name, value)
	}
}

func (t *table) line(cells []string) { t.b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

func (t *table) end() {
	if t.rows > 0 {
		t.b.WriteString("\n")
	}
}

var escaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`, "#", `\#`, "~", `\~`,
)

// text makes a string safe inside a paragraph, heading or table cell: names come from configs and
// registries and must not become links, HTML or further rows.
func text(s string) string { return escaper.Replace(oneLine(s)) }

// code is a code span. Back quotes and bars would end the span or the cell and are replaced.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", "¦").Replace(oneLine(s)) + "`"
}

// oneLine joins words by single spaces and drops control characters.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
