package html

import (
	"strings"

	"golang.org/x/net/html"
)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

var (
	// noText holds elements whose text is not for readers.
	noText = set("script style noscript template iframe object embed svg canvas math head")
	// controls are elements of forms and players, whose labels are no content.
	controls = set("button input select textarea datalist progress meter audio video source track map area dialog")
	// blocks begin on a line of their own.
	blocks = set("address article aside blockquote body br dd details dialog div dl dt fieldset figcaption figure footer " +
		"form h1 h2 h3 h4 h5 h6 header hr li main menu nav ol p pre section summary table tbody td tfoot th thead tr ul")
)

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// textOf is all text below n.
func textOf(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
			out.WriteByte(' ')
		}
	}
	return out.String()
}

func remove(n *html.Node) {
	if n.Parent != nil {
		n.Parent.RemoveChild(n)
	}
}

// unwrap puts the children of n in its place.
func unwrap(n *html.Node) {
	for c := n.FirstChild; c != nil; c = n.FirstChild {
		n.RemoveChild(c)
		n.Parent.InsertBefore(c, n)
	}
	remove(n)
}

// prepare takes out of the tree what no reader sees, and returns the body.
func prepare(root *html.Node) *html.Node {
	body := root
	var doomed []*html.Node
	for n := range root.Descendants() {
		switch {
		case n.Type == html.CommentNode, n.Type == html.ElementNode && (noText[n.Data] || controls[n.Data] || hidden(n)):
			doomed = append(doomed, n)
		case n.Type == html.ElementNode && n.Data == "body":
			body = n
		}
	}
	for _, n := range doomed {
		if n != body {
			remove(n)
		}
	}
	return body
}

func hidden(n *html.Node) bool {
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return a.Val != "until-found"
		case "aria-hidden":
			if a.Val == "true" {
				return true
			}
		case "style":
			style := strings.ToLower(strings.ReplaceAll(a.Val, " ", ""))
			if strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden") {
				return true
			}
		}
	}
	return false
}
