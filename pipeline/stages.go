package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/extract"
	"github.com/cultivar/cultivar/pipeline/redact"
	"github.com/cultivar/cultivar/pipeline/source"
)

// arrival is what one raw file gave.
type arrival struct {
	bytes  int64
	drafts []*draft
	err    error // of the context only
}

// read extracts a file. Whatever is wrong with it, it gives at least one draft.
func (r *run) read(ctx context.Context, f rawFile) arrival {
	raw, err := f.Read(r.cfg.Source.MaxFileBytes)
	if err != nil {
		return arrival{drafts: []*draft{unread(f, err)}}
	}
	in := extract.Input{Path: f.Path, MIME: extract.Sniff(f.Path, raw), Raw: raw}
	etag := fmt.Sprintf("%x", sha256.Sum256(raw))
	found, err := r.registry.Extract(ctx, in)
	var refusal *extract.Refusal
	if errors.As(err, &refusal) {
		found = []extract.Document{{Refused: refusal}}
	} else if err != nil {
		return arrival{err: err}
	}
	return arrival{bytes: int64(len(raw)), drafts: r.newDrafts(f, etag, in.MIME, found)}
}

// unread is the draft of a file whose bytes could not be had.
func unread(f rawFile, err error) *draft {
	d := newDraft(f.source, f.Path, "", "", extract.Document{})
	var large *source.TooLargeError
	if errors.As(err, &large) {
		d.reject(stageSource, "max_file_bytes", "the file is over the size limit", float64(large.Size), float64(large.Limit))
	} else {
		d.reject(stageSource, "unreadable", "the file could not be read", 0, 0)
	}
	return d
}

func (r *run) newDrafts(f rawFile, etag, mime string, found []extract.Document) []*draft {
	drafts := make([]*draft, len(found))
	rows := make(map[string]bool, len(found))
	for i, doc := range found {
		d := newDraft(f.source, f.Path, etag, mime, doc)
		d.IngestedAt = r.cfg.IngestedAt
		if doc.Refused != nil {
			d.reject(stageExtract, doc.Refused.Rule, doc.Refused.Reason, doc.Refused.Value, doc.Refused.Threshold)
		} else if rows[doc.Row] {
			d.reject(stageExtract, "duplicate_id", "an earlier row of the file has the same id", 0, 0)
		}
		rows[doc.Row] = true
		drafts[i] = d
	}
	return drafts
}

// arrivals counts what comes in and flattens it.
func (r *run) arrivals(in iter.Seq2[arrival, error]) iter.Seq2[*draft, error] {
	return func(yield func(*draft, error) bool) {
		for a, err := range in {
			if err = errors.Join(err, a.err); err != nil {
				yield(nil, err)
				return
			}
			r.arrived(a)
			for _, d := range a.drafts {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// clean brings text, title and metadata into one form and fixes the version.
func (r *run) clean(d *draft) {
	d.Text = r.cfg.Clean.Text(d.Text)
	d.Title = r.cfg.Clean.Line(d.Title)
	for key, value := range d.Metadata {
		d.Metadata[key] = r.cfg.Clean.Line(value)
	}
	if d.Text == "" {
		d.reject(stageClean, "empty", "the document holds no text", 0, 0)
		return
	}
	d.DocVersion = DocVersion(d.Text)
	if r.cfg.Dedup.Exact || r.cfg.Filter.Boilerplate.Enabled {
		d.digest = dedup.DigestOf(d.Text)
	}
}

// stripLines takes boilerplate out of the text.
func (r *run) stripLines(d *draft) {
	if r.lines == nil {
		return
	}
	text, spans := r.lines.Strip(d.Text)
	for _, s := range spans {
		d.Spans = append(d.Spans, datasets.Exclusion{
			DocID: d.DocID, SourceURI: d.SourceURI, Stage: stageFilter, Rule: "boilerplate",
			Reason: "the line is repeated across the corpus", Value: s.Share,
			Threshold: r.cfg.Filter.Boilerplate.Share, Start: s.Start, End: s.End,
		})
	}
	if len(spans) > 0 {
		d.Text = r.cfg.Clean.Text(text) // blank lines on either side may have met
	}
}

// judge measures the text and drops what breaks a rule.
func (r *run) judge(d *draft) {
	j := r.filter.Judge(d.Text)
	d.Signals, d.Flags = j.Signals, j.Flags
	if v := j.Drop; v != nil {
		d.reject(stageFilter, v.Rule, v.Reason, v.Value, v.Threshold)
	}
}

func (r *run) sketch(d *draft) {
	if !r.cfg.Dedup.Near {
		return
	}
	s := r.sketchers.Get().(*dedup.Sketcher)
	d.signature = s.Signature(d.Text)
	r.sketchers.Put(s)
}

// redact replaces personal data and secrets in the text, the title and the metadata. Offsets in the
// ledger are of the text; what stood elsewhere has none (-1).
func (r *run) redact(d *draft) {
	text, found := r.redactor.Redact(d.Text)
	d.Text = text
	d.note(found, "", false)
	title, found := r.redactor.Redact(d.Title)
	d.Title = title
	d.note(found, " in title", true)
	for _, key := range slices.Sorted(maps.Keys(d.Metadata)) {
		found := r.redactMetadata(d.Metadata, key)
		d.note(found, " in metadata", true)
	}
	d.NChars = utf8.RuneCountInString(d.Text)
}

// redactMetadata redacts a value with its key as context: "phone" and "password" say what it is.
func (r *run) redactMetadata(metadata map[string]string, key string) []redact.Finding {
	label := key + ": "
	text, found := r.redactor.Redact(label + metadata[key])
	value, ok := strings.CutPrefix(text, label)
	if !ok { // the key itself has something in it
		value, found = r.redactor.Redact(metadata[key])
	}
	metadata[key] = value
	return found
}
