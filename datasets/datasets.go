// Package datasets is the vocabulary of training data: the rows that ingestion writes, that
// dataset versions hold and that the trainer reads. Sub-packages do the work: table reads and
// writes Parquet, catalog keeps versions, split assigns documents to splits, chunk and pack cut
// them to the model's length, chat renders conversations, tokenizer turns text into ids.
//
// Nothing here may import pipeline or trainer.
package datasets

import (
	"errors"
	"time"
)

// Sentinel errors of the room.
var (
	// ErrNotFound means that no dataset, version or document has that name.
	ErrNotFound = errors.New("not found")
	// ErrEmpty means that nothing is left to train on.
	ErrEmpty = errors.New("no documents left")
)

// Document is one row of documents/*.parquet: the cleaned text of one source document.
type Document struct {
	DocID          string             // stable across re-ingestion: digest of the source's identity
	DocVersion     string             // digest of the extracted, cleaned content
	SourceURI      string             // where it came from, relative to the source root
	SourceETag     string             // the source's own version mark (sha256 of the raw bytes for files)
	MIME           string             // sniffed type of the raw bytes
	Title          string             // from front matter, first heading or file name
	Text           string             // Markdown, NFC, redacted; of a conversation, its transcript
	Conversation                      // cleaned and redacted like Text; empty for texts
	Lang           string             // ISO 639-1, "" when not determined
	LangScore      float64            // 0…1
	ACL            []string           // who may see it at the source
	RetentionClass string             // policy class, "" when none
	CreatedAt      time.Time          // zero when the source does not say
	ModifiedAt     time.Time          // zero when the source does not say
	IngestedAt     time.Time          // zero in reproducible runs
	NChars         int                // runes in Text
	Signals        map[string]float64 // quality signals, by rule name
	DupCluster     string             // doc_id of the cluster's winner, "" when alone
	Metadata       map[string]string  // whatever else the source says
}

// Exclusion is one row of exclusions/*.parquet: a document, or a span of one, that was dropped.
type Exclusion struct {
	DocID     string // "" when the document never got an id
	SourceURI string
	Stage     string  // pipeline stage: source, extract, clean, filter, dedup
	Rule      string  // the rule's name, e.g. "min_chars"
	Reason    string  // one sentence for people; never document text
	Value     float64 // the measured value, when the rule measures one
	Threshold float64 // the limit it was held against
	Start     int64   // evidence, rune offsets in the text of that stage; -1 when the whole document
	End       int64
	Related   string // doc_id of the document it duplicates, when it does
}

// Redaction is one row of redactions/*.parquet. The secret itself is never written.
type Redaction struct {
	DocID       string
	DocVersion  string
	SourceURI   string
	Entity      string  // EMAIL, PHONE, CARD, IBAN, SECRET, …
	Detector    string  // the rule that found it
	Score       float64 // 0…1
	Start       int64   // rune offsets in the text before redaction
	End         int64
	Replacement string // what stands there now, e.g. "[EMAIL]"
}

// Example is one row of examples/*.parquet: text that becomes one training sequence or a part of one.
type Example struct {
	ExampleID    string
	DocID        string
	DocVersion   string
	Split        Split
	Start        int64 // rune span of the document's text
	End          int64
	Text         string            // clm rows
	Conversation                   // all other rows
	Metadata     map[string]string // what else the source says of the row, when asked to keep it
}

// Split names what a document is used for. A document is in one split whole.
type Split string

// The splits.
const (
	Train      Split = "train"
	Validation Split = "validation"
	Test       Split = "test"
)

// Splits lists them.
var Splits = []Split{Train, Validation, Test}
