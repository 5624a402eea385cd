package ingestion

// Ingested is what became of documents, for people and programs.
type Ingested struct {
	Dataset  string           `json:"dataset"`
	Digest   string           `json:"digest"`
	Created  bool             `json:"created"`
	Files    int64            `json:"files"`
	Bytes    int64            `json:"bytes"`
	Input    int64            `json:"input"`
	Kept     int64            `json:"documents"`
	Chars    int64            `json:"chars"`
	Dropped  map[string]int64 `json:"dropped_by"`
	Spans    map[string]int64 `json:"spans_by"`
	Flagged  map[string]int64 `json:"flagged_by"`
	Redacted map[string]int64 `json:"redacted_by"`
	Splits   map[string]int64 `json:"splits"`

	Unsupported map[string]int64 `json:"unsupported_by"` // of the dropped, by how their files' names end
	Left        map[string]int64 `json:"skipped_by"`     // files and folders that were not looked at: hidden, ignored, links

	Report string `json:"report,omitempty"` // file of the page about it, where the version is shown on this machine
}

// Ingested sums the result up.
func (r Result) Ingested() Ingested {
	s := r.Stats
	return Ingested{r.Dataset.Ref(), r.Dataset.Manifest.Digest, r.Created, s.Files, s.Bytes, s.In, s.Out, s.Runes,
		s.Dropped, s.Spans, s.Flagged, s.Redactions, r.Dataset.Manifest.Counts.Splits, s.Unsupported, s.Left, r.Report}
}
