package html

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// mainContent narrows a page to its content: to <main> or what is marked as such, else down to the
// smallest block that holds nearly all of the running text, and takes boilerplate blocks out of it.
func mainContent(body *html.Node) *html.Node {
	p := page{sizes: map[*html.Node]size{}}
	p.measure(body)
	scope := p.landmark(body)
	p.prune(scope, scope)
	p.sizes = map[*html.Node]size{}
	p.measure(scope)
	return p.narrow(scope)
}

// size is the text below an element, in runes without white space.
type size struct {
	all    int // everything
	linked int // inside of links
	prose  int // outside of links, in blocks long enough to be sentences
}

// page remembers the sizes of elements.
type page struct {
	sizes map[*html.Node]size
}

const (
	// proseRunes is the length from which a block of text is running text and not a label.
	proseRunes = 60
	// narrowShare is the share of the running text that a child has to hold to be the content.
	narrowShare = 0.85
	// landmarkShare is the share of the page's running text that <main> or <article> has to hold.
	landmarkShare = 0.4
	// maxBoilerplateShare is the share of the scope's running text that no boilerplate has.
	maxBoilerplateShare = 0.3
)

// measure fills in the sizes of n and of all below it.
func (p *page) measure(n *html.Node) size {
	var s size
	own := 0 // text of n's own lines: inline children included, blocks not
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case html.TextNode:
			k := runesOf(c.Data)
			s.all += k
			own += k
		case html.ElementNode:
			cs := p.measure(c)
			s.all, s.linked, s.prose = s.all+cs.all, s.linked+cs.linked, s.prose+cs.prose
			if !blocks[c.Data] {
				own += cs.all - cs.linked
			}
		}
	}
	if n.Type == html.ElementNode && n.Data == "a" {
		s.linked = s.all
	}
	if blocks[n.Data] && own >= proseRunes {
		s.prose += own
	}
	p.sizes[n] = s
	return s
}

func runesOf(s string) (n int) {
	for _, r := range s {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// landmark returns the element that the author marked as the content, when there is one and most of
// the text is in it, else body.
func (p *page) landmark(body *html.Node) *html.Node {
	var best *html.Node
	for n := range body.Descendants() {
		if n.Type == html.ElementNode && isLandmark(n) && (best == nil || p.sizes[n].prose > p.sizes[best].prose) {
			best = n
		}
	}
	if best == nil || float64(p.sizes[best].prose) < landmarkShare*float64(p.sizes[body].prose) {
		return body
	}
	return best
}

func isLandmark(n *html.Node) bool {
	switch {
	case n.Data == "main", n.Data == "article", attr(n, "role") == "main", attr(n, "role") == "article":
		return true
	}
	return strings.Contains(strings.ToLower(attr(n, "itemprop")), "articlebody")
}

// narrow goes down while one child holds nearly all of the running text. What stands beside it is
// left out only as far as it holds none itself: a page whose text is spread stays whole.
func (p *page) narrow(n *html.Node) *html.Node {
	for {
		var next *html.Node
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Type == html.ElementNode && float64(p.sizes[c].prose) >= narrowShare*float64(max(p.sizes[n].prose, 1)) {
				next = c
			}
		}
		if next == nil || !containers[next.Data] || p.losesContent(n, next) {
			return n
		}
		n = next
	}
}

var containers = set("article body center div fieldset form main section td tr tbody table span html")

// losesContent reports whether anything but labels and links stands beside the child: headings,
// tables, lists, preformatted text, or text outside of links.
func (p *page) losesContent(n, child *html.Node) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c == child {
			continue
		}
		if c.Type == html.TextNode && runesOf(c.Data) > 0 {
			return true
		}
		if c.Type == html.ElementNode && p.sizes[c].prose > 0 {
			return true
		}
		if c.Type == html.ElementNode && hasStructure(c) && !p.linky(c) {
			return true
		}
	}
	return false
}

// hasStructure reports whether n is or holds what authors make and templates do not.
func hasStructure(n *html.Node) bool {
	switch n.Data {
	case "h1", "table", "pre", "dl":
		return true
	}
	for d := range n.Descendants() {
		switch d.Data {
		case "h1", "table", "pre", "dl":
			return true
		}
	}
	return false
}

// linky reports whether most of the text of n is links.
func (p *page) linky(n *html.Node) bool {
	s := p.sizes[n]
	return s.all > 0 && s.linked*2 > s.all
}

// prune takes boilerplate out of n, the deepest first seen from above: a block that goes takes all
// below it along.
func (p *page) prune(n, scope *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		if c.Type == html.ElementNode {
			if p.boilerplate(c, scope) {
				n.RemoveChild(c)
			} else {
				p.prune(c, scope)
			}
		}
		c = next
	}
}

// boilerplate decides about one block.
func (p *page) boilerplate(n, scope *html.Node) bool {
	s := p.sizes[n]
	if float64(s.prose) > maxBoilerplateShare*float64(p.sizes[scope].prose) {
		return false
	}
	switch n.Data {
	case "nav", "aside", "footer", "menu":
		return true
	case "header":
		return !holds(n, "h1")
	case "p", "h1", "pre", "table", "tbody", "tr", "td", "th", "blockquote", "code", "dt", "dd":
		return false
	case "ul", "ol":
		return p.linkList(n) || named(n)
	}
	if roles[attr(n, "role")] {
		return true
	}
	return named(n) && !holds(n, "h1") || blocks[n.Data] && p.linkList(n)
}

var roles = set("navigation banner contentinfo complementary search dialog alertdialog alert menu menubar toolbar")

func holds(n *html.Node, tag string) bool {
	for d := range n.Descendants() {
		if d.Data == tag {
			return true
		}
	}
	return false
}

// linkList reports whether n is nothing but links: three or more, nearly all of the text, and none of
// it a sentence.
func (p *page) linkList(n *html.Node) bool {
	s := p.sizes[n]
	if s.prose > 0 || s.all == 0 || s.linked*10 < s.all*8 {
		return false
	}
	links := 0
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == "a" {
			links++
		}
	}
	return links >= 3
}

// named reports whether a word of the element's class or id says that it is boilerplate.
func named(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key != "class" && a.Key != "id" {
			continue
		}
		for word := range strings.FieldsFuncSeq(a.Val, isNameBreak) {
			if boilerplateNames[strings.ToLower(word)] {
				return true
			}
		}
	}
	return false
}

func isNameBreak(r rune) bool {
	return r == ' ' || r == '-' || r == '_' || r == '\n' || r == '\t' || r == ':'
}

// boilerplateNames are parts of class names and ids that templates use for what is not content.
var boilerplateNames = set("nav navbar navigation menu breadcrumb breadcrumbs sidebar footer masthead " +
	"share sharing shares social socials related recommended recommendations promo promos promotion advert advertisement ad ads adv sponsored sponsor " +
	"newsletter subscribe subscription signup comments comment disqus cookie cookies consent gdpr banner popup modal overlay " +
	"pagination pager tags taglist outbrain taboola trending popular toolbar skip login paywall widget widgets")
