package html

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// mainContent narrows a page to its content: to <main> or what is marked as such, else down to the
// smallest block that holds nearly all of the running text, and takes boilerplate blocks out of it.
func mainContent(body *html.Node, published bool) *html.Node {
	p := page{sizes: map[*html.Node]size{}, published: published}
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
	// published is set for pages that declare themselves articles for the public. Their parts are
	// known, and they hold more that is not content than content.
	published bool
}

const (
	// proseRunes is the length from which a block of text is running text and not a label.
	proseRunes = 60
	// narrowShare is the share of the running text that a child has to hold to be the content.
	narrowShare = 0.85
	// landmarkShare is the share of the page's running text that <main> or <article> has to hold.
	landmarkShare = 0.4
	// rivalShare is the share that an article has to hold to be one of several.
	rivalShare = 0.1
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

// landmark returns the element that the author marked as the content, when most of the text is in it,
// else body. Several articles on a page are a list of articles, of which none is the content.
func (p *page) landmark(body *html.Node) *html.Node {
	var best *html.Node
	articles := 0
	for n := range body.Descendants() {
		if n.Type != html.ElementNode || !isLandmark(n) {
			continue
		}
		if n.Data == "article" && float64(p.sizes[n].prose) > rivalShare*float64(p.sizes[body].prose) && !inside(n, "article") {
			articles++
		}
		if best == nil || n.Data != "article" && best.Data == "article" || n.Data == best.Data && p.sizes[n].prose > p.sizes[best].prose {
			best = n
		}
	}
	if best == nil || best.Data == "article" && articles > 1 || float64(p.sizes[best].prose) < landmarkShare*float64(p.sizes[body].prose) {
		return body
	}
	return best
}

// inside reports whether an ancestor of n has the tag.
func inside(n *html.Node, tag string) bool {
	for n = n.Parent; n != nil; n = n.Parent {
		if n.Data == tag {
			return true
		}
	}
	return false
}

func isLandmark(n *html.Node) bool {
	switch {
	case n.Data == "main", n.Data == "article", attr(n, "role") == "main", attr(n, "role") == "article":
		return true
	}
	return strings.Contains(strings.ToLower(attr(n, "itemprop")), "articlebody")
}

// narrow goes down while one child holds nearly all of the running text. On a page that is not
// published as an article, it stops where anything but links stands beside the child.
func (p *page) narrow(n *html.Node) *html.Node {
	for {
		var next *html.Node
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Type == html.ElementNode && float64(p.sizes[c].prose) >= narrowShare*float64(max(p.sizes[n].prose, 1)) {
				next = c
			}
		}
		if next == nil || !containers[next.Data] || !p.published && p.losesContent(n, next) {
			return n
		}
		n = next
	}
}

var containers = set("article body center div fieldset form main section td tr tbody table span html")

// losesContent reports whether any text outside of links stands beside the child.
func (p *page) losesContent(n, child *html.Node) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.TextNode && runesOf(c.Data) > 0 || c.Type == html.ElementNode && c != child && p.sizes[c].all > 0 && !p.linky(c) {
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
	case "figure", "figcaption":
		return p.published && !holds(n, "table") && !holds(n, "pre")
	case "header":
		return !holds(n, "h1")
	case "p", "h1", "pre", "table", "tbody", "tr", "td", "th", "blockquote", "code", "dt", "dd":
		return false
	case "ul", "ol":
		return p.linkList(n) || p.named(n) || p.teasers(n)
	}
	if roles[attr(n, "role")] {
		return true
	}
	return p.named(n) && !holds(n, "h1") || blocks[n.Data] && (p.linkList(n) || p.teasers(n))
}

// teasers reports whether n is a row of teasers for other pages: three or more children of one shape,
// each with a linked heading or picture and little text of its own.
func (p *page) teasers(n *html.Node) bool {
	shape, cards, others := "", 0, 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.TextNode {
			others += runesOf(c.Data)
		}
		if c.Type != html.ElementNode || p.sizes[c].all == 0 {
			continue
		}
		if c.Data == "p" { // paragraphs begin with links, too
			return false
		}
		if shape == "" && p.isTeaser(c) {
			shape = c.Data
		}
		if c.Data == shape && p.isTeaser(c) {
			cards++
		} else {
			others += p.sizes[c].all - p.sizes[c].linked
		}
	}
	return cards >= 3 && others < teaserRunes
}

// teaserRunes is the length of unlinked text above which a block says something itself.
const teaserRunes = 250

// isTeaser reports whether c leads elsewhere: a link around a heading, or a heading around a link, or
// a link that is most of it.
func (p *page) isTeaser(c *html.Node) bool {
	s := p.sizes[c]
	if s.linked == 0 || s.all-s.linked > teaserRunes {
		return false
	}
	if p.linky(c) {
		return true
	}
	for d := range c.Descendants() {
		if d.Type == html.ElementNode && d.Data == "a" && (within(d, c) || holdsHeading(d)) {
			return true
		}
	}
	return false
}

var headings = set("h2 h3 h4 h5 h6")

// within reports whether a heading stands between n and its ancestor top.
func within(n, top *html.Node) bool {
	for ; n != nil && n != top; n = n.Parent {
		if headings[n.Data] {
			return true
		}
	}
	return false
}

func holdsHeading(n *html.Node) bool {
	for d := range n.Descendants() {
		if headings[d.Data] {
			return true
		}
	}
	return false
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
func (p *page) named(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key != "class" && a.Key != "id" {
			continue
		}
		for word := range strings.FieldsFuncSeq(a.Val, isNameBreak) {
			word = strings.ToLower(word)
			if boilerplateNames[word] || p.published && publishedNames[word] {
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
var boilerplateNames = set("nav navbar navigation menu breadcrumb breadcrumbs sidebar footer masthead toolbar skip login " +
	"share sharing shares promo promos promotion advert advertisement ad ads adv sponsored sponsor paywall " +
	"newsletter subscribe subscription signup cookie cookies consent gdpr banner popup modal overlay pagination pager")

// publishedNames are more of them, on pages that say that they are published articles. On a page of a
// wiki or a tracker comments, captions, authors and tags are content.
var publishedNames = set("related recommended recommendations comment comments disqus tags taglist outbrain taboola trending popular " +
	"widget widgets byline author bio dateline timestamp date meta posted caption captions credit credits copyright")
