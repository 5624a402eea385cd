package html

import (
	"context"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

const (
	// maxNodes bounds the tree of a page; a node takes about 120 bytes. A page of a million tags is a book.
	maxNodes = 2 << 20
	// maxReopened is how often a tag or a text of a page opens formatting elements again on average, and
	// freeNodes for how many no one asks.
	maxReopened = 4
	freeNodes   = 20_000
	// maxNested bounds lists and quotes in each other, since each line of the innermost is indented as often.
	maxNested = 12
	// maxOpen is how deep the parser lets elements be in each other.
	maxOpen = 512
)

// formatting are the elements that HTML opens again in every block after the one where they were left open
// ("active formatting elements" of the standard): a few bytes of text stand for as many nodes as there are of them.
// Of links, which are among them, only one is open at a time.
var formatting = set("b big code em font i nobr s small strike strong tt u")

// sealing are elements in which, or after which, the end of a formatting element may end none of those before.
var sealing = set("table tbody thead tfoot tr td th caption col colgroup applet object marquee template select frameset frame html head body")

// forecast adds up what the parser will make of a page.
type forecast struct {
	tokens int
	nodes  int
	open   []string // formatting elements as they are written, those that cannot be ended by what follows first
	sealed int      // how many of them
}

// add counts one token. It never counts less than the parser makes: every text and every tag may open all
// formatting elements again, and what ends in another order than it began is copied.
func (f *forecast) add(kind html.TokenType, name string, raw []byte) {
	f.tokens++
	f.nodes += 2 + len(f.open) // the second is a link
	switch {
	case sealing[name]:
		f.nodes += 3 // a cell without a row brings the others along
		f.sealed = len(f.open)
	case !formatting[name]:
	case kind == html.StartTagToken || kind == html.SelfClosingTagToken:
		f.begin(string(raw))
	case kind == html.EndTagToken:
		f.nodes += min(len(f.open), 8) * 3
		if last := len(f.open) - 1; last >= f.sealed && tagOf(f.open[last]) == name {
			f.open = f.open[:last]
		}
	}
}

// fits reports whether the tree is in proportion to the page so far.
func (f *forecast) fits() bool {
	return f.nodes <= min(maxNodes, freeNodes+maxReopened*f.tokens) && len(f.open) < maxOpen
}

// begin notes an element. Of equal ones three count.
func (f *forecast) begin(raw string) {
	same := 0
	for i := len(f.open) - 1; i >= f.sealed; i-- {
		if f.open[i] == raw {
			same++
		}
		if same == 3 {
			f.open = slices.Delete(f.open, i, i+1)
			break
		}
	}
	f.open = append(f.open, raw)
}

// tagOf is the name in a tag as it is written.
func tagOf(raw string) string {
	end := strings.IndexFunc(raw, func(r rune) bool { return strings.ContainsRune(" \t\n\r\f/>", r) })
	return strings.ToLower(raw[1:max(1, end)])
}

// bounded returns the page as it can be parsed: as it is, without its formatting elements where those would multiply,
// or not at all. Whatever it returns makes a tree of at most maxNodes.
func bounded(page string) (string, bool) {
	var f forecast
	tokens := html.NewTokenizer(strings.NewReader(page))
	for f.fits() {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return page, true
		}
		name, raw := "", tokens.Raw()
		if kind != html.TextToken && kind != html.CommentToken {
			tag, _ := tokens.TagName()
			name = string(tag)
		}
		f.add(kind, name, raw)
	}
	out := &strings.Builder{}
	tokens = html.NewTokenizer(strings.NewReader(page))
	for range maxNodes / 4 {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return out.String(), true
		}
		raw := string(tokens.Raw()) // before the name is asked for, which changes it
		if kind != html.TextToken && kind != html.CommentToken {
			if tag, _ := tokens.TagName(); formatting[string(tag)] {
				continue
			}
		}
		out.WriteString(raw)
	}
	return page, false
}

// parse is html.Parse that ends with the context: the parser asks for more of the page all the while.
func parse(ctx context.Context, page string) (*html.Node, error) {
	return html.Parse(&reader{ctx, strings.NewReader(page)})
}

type reader struct {
	ctx  context.Context
	page io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.page.Read(p)
}

// flattenNested takes lists and quotes that are too deep in others out of their frame. Their lines stay.
func flattenNested(n *html.Node, depth int) {
	for c := n.FirstChild; c != nil; {
		next, below := c.NextSibling, depth
		if c.Type == html.ElementNode && nesting[c.Data] {
			if below++; below > maxNested {
				c.Data, c.DataAtom = "div", 0
			}
		}
		flattenNested(c, below)
		c = next
	}
}

var nesting = set("ul ol blockquote dl")
