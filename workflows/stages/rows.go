package stages

import (
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
	Text           string             `json:"text"`
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

// exampleJSON is also a row that training reads from a .jsonl file, here and elsewhere.
type exampleJSON struct {
	ExampleID  string             `json:"example_id"`
	DocID      string             `json:"doc_id"`
	DocVersion string             `json:"doc_version"`
	Split      datasets.Split     `json:"split"`
	Start      int64              `json:"start"`
	End        int64              `json:"end"`
	Text       *string            `json:"text,omitempty"`
	Messages   []datasets.Message `json:"messages,omitempty"`
}

// RowJSON returns what encodes a row of a dataset as JSON.
func RowJSON[T table.Row](row T) any {
	switch r := any(row).(type) {
	case datasets.Document:
		return documentJSON{r.DocID, r.DocVersion, r.SourceURI, r.SourceETag, r.MIME, r.Title, r.Text, r.Lang, r.LangScore,
			r.ACL, r.RetentionClass, known(r.CreatedAt), known(r.ModifiedAt), known(r.IngestedAt), r.NChars, r.Signals, r.DupCluster, r.Metadata}
	case datasets.Exclusion:
		return exclusionJSON(r)
	case datasets.Redaction:
		return redactionJSON(r)
	case datasets.Example:
		e := exampleJSON{r.ExampleID, r.DocID, r.DocVersion, r.Split, r.Start, r.End, &r.Text, r.Messages}
		if len(r.Messages) > 0 {
			e.Text = nil
		}
		return e
	}
	panic("stages: unknown kind of row") // table.Row lists the kinds
}

// known is nil for a time that nobody said.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
