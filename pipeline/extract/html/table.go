package html

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

const (
	// maxSpan bounds rowspan and colspan, maxAdded the cells that all tables of a page add to those that are
	// there and four times as many: a few bytes of HTML must not stand for millions of cells.
	maxSpan  = 1000
	maxAdded = 50_000
	// maxSpanned is the width from which a table has no spans: each shifts the rest of its row.
	maxSpanned = 2000
	// maxCellRunes is the length from which a cell holds a text, not a value.
	maxCellRunes = 2000
)

// flattenTables makes tables such that Markdown can hold them. Layout tables become plain blocks; the
// cells of data tables become one line each.
func flattenTables(scope *html.Node) {
	budget := maxAdded
	for _, t := range collect(scope, func(n *html.Node) bool { return n.Type == html.ElementNode && n.Data == "table" }) {
		if isLayout(t) {
			dissolve(t)
			continue
		}
		all := collect(t, isCell)
		for _, cell := range all {
			boundSpans(cell, &budget)
		}
		if !fits(t, len(all), &budget) {
			for _, cell := range all {
				dropSpans(cell)
			}
			if !fits(t, len(all), &budget) {
				dissolve(t)
				continue
			}
		}
		for _, cell := range all {
			flattenCell(cell)
		}
	}
	if isCell(scope) || tableParts[scope.Data] { // the content is within a layout table
		scope.Data, scope.DataAtom = "div", 0
	}
}

var tableParts = set("table thead tbody tfoot tr td th caption colgroup col")

func isCell(n *html.Node) bool {
	return n.Type == html.ElementNode && (n.Data == "td" || n.Data == "th")
}

// isLayout reports whether a table is there for its looks: it says so, it holds other tables,
// headings or long texts, or no row has two cells.
func isLayout(t *html.Node) bool {
	if role := attr(t, "role"); role == "presentation" || role == "none" {
		return true
	}
	for d := range t.Descendants() {
		if d.Type != html.ElementNode {
			continue
		}
		switch {
		case d.Data == "table", headings[d.Data], d.Data == "h1":
			return true
		case isCell(d) && runesOf(textOf(d)) > maxCellRunes:
			return true
		}
	}
	return widest(t) < 2
}

func cells(row *html.Node) (n int) {
	for c := row.FirstChild; c != nil; c = c.NextSibling {
		if isCell(c) {
			n++
		}
	}
	return n
}

// dissolve makes the parts of one table blocks. Tables within it have their own turn.
func dissolve(n *html.Node) {
	n.Data, n.DataAtom = "div", 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode && c.Data != "table" && tableParts[c.Data] {
			dissolve(c)
		}
	}
}

// boundSpans takes away spans that are out of proportion. What is shown again costs by its length.
func boundSpans(cell *html.Node, budget *int) {
	area, each := 1, 0
	for i := range cell.Attr {
		a := &cell.Attr[i]
		if a.Key != "rowspan" && a.Key != "colspan" {
			continue
		}
		if each == 0 {
			each = 1 + len(textOf(cell))/64
		}
		n := spanOf(*a)
		if n > maxSpan || (area*n-1)*each > *budget {
			n = 1
		}
		a.Val = strconv.Itoa(n)
		area *= n
	}
	*budget -= (area - 1) * each
}

// spanOf is the number in a rowspan or colspan, 1 where there is none.
func spanOf(a html.Attribute) int {
	n, err := strconv.Atoi(strings.TrimSpace(a.Val))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

func dropSpans(cell *html.Node) {
	for i, a := range cell.Attr {
		if a.Key == "rowspan" || a.Key == "colspan" {
			cell.Attr[i].Val = "1"
		}
	}
}

// fits reports whether the rectangle that a table of so many cells becomes, with every row as wide as the widest, is
// in proportion to it, and takes what is not from the budget.
func fits(t *html.Node, cells int, budget *int) bool {
	height, width := rectangle(t)
	over := max(0, height*width-5*cells)
	if over > *budget || width > maxSpanned && width > widest(t) {
		return false
	}
	*budget -= over
	return true
}

// rectangle is the size of a table with its spans. Spans are bounded.
func rectangle(t *html.Node) (height, width int) {
	var widths []int
	rows := collect(t, func(n *html.Node) bool { return n.Type == html.ElementNode && n.Data == "tr" })
	for y, row := range rows {
		for c := row.FirstChild; c != nil; c = c.NextSibling {
			if !isCell(c) {
				continue
			}
			down, right := 1, 1
			for _, a := range c.Attr {
				switch a.Key {
				case "rowspan":
					down = spanOf(a)
				case "colspan":
					right = spanOf(a)
				}
			}
			for len(widths) < y+down {
				widths = append(widths, 0)
			}
			for k := range down {
				widths[y+k] += right
				width = max(width, widths[y+k])
			}
		}
	}
	return max(len(widths), len(rows)) + 1, width // one more may stand for a header
}

// widest is the number of cells in the widest row, without spans.
func widest(t *html.Node) (n int) {
	for d := range t.Descendants() {
		if d.Type == html.ElementNode && d.Data == "tr" {
			n = max(n, cells(d))
		}
	}
	return n
}

// flattenCell takes the blocks out of a cell and leaves their text on one line.
func flattenCell(cell *html.Node) {
	for _, n := range collect(cell, func(n *html.Node) bool { return n.Type == html.TextNode }) {
		n.Data = hideBars.Replace(n.Data)
	}
	inner := collect(cell, func(n *html.Node) bool { return n.Type == html.ElementNode && blocks[n.Data] })
	for _, n := range inner {
		n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: " "}, n)
		n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: " "}, n.NextSibling)
		unwrap(n)
	}
}
