// Package html reads web pages: it finds the main content and renders it as Markdown. Private pages
// (wikis, intranets, exports) must not lose any of theirs, so a block is left out only when its tag,
// its name or its links say what it is; when unsure, it stays.
package html

import (
	"context"
	"strings"

	"golang.org/x/net/html"

	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the HTML format.
type Format struct {
	// MainContent leaves out navigation, sidebars and the like.
	MainContent bool
}

// Name is "html".
func (Format) Name() string { return "html" }

// Accepts takes HTML.
func (Format) Accepts(mime string) bool {
	return mime == extract.MIMEHTML || mime == "application/xhtml+xml"
}

// Extract returns the page as one document. It takes at most about a kilobyte for each tag, and keeps of a page of more
// than half a million tags the text alone; what tables, lists and quotes add to the text is bounded by the page as well.
func (f Format) Extract(ctx context.Context, in extract.Input) ([]extract.Document, error) {
	text, charset, err := extract.Decode(extract.Input{Path: in.Path, MIME: extract.MIMEHTML, Raw: in.Raw})
	if err != nil {
		return nil, err
	}
	var doc extract.Document
	if doc.Text, err = f.render(ctx, &doc, text); err != nil {
		return nil, err
	}
	if doc.Title == "" {
		doc.Title = extract.TitleFromPath(in.Path)
	}
	doc.NoteCharset(charset)
	return []extract.Document{doc}, nil
}

// render returns the text of a page and files what it says of itself.
func (f Format) render(ctx context.Context, doc *extract.Document, page string) (string, error) {
	page, ok := bounded(page)
	var root *html.Node
	if ok {
		var err error
		if root, err = parse(ctx, page); ctx.Err() != nil {
			return "", ctx.Err()
		} else if err != nil { // nested deeper than the parser allows
			ok = false
		}
	}
	if !ok {
		return plain(page), nil
	}
	describe(doc, root)
	published := isPublished(root)
	scope := prepare(root)
	if f.MainContent {
		scope = mainContent(scope, published)
	}
	flattenNested(scope, 0)
	return markdown(ctx, scope, !published)
}

// plain is the text between the tags, for pages that no tree can be built of.
func plain(page string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(page))
	skip := 0 // depth of elements whose text is no text
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return out.String()
		case html.TextToken:
			if skip == 0 {
				out.Write(tokens.Text())
			}
		case html.StartTagToken:
			if name, _ := tokens.TagName(); noText[string(name)] {
				skip++
			} else if blocks[string(name)] {
				out.WriteByte('\n')
			}
		case html.EndTagToken:
			if name, _ := tokens.TagName(); noText[string(name)] {
				skip = max(0, skip-1)
			}
		}
	}
}

// describe files what the page says of itself.
func describe(doc *extract.Document, root *html.Node) {
	var title, heading, social string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "html":
			doc.Set("lang", attr(n, "lang"))
		case "title":
			if title == "" && n.Parent != nil && n.Parent.Data == "head" {
				title = strings.Join(strings.Fields(textOf(n)), " ")
			}
		case "h1":
			if heading == "" {
				heading = strings.Join(strings.Fields(textOf(n)), " ")
			}
		case "meta":
			if name := attr(n, "property") + attr(n, "name"); name == "og:title" {
				social = attr(n, "content")
			} else if key := metaKeys[name]; key != "" {
				doc.Set(key, attr(n, "content"))
			}
		case "link":
			if attr(n, "rel") == "canonical" {
				doc.Set("url", attr(n, "href"))
			}
		}
	}
	for _, t := range []string{social, heading, title} {
		doc.Set("title", t)
		if doc.Title != "" {
			break
		}
	}
}

// metaKeys maps names of meta elements to keys of metadata.
var metaKeys = map[string]string{
	"description": "description", "author": "author", "keywords": "keywords",
	"article:published_time": "created", "article:modified_time": "modified",
	"last-modified": "modified", "dcterms.created": "created", "dcterms.modified": "modified",
}

// isPublished reports whether a page declares itself an article for the public, to social networks
// (Open Graph) or search engines (schema.org). Private pages have no reason to.
func isPublished(root *html.Node) bool {
	for n := range root.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "meta" && attr(n, "property") == "og:type" && strings.EqualFold(attr(n, "content"), "article"):
			return true
		case n.Data == "meta" && attr(n, "property") == "article:published_time":
			return true
		case n.Data == "script" && attr(n, "type") == "application/ld+json" && declaresArticle(textOf(n)):
			return true
		case articleType(attr(n, "itemtype")):
			return true
		}
	}
	return false
}

func declaresArticle(ld string) bool {
	for _, kind := range articleTypes {
		if strings.Contains(ld, `"`+kind+`"`) {
			return true
		}
	}
	return false
}

func articleType(itemtype string) bool {
	for _, kind := range articleTypes {
		if strings.HasSuffix(itemtype, "schema.org/"+kind) {
			return true
		}
	}
	return false
}

var articleTypes = []string{"Article", "NewsArticle", "BlogPosting", "ReportageNewsArticle"}
