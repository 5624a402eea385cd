package rows

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
)

// The rows of a dataset as JSON, with the names of the Parquet columns (docs/format/dataset.md).

type documentJSON struct {
	DocID          string             `json:"doc_id"`
	DocVersion     string             `json:"doc_version"`
	SourceURI      string             `json:"source_uri"`
	SourceETag     string             `json:"source_etag"`
	MIME           string             `json:"mime"`
	Title          string             `json:"title"`
	Lang           string             `json:"lang"`
	LangScore      float64            `json:"lang_score"`
	ACL            []string           `json:"acl"`
	RetentionClass string             `json:"retention_class"`
	CreatedAt      *time.Time         `json:"created_at"`
	ModifiedAt     *time.Time         `json:"modified_at"`
	IngestedAt     *time.Time         `json:"ingested_at"`
	NChars         int                `json:"n_chars"`
	Signals        map[string]float64 `json:"signals"`
	DupCluster     string             `json:"dup_cluster"`
	Metadata       map[string]string  `json:"metadata"`
}

type exclusionJSON struct {
	DocID     string  `json:"doc_id"`
	SourceURI string  `json:"source_uri"`
	Stage     string  `json:"stage"`
	Rule      string  `json:"rule"`
	Reason    string  `json:"reason"`
	Value     float64 `json:"value"`
	Threshold float64 `json:"threshold"`
	Start     int64   `json:"start"`
	End       int64   `json:"end"`
	Related   string  `json:"related"`
}

type redactionJSON struct {
	DocID       string  `json:"doc_id"`
	DocVersion  string  `json:"doc_version"`
	SourceURI   string  `json:"source_uri"`
	Entity      string  `json:"entity"`
	Detector    string  `json:"detector"`
	Score       float64 `json:"score"`
	Start       int64   `json:"start"`
	End         int64   `json:"end"`
	Replacement string  `json:"replacement"`
}

// JSON returns a row of a dataset as one line of JSON. Read reads examples and documents so written
// again: an example is what Marshal makes of it, and of a document that is a conversation the
// conversation stands instead of the text made from it.
func JSON[T table.Row](row T) (json.RawMessage, error) {
	switch r := any(row).(type) {
	case datasets.Document:
		return documentLine(r)
	case datasets.Exclusion:
		return json.Marshal(exclusionJSON(r))
	case datasets.Redaction:
		return json.Marshal(redactionJSON(r))
	case datasets.Example:
		return Marshal(r)
	}
	return nil, fmt.Errorf("write a row: %T is no row of a dataset", row) // table.Row lists the kinds
}

func documentLine(d datasets.Document) (json.RawMessage, error) {
	var w writer
	w.b.WriteByte('{')
	if d.Kind() == datasets.KindText {
		w.text("text", d.Text)
	} else {
		w.conversation(d.Conversation)
	}
	rest, err := json.Marshal(documentJSON{
		d.DocID, d.DocVersion, d.SourceURI, d.SourceETag, d.MIME, d.Title, d.Lang, d.LangScore, d.ACL, d.RetentionClass,
		known(d.CreatedAt), known(d.ModifiedAt), known(d.IngestedAt), d.NChars, d.Signals, d.DupCluster, d.Metadata,
	})
	if err != nil {
		return nil, fmt.Errorf("write a row: %w", err)
	}
	w.b.WriteByte(',')
	w.b.Write(rest[1:])
	return w.done()
}

// known is nil for a time that nobody said.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
