package chunk

import (
	"slices"
	"strings"
)

// kind is what a block is, which decides where it may be cut.
type kind int

const (
	paragraph kind = iota
	heading
	list
	table
	fence
	item     // of a list
	line     // of an item, a table, a fence
	sentence // of a paragraph, a line
	wrapped  // line of a sentence
	word
	letters // part of a word
)

// block is a stretch of text: a Markdown block with the blank lines after it, or a part of one.
type block struct {
	kind  kind
	start int // bytes
	text  string
	path  []string // titles above it; a heading does not stand above itself
}

// parse cuts text into Markdown blocks (CommonMark 0.31 as far as block structure at the top level
// goes, and GFM tables). It recognises and never rejects: what is nothing else is a paragraph.
func parse(text string) []block {
	p := parser{lines: slices.Collect(strings.Lines(text))}
	for len(p.lines) > 0 {
		p.block()
	}
	return p.blocks
}

type parser struct {
	lines  []string // left, each with its line end
	offset int
	blocks []block
	titles [6]string // open headings by level
}

// block takes one block and the blank lines after it. Blank lines at the start of the text go with
// the first block.
func (p *parser) block() {
	lead := count(p.lines, blank)
	rest := p.lines[lead:]
	if len(rest) == 0 {
		p.emit(paragraph, lead)
		return
	}
	k, n, level := recognise(rest)
	n += lead
	n += count(p.lines[n:], blank)
	if k != heading {
		p.emit(k, n)
		return
	}
	clear(p.titles[level-1:])
	p.emit(k, n)
	p.titles[level-1] = headingTitle(rest[0])
}

func (p *parser) emit(k kind, n int) {
	text := strings.Join(p.lines[:n], "")
	var path []string
	for _, title := range p.titles {
		if title != "" {
			path = append(path, title)
		}
	}
	p.blocks = append(p.blocks, block{k, p.offset, text, path})
	p.offset += len(text)
	p.lines = p.lines[n:]
}

// recognise says what the first line starts, how many lines that has, and a heading's level.
func recognise(lines []string) (k kind, n, level int) {
	switch first := lines[0]; {
	case headingLevel(first) > 0:
		return heading, 1, headingLevel(first)
	case fenceMark(first) != "":
		return fence, fenceLines(lines), 0
	case isRow(first):
		return table, count(lines, isRow), 0
	case isItem(first):
		return list, listLines(lines), 0
	}
	n = 1
	for n < len(lines) && !blank(lines[n]) && !interrupts(lines[n]) {
		if level := underline(lines[n]); level > 0 && n == 1 {
			return heading, 2, level
		}
		n++
	}
	return paragraph, n, 0
}

// interrupts reports a line that ends a paragraph without a blank line.
func interrupts(s string) bool {
	return headingLevel(s) > 0 || fenceMark(s) != "" || isRow(s) || isItem(s)
}

func count(lines []string, is func(string) bool) int {
	n := slices.IndexFunc(lines, func(s string) bool { return !is(s) })
	if n < 0 {
		return len(lines)
	}
	return n
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// indent counts leading spaces, a tab as four.
func indent(s string) int {
	n := 0
	for _, c := range s {
		switch c {
		case ' ':
			n++
		case '\t':
			n += 4
		default:
			return n
		}
	}
	return n
}

// headingLevel is 1…6 for a line like "## Title", else 0.
func headingLevel(s string) int {
	t := strings.TrimLeft(s, " ")
	if indent(s) > 3 {
		return 0
	}
	level := len(t) - len(strings.TrimLeft(t, "#"))
	if level > 6 || level > 0 && t[level:] != "" && !strings.ContainsAny(t[level:level+1], " \t\r\n") {
		return 0
	}
	return level
}

func headingTitle(s string) string {
	t := strings.TrimSpace(s)
	if open := strings.TrimLeft(t, "#"); open != t {
		t = strings.TrimSpace(open)
		if closed := strings.TrimRight(t, "#"); closed == "" || strings.HasSuffix(closed, " ") {
			t = strings.TrimSpace(closed)
		}
	}
	return t
}

// underline is 1 for ===, 2 for ---, else 0.
func underline(s string) int {
	t := strings.TrimSpace(s)
	switch {
	case t == "" || indent(s) > 3:
		return 0
	case strings.Trim(t, "=") == "":
		return 1
	case strings.Trim(t, "-") == "":
		return 2
	}
	return 0
}

// fenceMark is the run of ``` or ~~~ that opens a fence, or "".
func fenceMark(s string) string {
	t := strings.TrimLeft(s, " ")
	if indent(s) > 3 || t == "" || t[0] != '`' && t[0] != '~' {
		return ""
	}
	n := len(t) - len(strings.TrimLeft(t, t[:1]))
	if n < 3 || t[0] == '`' && strings.Contains(t[n:], "`") {
		return ""
	}
	return t[:n]
}

// fenceLines counts up to the closing mark, or all lines when it is missing.
func fenceLines(lines []string) int {
	mark := fenceMark(lines[0])
	for i, s := range lines[1:] {
		t := strings.TrimSpace(s)
		if indent(s) <= 3 && len(t) >= len(mark) && strings.Trim(t, mark[:1]) == "" {
			return i + 2
		}
	}
	return len(lines)
}

// isRow reports a line of a table: with pipes at its start, as the extractors write them.
func isRow(s string) bool { return indent(s) <= 3 && strings.HasPrefix(strings.TrimLeft(s, " "), "|") }

// isItem reports a line that starts a list item: "- x", "* x", "+ x", "12. x", "12) x".
func isItem(s string) bool {
	t := strings.TrimLeft(s, " \t")
	digits := len(t) - len(strings.TrimLeft(t, "0123456789"))
	switch {
	case digits == 0 && t != "" && strings.ContainsAny(t[:1], "-*+"):
		t = t[1:]
	case digits > 0 && digits < 10 && digits < len(t) && (t[digits] == '.' || t[digits] == ')'):
		t = t[digits+1:]
	default:
		return false
	}
	return strings.HasPrefix(t, " ") || strings.HasPrefix(t, "\t")
}

// listLines counts the items with what belongs to them: lines right below, and indented ones after
// a blank line.
func listLines(lines []string) int {
	n := 1
	for n < len(lines) {
		gap := count(lines[n:], blank)
		if n+gap == len(lines) {
			break
		}
		next := lines[n+gap]
		belongs := isItem(next) || indent(next) > 1
		if gap == 0 {
			belongs = belongs || headingLevel(next) == 0 && fenceMark(next) == "" && !isRow(next)
		}
		if !belongs {
			break
		}
		n += gap + 1
	}
	return n
}
