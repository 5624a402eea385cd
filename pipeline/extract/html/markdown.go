package html

import (
	"strings"
	"sync"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"golang.org/x/net/html"
)

// convert is made on first use: a run without HTML does not pay for it. Text is not escaped: the
// reader is a language model, to which "snake\_case" is a different word.
var convert = sync.OnceValue(func() *converter.Converter {
	return converter.NewConverter(
		converter.WithEscapeMode(converter.EscapeModeDisabled),
		converter.WithPlugins(
			base.NewBasePlugin(),
			commonmark.NewCommonmarkPlugin(commonmark.WithListEndComment(false)),
			table.NewTablePlugin(
				table.WithHeaderPromotion(true),
				table.WithSpanCellBehavior(table.SpanBehaviorMirror),
				table.WithNewlineBehavior(table.NewlineBehaviorPreserve),
				table.WithCellPaddingBehavior(table.CellPaddingBehaviorMinimal),
				table.WithSkipEmptyRows(true),
			),
		),
	)
})

// markdown renders a tree. Links keep their words and lose their address, pictures keep their
// description: addresses are noise to learn from, and often private.
func markdown(scope *html.Node) (string, error) {
	var links, pictures []*html.Node
	for n := range scope.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "a":
			links = append(links, n)
		case "img", "picture":
			pictures = append(pictures, n)
		}
	}
	for _, n := range links {
		unwrap(n)
	}
	for _, n := range pictures {
		describePicture(n)
	}
	out, err := convert().ConvertNode(scope)
	return string(out), err
}

// describePicture puts the alternative text of a picture in its place.
func describePicture(n *html.Node) {
	if n.Parent == nil {
		return
	}
	if alt := strings.TrimSpace(attr(n, "alt")); n.Data == "img" && strings.Contains(alt, " ") { // not "logo", "image1.png"
		n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: alt}, n)
		remove(n)
	} else if n.Data == "picture" {
		unwrap(n)
	} else {
		remove(n)
	}
}
