// Package text reads plain text, source code and everything else that is text and nothing more.
package text

import (
	"context"

	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the plain text format.
type Format struct{}

// Name is "text".
func (Format) Name() string { return "text" }

// Accepts takes plain text.
func (Format) Accepts(mime string) bool { return mime == extract.MIMEText }

// Extract returns the file as one document, titled by its name.
func (Format) Extract(_ context.Context, in extract.Input) ([]extract.Document, error) {
	text, charset, err := extract.Decode(in)
	if err != nil {
		return nil, err
	}
	doc := extract.Document{Text: text, Title: extract.TitleFromPath(in.Path)}
	doc.NoteCharset(charset)
	return []extract.Document{doc}, nil
}
