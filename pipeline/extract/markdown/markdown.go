// Package markdown reads Markdown with optional YAML front matter. The text stays as it is; front
// matter becomes the document's fields and metadata.
package markdown

import (
	"context"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/cultivar/cultivar/pipeline/extract"
)

// maxFrontMatter bounds what is given to the YAML parser, in bytes.
const maxFrontMatter = 64 << 10

// Format is the Markdown format.
type Format struct{}

// Name is "markdown".
func (Format) Name() string { return "markdown" }

// Accepts takes Markdown.
func (Format) Accepts(mime string) bool { return mime == extract.MIMEMarkdown }

// Extract returns the file as one document. Its title is that of the front matter, else the first
// heading, else the file's name.
func (Format) Extract(_ context.Context, in extract.Input) ([]extract.Document, error) {
	text, charset, err := extract.Decode(in)
	if err != nil {
		return nil, err
	}
	var doc extract.Document
	doc.Text = frontMatter(&doc, text)
	if strings.TrimSpace(doc.Text) == "" {
		doc.Text = summary(doc)
	}
	if doc.Title == "" {
		doc.Title = FirstHeading(doc.Text)
	}
	if doc.Title == "" {
		doc.Title = extract.TitleFromPath(in.Path)
	}
	doc.NoteCharset(charset)
	return []extract.Document{doc}, nil
}

// summary is the text of a page that says all in its front matter.
func summary(doc extract.Document) string {
	for _, key := range []string{"summary", "description", "abstract"} {
		if text := doc.Metadata[key]; text != "" {
			return text
		}
	}
	return ""
}

// frontMatter files the front matter in doc and returns the rest. What is not plainly a YAML
// mapping between two "---" lines is text, and nothing of it is lost.
func frontMatter(doc *extract.Document, text string) string {
	head, rest, ok := cutFrontMatter(text)
	if !ok {
		return text
	}
	fields, ok := parseYAML(head)
	if !ok {
		return text
	}
	doc.SetFields(fields)
	return strings.TrimLeft(rest, "\r\n")
}

func cutFrontMatter(text string) (head, rest string, ok bool) {
	first, after, found := strings.Cut(text, "\n")
	if !found || strings.TrimRight(first, " \t\r") != "---" {
		return "", "", false
	}
	for at := 0; at < len(after) && at < maxFrontMatter; {
		line, _, more := strings.Cut(after[at:], "\n")
		end := at + len(line)
		if trimmed := strings.TrimRight(line, " \t\r"); trimmed == "---" || trimmed == "..." {
			return after[:at], after[min(end+1, len(after)):], true
		}
		if !more {
			break
		}
		at = end + 1
	}
	return "", "", false
}

// parseYAML decodes a mapping. Anchors and aliases are refused: they let a few lines stand for
// gigabytes, and no front matter needs them. Where the parser crashes, it was no front matter either.
func parseYAML(head string) (fields map[string]any, ok bool) {
	defer func() {
		if recover() != nil {
			fields, ok = nil, false
		}
	}()
	if tooDeep(head) {
		return nil, false
	}
	file, err := parser.ParseBytes([]byte(head), 0)
	if err != nil || len(file.Docs) != 1 {
		return nil, false
	}
	switch file.Docs[0].Body.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		return nil, false
	}
	var guard refuseAliases
	ast.Walk(&guard, file.Docs[0])
	if guard.found {
		return nil, false
	}
	fields, ok = nodeValue(file.Docs[0].Body).(map[string]any)
	return fields, ok
}

// maxNesting bounds how deep front matter goes, which is two or three levels: the parser's memory
// grows with the square of it.
const maxNesting = 64

// tooDeep reports brackets, or marks of a list in one line, that nest deeper than that.
func tooDeep(head string) bool {
	depth := 0
	for line := range strings.Lines(head) {
		if strings.Count(line, "- ") > maxNesting && strings.HasPrefix(strings.TrimSpace(line), "- -") {
			return true
		}
		for i := range len(line) {
			switch line[i] {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			}
			if depth > maxNesting {
				return true
			}
		}
	}
	return false
}

// nodeValue returns mappings, lists, and of everything else the words as they were written: a version
// 1.10 is not the number 1.1.
func nodeValue(n ast.Node) any {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.TagNode:
		return nodeValue(n.Value)
	case *ast.MappingValueNode:
		return map[string]any{n.Key.GetToken().Value: nodeValue(n.Value)}
	case *ast.MappingNode:
		fields := make(map[string]any, len(n.Values))
		for _, v := range n.Values {
			fields[v.Key.GetToken().Value] = nodeValue(v.Value)
		}
		return fields
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, v := range n.Values {
			list[i] = nodeValue(v)
		}
		return list
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	return n.GetToken().Value
}

type refuseAliases struct{ found bool }

func (g *refuseAliases) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		g.found = true
	}
	if g.found {
		return nil
	}
	return g
}

// FirstHeading returns the text of the first level-one ATX heading, else of the first of any level,
// outside code fences. Setext headings are too easily a rule below a paragraph to be trusted.
func FirstHeading(text string) string {
	fenced, best := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") {
			fenced = !fenced
		}
		if fenced || !strings.HasPrefix(line, "#") {
			continue
		}
		title := strings.TrimLeft(line, "#")
		level := len(line) - len(title)
		if level > 6 || !strings.HasPrefix(title, " ") {
			continue
		}
		title = strings.TrimSpace(strings.TrimRight(title, "# "))
		if level == 1 && title != "" {
			return title
		}
		if best == "" {
			best = title
		}
	}
	return best
}
