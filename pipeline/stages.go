package pipeline

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/redact"
	"github.com/cultivar/cultivar/pipeline/turns"
)

// clean brings text, title and metadata into one form and fixes the version.
func (r *run) clean(d *draft) {
	d.Title = r.cfg.Clean.Line(d.Title)
	for key, value := range d.Metadata {
		d.Metadata[key] = r.cfg.Clean.Line(value)
	}
	if d.isConversation() {
		r.cleanConversation(d)
		return
	}
	d.Text = r.cfg.Clean.Text(d.Text)
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
	if r.lines == nil || d.isConversation() {
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

// judge measures the text and drops what breaks a rule. The rules are about prose: a good answer may
// be one word, so of a conversation only the signals are kept.
func (r *run) judge(d *draft) {
	j := r.filter.Judge(d.Text)
	d.Signals = j.Signals
	if d.isConversation() {
		return
	}
	d.Flags = j.Flags
	if v := j.Drop; v != nil {
		d.reject(stageFilter, v.Rule, v.Reason, v.Value, v.Threshold)
	}
}

func (r *run) sketch(d *draft) {
	if !r.cfg.Dedup.Near {
		return
	}
	s := r.sketchers.Get().(*dedup.Sketcher)
	text := d.Text
	if d.isConversation() {
		text = turns.Comparable(d.Conversation)
	}
	d.signature = s.Signature(text)
	r.sketchers.Put(s)
}

// redact replaces personal data and secrets in the text, the title and the metadata. Offsets in the
// ledger are of the text; what stood elsewhere has none (-1).
func (r *run) redact(d *draft) {
	if d.isConversation() {
		r.redactConversation(d)
	} else {
		text, found := r.redactor.Redact(d.Text)
		d.Text = text
		d.note(found, "", false)
	}
	title, found := r.redactor.Redact(d.Title)
	d.Title = title
	d.note(found, " in title", true)
	for _, key := range slices.Sorted(maps.Keys(d.Metadata)) {
		found := r.redactMetadata(d.Metadata, key)
		d.note(found, " in metadata", true)
	}
	d.NChars = utf8.RuneCountInString(d.Text)
}

// redactMetadata redacts a value with its key as context.
func (r *run) redactMetadata(metadata map[string]string, key string) []redact.Finding {
	value, found := r.redactNamed(key, metadata[key])
	metadata[key] = value
	return found
}

// redactNamed redacts a value with its name as context: "phone" and "password" say what it is.
func (r *run) redactNamed(name, value string) (string, []redact.Finding) {
	label := name + ": "
	text, found := r.redactor.Redact(label + value)
	redacted, ok := strings.CutPrefix(text, label)
	if !ok { // the name itself has something in it
		return r.redactor.Redact(value)
	}
	return redacted, found
}
