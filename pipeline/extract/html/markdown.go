package html

import (
	"context"
	"errors"
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
	c := converter.NewConverter(
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
	c.Register.Renderer(untilDone, converter.PriorityEarly-1)
	return c
})

// untilDone leaves out what would be rendered after the context is done.
func untilDone(ctx converter.Context, _ converter.Writer, _ *html.Node) converter.RenderStatus {
	if ctx.Err() != nil {
		return converter.RenderSuccess
	}
	return converter.RenderTryNext
}

// The converter turns "<" in text into "&lt;", for browsers, leaves "|" in cells as it is, and puts
// a backslash over the letter before "#" at the end of a heading ("C#"), or crashes where there is
// none. Noncharacters, which no text holds, take their place on the way through.
var (
	hideAngles = strings.NewReplacer("<", "\ufdd0", ">", "\ufdd1")
	hideBars   = strings.NewReplacer("|", "\ufdd2")
	hidePounds = strings.NewReplacer("#", "\ufdd3")
	showHidden = strings.NewReplacer("\ufdd0", "<", "\ufdd1", ">", "\ufdd2", `\|`, "\ufdd3", "#")
	noHidden   = strings.NewReplacer("\ufdd0", "", "\ufdd1", "", "\ufdd2", "", "\ufdd3", "")
)

// markdown renders a tree, which it changes. Links keep their words and lose their address, which is
// noise to learn from and often private; pictures keep their description, if they are to.
func markdown(ctx context.Context, scope *html.Node, pictures bool) (string, error) {
	texts := collect(scope, func(n *html.Node) bool { return n.Type == html.TextNode })
	for _, n := range texts {
		n.Data = noHidden.Replace(n.Data)
	}
	flattenTables(scope)
	for _, n := range texts {
		if !inside(n, "pre") && !inside(n, "code") {
			n.Data = hideAngles.Replace(n.Data)
		}
	}
	for _, n := range collect(scope, func(n *html.Node) bool { return n.Data == "a" || n.Data == "picture" }) {
		if n.Type == html.ElementNode && n.Parent != nil {
			unwrap(n)
		}
	}
	for _, n := range collect(scope, func(n *html.Node) bool { return n.Type == html.ElementNode && n.Data == "img" }) {
		describePicture(n, pictures)
	}
	for _, n := range collect(scope, func(n *html.Node) bool { return n.Type == html.TextNode && inHeading(n) }) {
		n.Data = hidePounds.Replace(n.Data)
	}
	joinTexts(scope)
	out, err := convert().ConvertNode(scope, converter.WithContext(ctx))
	return showHidden.Replace(string(out)), errors.Join(err, ctx.Err())
}

// joinTexts makes one node of texts beside each other, which the converter does as well, and copies all that it has
// for each.
func joinTexts(scope *html.Node) {
	isText := func(n *html.Node) bool { return n != nil && n.Type == html.TextNode }
	for _, first := range collect(scope, func(n *html.Node) bool { return isText(n) && !isText(n.PrevSibling) && isText(n.NextSibling) }) {
		var all strings.Builder
		all.WriteString(first.Data)
		for isText(first.NextSibling) {
			all.WriteString(first.NextSibling.Data)
			first.Parent.RemoveChild(first.NextSibling)
		}
		first.Data = all.String()
	}
}

func inHeading(n *html.Node) bool {
	for n = n.Parent; n != nil; n = n.Parent {
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			return true
		}
	}
	return false
}

// collect returns the nodes below n that match, so that the tree may be changed while they are looked
// at.
func collect(n *html.Node, match func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if match(d) {
			found = append(found, d)
		}
	}
	return found
}

// describePicture puts the alternative text in the place of a picture. A single word is rather a file
// name or a label than a description.
func describePicture(n *html.Node, keep bool) {
	if alt := strings.TrimSpace(attr(n, "alt")); keep && strings.Contains(alt, " ") {
		n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: " " + hideAngles.Replace(noHidden.Replace(alt)) + " "}, n)
	}
	remove(n)
}
