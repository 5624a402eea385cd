package html

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

const (
	// maxSpan bounds rowspan and colspan, maxSpanned the cells that all spans of a page add: a few
	// bytes of HTML must not stand for millions of cells.
	maxSpan    = 1000
	maxSpanned = 50_000
	// maxCellRunes is the length from which a cell holds a text, not a value.
	maxCellRunes = 2000
)

// flattenTables makes tables such that Markdown can hold them. Layout tables become plain blocks; the
// cells of data tables become one line each.
func flattenTables(scope *html.Node) {
	budget := maxSpanned
	for _, t := range collect(scope, func(n *html.Node) bool { return n.Type == html.ElementNode && n.Data == "table" }) {
		if isLayout(t) {
			dissolve(t)
			continue
		}
		for _, cell := range collect(t, isCell) {
			boundSpans(cell, &budget)
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
	widest := 0
	for d := range t.Descendants() {
		if d.Type != html.ElementNode {
			continue
		}
		switch {
		case d.Data == "table", headings[d.Data], d.Data == "h1":
			return true
		case isCell(d) && runesOf(textOf(d)) > maxCellRunes:
			return true
		case d.Data == "tr":
			widest = max(widest, cells(d))
		}
	}
	return widest < 2
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

// boundSpans takes away spans that are out of proportion.
func boundSpans(cell *html.Node, budget *int) {
	area := 1
	for i := range cell.Attr {
		a := &cell.Attr[i]
		if a.Key != "rowspan" && a.Key != "colspan" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(a.Val))
		if err != nil || n < 1 || n > maxSpan || area*n > *budget {
			n = 1
		}
		a.Val = strconv.Itoa(n)
		area *= n
	}
	*budget -= area - 1
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
