package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/extract"
	"github.com/cultivar/cultivar/pipeline/redact"
)

// Stage names in the ledgers.
const (
	stageSource  = "source"
	stageExtract = "extract"
	stageClean   = "clean"
	stageFilter  = "filter"
	stageRedact  = "redact"
	stageDedup   = "dedup"
)

// draft is a document on its way through the run, with what was taken from it. It belongs to one
// goroutine at a time. At a barrier it goes through a scratch file, which keeps the exported fields.
type draft struct {
	datasets.Document
	Drop       *datasets.Exclusion // why it is left out; nil while it is kept
	Spans      []datasets.Exclusion
	Redactions []datasets.Redaction
	Flags      []string // rules in signal mode that the text breaks

	digest    dedup.Digest
	signature *dedup.Signature
	copy      bool // of an earlier document, where copies are kept
}

// reject drops the whole document.
func (d *draft) reject(stage, rule, reason string, value, threshold float64) {
	d.Drop = &datasets.Exclusion{
		DocID: d.DocID, SourceURI: d.SourceURI, Stage: stage, Rule: rule, Reason: reason,
		Value: value, Threshold: threshold, Start: -1, End: -1,
	}
	// A dropped draft waits for its turn to be written, and needs no text for that.
	d.Text, d.Conversation = "", datasets.Conversation{}
}

// newDraft makes a draft of what a format found. Its doc_id comes from where it is, so it stays when
// the content changes; its doc_version comes from the content.
func newDraft(sourceName, path, etag, mime string, found extract.Document) *draft {
	return &draft{Document: datasets.Document{
		DocID:          DocID(sourceName, path, found.Row),
		SourceURI:      sourceURI(sourceName, path, found.Row),
		SourceETag:     etag,
		MIME:           mime,
		Title:          found.Title,
		Text:           found.Text,
		Conversation:   found.Conversation,
		Lang:           found.Lang,
		ACL:            found.ACL,
		RetentionClass: found.RetentionClass,
		CreatedAt:      found.CreatedAt,
		ModifiedAt:     found.ModifiedAt,
		Metadata:       found.Metadata,
	}}
}

// DocID is the identity of a document: the first half of the SHA-256 of its source's name, its path
// there, and its row within the file if the file has rows, each ended by a zero byte. It does not
// depend on the content. Rows without an id of their own are known by their number, so they change
// their identity when a row is inserted before them.
func DocID(sourceName, path, row string) string {
	sum := sha256.Sum256([]byte(sourceName + "\x00" + path + "\x00" + row + "\x00"))
	return hex.EncodeToString(sum[:16])
}

// DocVersion is the identity of a document's content: the SHA-256 of its clean text, of a conversation
// that of its row as JSON, as it was before boilerplate and personal data were taken out. What is taken out depends on the settings and on the
// other documents; the version does not.
func DocVersion(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func sourceURI(sourceName, path, row string) string {
	uri := sourceName + "/" + path
	if row != "" {
		uri += "#" + row
	}
	return strings.ToValidUTF8(uri, "\ufffd") // names of old shares are in other charsets
}

// step is the contract of the stages that look at one document at a time. do edits the draft or
// rejects it; it is called concurrently, for different drafts, and only for drafts that are kept.
type step struct {
	stage string
	do    func(*draft)
}

// apply runs steps until one rejects. A panic in a step is the document's end, not the run's.
func apply(d *draft, steps []step) *draft {
	for _, s := range steps {
		if d.Drop != nil {
			break
		}
		s.contain(d)
	}
	return d
}

func (s step) contain(d *draft) {
	defer func() {
		if recover() != nil { // the value may quote the text, so it is not kept
			d.reject(s.stage, "panic", "the "+s.stage+" stage crashed", 0, 0)
		}
	}()
	s.do(d)
}

// note enters findings in the ledger.
func (d *draft) note(found []redact.Finding, where string, nowhere bool) {
	for _, f := range found {
		row := datasets.Redaction{
			DocID: d.DocID, DocVersion: d.DocVersion, SourceURI: d.SourceURI,
			Entity: f.Entity, Detector: f.Detector + where, Score: f.Score,
			Start: f.Start, End: f.End, Replacement: f.Replacement,
		}
		if nowhere {
			row.Start, row.End = -1, -1
		}
		d.Redactions = append(d.Redactions, row)
	}
}
