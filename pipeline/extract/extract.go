// Package extract turns raw files into documents: it sniffs the type, finds the charset, and hands
// the bytes to one format, within a budget of time and size. Formats are sub-packages; all lists
// them. A file that cannot become a document is refused with a rule and a reason, never with an
// error that ends the run, and a reason never quotes the file.
package extract

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cultivar/cultivar/datasets"
)

// Document is what a format found. Text is Markdown where the format has structure.
type Document struct {
	Row            string // identity within the file, "" when the file is one document
	Title          string
	Text           string
	Conversation   datasets.Conversation // of a training row, which has no Text
	Lang           string                // as declared, ISO 639-1
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

// Format reads one family of files. It is a Whole or a Rows.
type Format interface {
	// Name is short and lower case, e.g. "markdown".
	Name() string
	// Accepts reports whether the format reads a sniffed type.
	Accepts(mime string) bool
}

// Whole is a format whose file is held in memory.
type Whole interface {
	Format
	// Extract returns the documents of a file in their order there. Refusals of the whole file are
	// returned as a *Refusal. It must stop soon after ctx is done. It is called concurrently.
	Extract(ctx context.Context, in Input) ([]Document, error)
}

// Rows is a format whose file is many documents, and may be larger than memory.
type Rows interface {
	Format
	// Rows yields the documents of a file in their order there; an error, as of Extract, is the end.
	// It must stop soon after ctx is done. It is called concurrently.
	Rows(ctx context.Context, in Input) iter.Seq2[Document, error]
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

// Extract yields the documents of a file. An error, always a *Refusal or that of ctx, is the end;
// documents that came before it are sound.
func (r *Registry) Extract(ctx context.Context, in Input) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		n := 0
		for d, err := range r.extract(ctx, in) {
			if err != nil {
				yield(Document{}, err)
				return
			}
			n++
			r.check(&d)
			if !yield(d, nil) {
				return
			}
		}
		if n == 0 {
			yield(Document{}, &Refusal{Rule: "empty", Reason: "the file holds no documents"})
		}
	}
}

func (r *Registry) extract(ctx context.Context, in Input) iter.Seq2[Document, error] {
	switch f := r.find(in.MIME).(type) {
	case Rows:
		return r.containRows(ctx, f, in)
	case Whole:
		return func(yield func(Document, error) bool) {
			docs, err := r.contain(ctx, f, in)
			if err != nil {
				yield(Document{}, err)
			}
			for _, d := range docs {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
	return func(yield func(Document, error) bool) {
		yield(Document{}, &Refusal{Rule: "unsupported", Reason: "no format reads " + in.MIME})
	}
}

// HasRows reports whether files of that type are rows, which can be read one after the other.
func (r *Registry) HasRows(mime string) bool {
	_, ok := r.find(mime).(Rows)
	return ok
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

// contain runs a format so that neither a panic nor an endless loop in it harms the run. Formats stop soon
// after their time is over; nobody waits for one that does not.
func (r *Registry) contain(ctx context.Context, f Whole, in Input) ([]Document, error) {
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
				out = outcome{err: crashed(f)}
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
	return nil, r.tooLong(f)
}

func (r *Registry) tooLong(f Format) *Refusal {
	return &Refusal{
		Rule: "time_budget", Reason: "the " + f.Name() + " parser took too long",
		Value: r.budget.Time.Seconds(), Threshold: r.budget.Time.Seconds(),
	}
}

func crashed(f Format) *Refusal {
	return &Refusal{Rule: "panic", Reason: "the " + f.Name() + " parser crashed"}
}

// found is one step of a format that yields rows.
type found struct {
	doc Document
	err error
}

// rowsAhead is how many rows a format may be ahead of their reader.
const rowsAhead = 16

// containRows is contain for rows: the time that counts is what passes between two of them while
// somebody waits.
func (r *Registry) containRows(ctx context.Context, f Rows, in Input) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		out := make(chan found, rowsAhead)
		go sendRows(ctx, f, in, out)
		timer := time.NewTimer(r.budget.Time)
		defer timer.Stop()
		for {
			select {
			case row, more := <-out:
				if !more && ctx.Err() == nil {
					return
				}
				if !more { // the sender gave up
					row.err = ctx.Err()
				}
				if row.err != nil && ctx.Err() == nil {
					row.err = refusal(f, row.err)
				}
				if !yield(row.doc, row.err) || row.err != nil {
					return
				}
				timer.Reset(r.budget.Time)
			case <-ctx.Done():
				yield(Document{}, ctx.Err())
				return
			case <-timer.C:
				yield(Document{}, r.tooLong(f))
				return
			}
		}
	}
}

func sendRows(ctx context.Context, f Rows, in Input, out chan<- found) {
	defer close(out)
	send := func(row found) bool {
		select {
		case out <- row:
			return true
		case <-ctx.Done():
			return false
		}
	}
	defer func() {
		if recover() != nil { // the value may quote the file, so it is not kept
			send(found{err: crashed(f)})
		}
	}()
	for doc, err := range f.Rows(ctx, in) {
		if !send(found{doc, err}) || err != nil {
			return
		}
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
