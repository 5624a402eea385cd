// Package extract turns raw files into documents: it sniffs the type, finds the charset, and hands
// the bytes to one format, within a budget of time and size. Formats are sub-packages; all lists
// them. A file that cannot become a document is refused with a rule and a reason, never with an
// error that ends the run, and a reason never quotes the file.
package extract

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Input is one raw file.
type Input struct {
	Path string // slash-separated, relative to the source
	MIME string // as sniffed, without parameters
	Raw  []byte // not to be changed
}

// Ext is the lower-case extension of the path, with its dot.
func (in Input) Ext() string { return strings.ToLower(path.Ext(in.Path)) }

// Document is what a format found. Text is Markdown where the format has structure.
type Document struct {
	Row            string // identity within the file, "" when the file is one document
	Title          string
	Text           string
	Lang           string // as declared, ISO 639-1
	ACL            []string
	RetentionClass string
	CreatedAt      time.Time
	ModifiedAt     time.Time
	Metadata       map[string]string
	Refused        *Refusal // set when this row cannot be a document
}

// Refusal is the error of a file or row that cannot become a document.
type Refusal struct {
	Rule      string  // the rule's name, e.g. "unsupported"
	Reason    string  // one sentence for people; never text of the file
	Value     float64 // the measured value, when the rule measures one
	Threshold float64 // the limit it was held against
}

func (r *Refusal) Error() string { return r.Rule + ": " + r.Reason }

// Format reads one family of files.
type Format interface {
	// Name is short and lower case, e.g. "markdown".
	Name() string
	// Accepts reports whether the format reads a sniffed type.
	Accepts(mime string) bool
	// Extract returns the documents of a file in their order there. Refusals of the whole file are
	// returned as a *Refusal. It must stop soon after ctx is done. It is called concurrently.
	Extract(ctx context.Context, in Input) ([]Document, error)
}

// Registry is an ordered list of formats; the first that accepts a type reads it.
type Registry struct {
	formats []Format
	budget  Budget
}

// NewRegistry returns a registry of formats under a budget.
func NewRegistry(budget Budget, formats ...Format) *Registry {
	return &Registry{formats: formats, budget: budget}
}

// Budget bounds what one file may cost.
type Budget struct {
	Time      time.Duration // of the parser, wall clock
	TextBytes int64         // of one document's text
}

// Extract reads a file. The error is always a *Refusal or that of ctx.
func (r *Registry) Extract(ctx context.Context, in Input) ([]Document, error) {
	format := r.find(in.MIME)
	if format == nil {
		return nil, &Refusal{Rule: "unsupported", Reason: "no format reads " + in.MIME}
	}
	docs, err := r.contain(ctx, format, in)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, &Refusal{Rule: "empty", Reason: "the file holds no documents"}
	}
	for i := range docs {
		r.check(&docs[i])
	}
	return docs, nil
}

func (r *Registry) find(mime string) Format {
	for _, f := range r.formats {
		if f.Accepts(mime) {
			return f
		}
	}
	return nil
}

// check refuses a document whose text is over the budget, and frees it.
func (r *Registry) check(d *Document) {
	if n := int64(len(d.Text)); d.Refused == nil && n > r.budget.TextBytes {
		d.Text = ""
		d.Refused = &Refusal{
			Rule: "max_text_bytes", Reason: "the extracted text is over the size budget",
			Value: float64(n), Threshold: float64(r.budget.TextBytes),
		}
	}
}

// contain runs a format so that neither a panic nor an endless loop in it harms the run. A parser
// that outlives its time is left behind: its input is bounded, so it ends some day, and nobody
// waits for it.
func (r *Registry) contain(ctx context.Context, f Format, in Input) ([]Document, error) {
	type outcome struct {
		docs []Document
		err  error
	}
	deadline, cancel := context.WithTimeout(ctx, r.budget.Time)
	defer cancel()
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		defer func() {
			if recover() != nil { // the value may quote the file, so it is not kept
				out = outcome{err: &Refusal{Rule: "panic", Reason: "the " + f.Name() + " parser crashed"}}
			}
			done <- out
		}()
		out.docs, out.err = f.Extract(deadline, in)
	}()
	select {
	case out := <-done:
		if out.err != nil && deadline.Err() == nil {
			return nil, refusal(f, out.err)
		}
		if out.err == nil {
			return out.docs, nil
		}
	case <-deadline.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, &Refusal{
		Rule: "time_budget", Reason: "the " + f.Name() + " parser took too long",
		Value: r.budget.Time.Seconds(), Threshold: r.budget.Time.Seconds(),
	}
}

// refusal keeps a format's own refusal and hides the words of any other error: parsers like to
// quote what they stumbled over.
func refusal(f Format, err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{Rule: "malformed", Reason: fmt.Sprintf("not valid %s", f.Name())}
}
