package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/zeebo/xxh3"

	"github.com/cultivar/cultivar/pipeline/extract"
	"github.com/cultivar/cultivar/pipeline/source"
)

const (
	// wholeBytes is the size up to which a file of rows is read and parsed by one of the workers.
	// Larger ones are parsed in their turn, row by row.
	wholeBytes = 8 << 20
	// wholeRows is the number of rows up to which that is so: a draft takes about a kilobyte, whatever its row.
	wholeRows = 20_000
	// maxRefused is after how many rows without a document among them a file is taken for something else.
	maxRefused = 10_000
	// headBytes is what a file's type is sniffed from.
	headBytes = 4 << 10
)

// arrival is what one raw file gave: drafts, or rows that are still to be read.
type arrival struct {
	bytes  int64
	drafts []*draft
	rows   iter.Seq2[*draft, error]
	err    error // of the context only
}

// read extracts a file. Whatever is wrong with it, it gives at least one draft.
func (r *run) read(ctx context.Context, f rawFile) arrival {
	if in, ok, err := r.later(f); err != nil {
		return arrival{drafts: []*draft{r.unread(f, err)}}
	} else if ok {
		return arrival{bytes: in.Size(), rows: r.newDrafts(ctx, f, in)}
	}
	raw, err := f.Read(r.cfg.Source.MaxFileBytes)
	if err != nil {
		return arrival{drafts: []*draft{r.unread(f, err)}}
	}
	in := extract.Input{Path: f.Path, MIME: extract.Sniff(f.Path, raw), Raw: raw}
	a := arrival{bytes: in.Size()}
	for d, err := range r.newDrafts(ctx, f, in) {
		if err != nil {
			return arrival{err: err}
		}
		if a.drafts = append(a.drafts, d); len(a.drafts) > wholeRows {
			return arrival{bytes: in.Size(), rows: r.newDrafts(ctx, f, in)}
		}
	}
	return a
}

// later opens a file of rows that is too large to be held in memory, or packed, which says nothing of
// how large it is. It is false for all others.
func (r *run) later(f rawFile) (in extract.Input, ok bool, err error) {
	mime, packed := extract.PackedMIME(f.Path)
	if f.Size <= min(wholeBytes, r.cfg.Source.MaxFileBytes) && !packed {
		return in, false, nil
	}
	head, err := f.Head(headBytes)
	if err != nil {
		return in, false, err
	}
	if sniffed := extract.Sniff(f.Path, head); !packed {
		mime = sniffed
	} else if !extract.IsPacked(sniffed) {
		return in, false, nil
	}
	if !r.registry.HasRows(mime) {
		return in, false, nil
	}
	in, err = extract.OpenLater(f.Path, mime, f.Open)
	return in, err == nil, err
}

// unread is the draft of a file whose bytes could not be had.
func (r *run) unread(f rawFile, err error) *draft {
	d := newDraft(f.source, f.Path, "", "", extract.Document{})
	d.IngestedAt = r.cfg.IngestedAt
	var large *source.TooLargeError
	var refusal *extract.Refusal
	switch {
	case errors.As(err, &large):
		d.reject(stageSource, "max_file_bytes", "the file is over the size limit", float64(large.Size), float64(large.Limit))
	case errors.As(err, &refusal):
		d.refuse(refusal)
	default:
		d.reject(stageSource, "unreadable", "the file could not be read", 0, 0)
	}
	return d
}

func (d *draft) refuse(r *extract.Refusal) {
	d.reject(stageExtract, r.Rule, r.Reason, r.Value, r.Threshold)
}

// newDrafts yields a draft for each document of a file, and one for what ended it before its time.
// The error is that of the context.
func (r *run) newDrafts(ctx context.Context, f rawFile, in extract.Input) iter.Seq2[*draft, error] {
	return func(yield func(*draft, error) bool) {
		etag, names := in.Digest(), identities{}
		refused, kept := 0, false
		for doc, err := range r.registry.Extract(ctx, in) {
			var refusal *extract.Refusal
			if errors.As(err, &refusal) {
				doc = extract.Document{Refused: refusal}
			} else if err != nil {
				yield(nil, err)
				return
			}
			if kept = kept || doc.Refused == nil; doc.Refused != nil {
				refused++
			}
			last := !kept && refused > maxRefused
			if last {
				doc = extract.Document{Refused: &extract.Refusal{
					Rule: "no_rows", Reason: "the file is not read further: so many rows hold no document", Value: maxRefused, Threshold: maxRefused,
				}}
			}
			doc.Row = names.take(doc.Row)
			d := newDraft(f.source, f.Path, etag, in.MIME, doc)
			d.IngestedAt = r.cfg.IngestedAt
			if doc.Refused != nil {
				d.refuse(doc.Refused)
			}
			if !yield(d, nil) || last {
				return
			}
		}
	}
}

// identities keeps the rows of a file apart: ids that several rows share, as passages share that of
// their document, get the number of their turn. It knows each by its hash, in some 16 bytes.
type identities map[uint64]uint32 // how often it was taken

func (s identities) take(row string) string {
	h := xxh3.HashString(row)
	for name := row; ; name = fmt.Sprintf("%s#%d", row, s[h]) {
		own := xxh3.HashString(name)
		_, taken := s[own]
		s[h]++
		if !taken {
			s[own] = max(s[own], 1)
			return name
		}
	}
}

// arrivals counts what comes in and flattens it.
func (r *run) arrivals(in iter.Seq2[arrival, error]) iter.Seq2[*draft, error] {
	return func(yield func(*draft, error) bool) {
		for a, err := range in {
			if err = errors.Join(err, a.err); err != nil {
				yield(nil, err)
				return
			}
			r.files.Add(1)
			r.bytes.Add(a.bytes)
			for d, err := range a.all() {
				if err == nil {
					r.in.Add(1)
				}
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

func (a arrival) all() iter.Seq2[*draft, error] {
	if a.rows != nil {
		return a.rows
	}
	return func(yield func(*draft, error) bool) {
		for _, d := range a.drafts {
			if !yield(d, nil) {
				return
			}
		}
	}
}
