// Package report writes pages that stand alone: what a verb did, as one HTML file that opens anywhere, years
// later, without a network. Pages are made of blocks, and blocks take plain data: numbers and strings that
// the caller has chosen to show. Whatever comes in is text, and is escaped as such.
//
// A page loads nothing and runs nothing, and its own content security policy says so to the browser. It
// is light or dark as the reader's system is, prints, and holds every number of a plot as a table as well.
// The same blocks give the same bytes: nothing here asks for the time.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// Page is one report.
type Page struct {
	Kind  string // what it is about, a word or two over the title
	Title string
	Lead  string // one sentence below the title
	Facts []Fact // what the reader came for
	// Sections in the order of the page.
	Sections []Section
	Foot     string // such as the program that wrote it
}

// Fact is a headline figure.
type Fact struct {
	Name   string
	Value  string
	Detail string // below the value, small
}

// Section is a part of a page with a heading. Blocks that are Small stand side by side where there is room.
type Section struct {
	Title  string
	Lead   string
	Blocks []Block
}

// Block is what a section is made of: a plot, a table, a note. Those of this package are all there are.
type Block interface {
	// view is the name of the block's template, and what it is given.
	view() (name string, data any)
}

//go:embed page.css
var style string

//go:embed page.html.tmpl
var markup string

// Write writes the page.
func Write(w io.Writer, p Page) error {
	t := template.New("page")
	t.Funcs(template.FuncMap{"draw": func(b Block) (template.HTML, error) {
		var out bytes.Buffer
		name, data := b.view()
		err := t.ExecuteTemplate(&out, name, data)
		return template.HTML(out.String()), err //nolint:gosec // what a template of this package has escaped
	}})
	if _, err := t.Parse(markup); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	err := t.ExecuteTemplate(w, "page", struct {
		Page
		Style  template.HTML
		Policy string
	}{p, template.HTML("<style>" + style + "</style>"), //nolint:gosec // the package's own
		"default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"})
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
