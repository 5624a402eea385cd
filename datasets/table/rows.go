package table

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets"
)

// The structs below are the schema: the tags name and order the columns of a file. Columns with few
// different values have a dictionary. Times are microseconds since 1970 in UTC, null when unknown.

type documentRow struct {
	DocID          string             `parquet:"doc_id"`
	DocVersion     string             `parquet:"doc_version"`
	SourceURI      string             `parquet:"source_uri"`
	SourceETag     string             `parquet:"source_etag"`
	MIME           string             `parquet:"mime,dict"`
	Title          string             `parquet:"title"`
	Text           string             `parquet:"text"`
	Lang           string             `parquet:"lang,dict"`
	LangScore      float64            `parquet:"lang_score"`
	ACL            []string           `parquet:"acl,list" parquet-element:",dict"`
	RetentionClass string             `parquet:"retention_class,dict"`
	CreatedAt      *int64             `parquet:"created_at,optional,timestamp(microsecond)"`
	ModifiedAt     *int64             `parquet:"modified_at,optional,timestamp(microsecond)"`
	IngestedAt     *int64             `parquet:"ingested_at,optional,timestamp(microsecond)"`
	NChars         int64              `parquet:"n_chars"`
	Signals        map[string]float64 `parquet:"signals" parquet-key:",dict"`
	DupCluster     string             `parquet:"dup_cluster,dict"`
	Metadata       map[string]string  `parquet:"metadata" parquet-key:",dict"`
	Messages       []messageRow       `parquet:"messages,list"`
	Tools          string             `parquet:"tools,dict"`
	Completion     []messageRow       `parquet:"completion,list"`
	Chosen         []messageRow       `parquet:"chosen,list"`
	Rejected       []messageRow       `parquet:"rejected,list"`
	Label          *bool              `parquet:"label,optional"`
	Privileged     string             `parquet:"privileged_context,dict"`
}

type exclusionRow struct {
	DocID     string  `parquet:"doc_id"`
	SourceURI string  `parquet:"source_uri,dict"`
	Stage     string  `parquet:"stage,dict"`
	Rule      string  `parquet:"rule,dict"`
	Reason    string  `parquet:"reason,dict"`
	Value     float64 `parquet:"value"`
	Threshold float64 `parquet:"threshold"`
	Start     int64   `parquet:"start"`
	End       int64   `parquet:"end"`
	Related   string  `parquet:"related,dict"`
}

type redactionRow struct {
	DocID       string  `parquet:"doc_id,dict"`
	DocVersion  string  `parquet:"doc_version,dict"`
	SourceURI   string  `parquet:"source_uri,dict"`
	Entity      string  `parquet:"entity,dict"`
	Detector    string  `parquet:"detector,dict"`
	Score       float64 `parquet:"score"`
	Start       int64   `parquet:"start"`
	End         int64   `parquet:"end"`
	Replacement string  `parquet:"replacement,dict"`
}

type exampleRow struct {
	ExampleID  string            `parquet:"example_id"`
	DocID      string            `parquet:"doc_id,dict"`
	DocVersion string            `parquet:"doc_version,dict"`
	Split      string            `parquet:"split,dict"`
	Start      int64             `parquet:"start"`
	End        int64             `parquet:"end"`
	Text       string            `parquet:"text"`
	Messages   []messageRow      `parquet:"messages,list"`
	Tools      string            `parquet:"tools,dict"`
	Completion []messageRow      `parquet:"completion,list"`
	Chosen     []messageRow      `parquet:"chosen,list"`
	Rejected   []messageRow      `parquet:"rejected,list"`
	Label      *bool             `parquet:"label,optional"`
	Privileged string            `parquet:"privileged_context,dict"`
	Metadata   map[string]string `parquet:"metadata" parquet-key:",dict"`
}

// meter adds up the size of a row and notes the first string that is not UTF-8: Parquet's STRING
// must be, and readers in other languages refuse the whole file otherwise.
type meter struct {
	size int
	bad  string
}

func (m *meter) str(column, s string) string {
	if m.bad == "" && !utf8.ValidString(s) {
		m.bad = column
	}
	m.size += len(s) + 4 // PLAIN's length prefix
	return s
}

func (m *meter) texts(column string, texts map[string]string) {
	for key, value := range texts {
		m.str(column, key)
		m.str(column, value)
	}
}

// fixed counts n numbers of eight bytes.
func (m *meter) fixed(n int) { m.size += 8 * n }

func (m *meter) err() error {
	if m.bad != "" {
		return fmt.Errorf("column %s is not valid UTF-8", m.bad)
	}
	return nil
}

func storeDocument(d datasets.Document, m *meter) documentRow {
	m.fixed(5)
	for _, name := range d.ACL {
		m.str("acl", name)
	}
	for key := range d.Signals {
		m.str("signals", key)
		m.fixed(1)
	}
	m.texts("metadata", d.Metadata)
	return documentRow{
		DocID: m.str("doc_id", d.DocID), DocVersion: m.str("doc_version", d.DocVersion),
		SourceURI: m.str("source_uri", d.SourceURI), SourceETag: m.str("source_etag", d.SourceETag),
		MIME: m.str("mime", d.MIME), Title: m.str("title", d.Title), Text: m.str("text", d.Text),
		Lang: m.str("lang", d.Lang), LangScore: d.LangScore, ACL: d.ACL,
		RetentionClass: m.str("retention_class", d.RetentionClass),
		CreatedAt:      storeTime(d.CreatedAt), ModifiedAt: storeTime(d.ModifiedAt), IngestedAt: storeTime(d.IngestedAt),
		NChars: int64(d.NChars), Signals: d.Signals,
		DupCluster: m.str("dup_cluster", d.DupCluster), Metadata: d.Metadata,
		Messages: storeMessages("messages", d.Messages, m), Tools: m.str("tools", d.Tools),
		Completion: storeMessages("completion", d.Completion, m), Chosen: storeMessages("chosen", d.Chosen, m),
		Rejected: storeMessages("rejected", d.Rejected, m), Label: d.Label,
		Privileged: m.str("privileged_context", d.PrivilegedContext),
	}
}

func loadDocument(r documentRow) datasets.Document {
	return datasets.Document{
		DocID: r.DocID, DocVersion: r.DocVersion, SourceURI: r.SourceURI, SourceETag: r.SourceETag,
		MIME: r.MIME, Title: r.Title, Text: r.Text, Lang: r.Lang, LangScore: r.LangScore,
		ACL: noneIsNil(r.ACL), RetentionClass: r.RetentionClass,
		CreatedAt: loadTime(r.CreatedAt), ModifiedAt: loadTime(r.ModifiedAt), IngestedAt: loadTime(r.IngestedAt),
		NChars: int(r.NChars), Signals: emptyIsNil(r.Signals), DupCluster: r.DupCluster,
		Metadata:     emptyIsNil(r.Metadata),
		Conversation: loadConversation(r.Messages, r.Completion, r.Chosen, r.Rejected, r.Tools, r.Privileged, r.Label),
	}
}

// loadConversation takes the columns one by one, which both rows list: of a struct that both embed, parquet-go v0.32
// reads an optional column that is null as one that is there.
// loadConversation takes the columns one by one, which both rows list: of a struct that both embed, parquet-go
// 0.32 reads an optional column that is null as one that is there.
func loadConversation(messages, completion, chosen, rejected []messageRow, tools, privileged string, label *bool) datasets.Conversation {
	return datasets.Conversation{
		Messages: loadMessages(messages), Tools: tools, Completion: loadMessages(completion),
		Chosen: loadMessages(chosen), Rejected: loadMessages(rejected), Label: label, PrivilegedContext: privileged,
	}
}

func storeExclusion(e datasets.Exclusion, m *meter) exclusionRow {
	m.fixed(4)
	return exclusionRow{
		DocID: m.str("doc_id", e.DocID), SourceURI: m.str("source_uri", e.SourceURI),
		Stage: m.str("stage", e.Stage), Rule: m.str("rule", e.Rule), Reason: m.str("reason", e.Reason),
		Value: e.Value, Threshold: e.Threshold, Start: e.Start, End: e.End,
		Related: m.str("related", e.Related),
	}
}

func loadExclusion(r exclusionRow) datasets.Exclusion { return datasets.Exclusion(r) }

func storeRedaction(r datasets.Redaction, m *meter) redactionRow {
	m.fixed(3)
	return redactionRow{
		DocID: m.str("doc_id", r.DocID), DocVersion: m.str("doc_version", r.DocVersion),
		SourceURI: m.str("source_uri", r.SourceURI), Entity: m.str("entity", r.Entity),
		Detector: m.str("detector", r.Detector), Score: r.Score, Start: r.Start, End: r.End,
		Replacement: m.str("replacement", r.Replacement),
	}
}

func loadRedaction(r redactionRow) datasets.Redaction { return datasets.Redaction(r) }

func storeExample(e datasets.Example, m *meter) exampleRow {
	m.fixed(2)
	m.texts("metadata", e.Metadata)
	return exampleRow{
		ExampleID: m.str("example_id", e.ExampleID), DocID: m.str("doc_id", e.DocID),
		DocVersion: m.str("doc_version", e.DocVersion), Split: m.str("split", string(e.Split)),
		Start: e.Start, End: e.End, Text: m.str("text", e.Text), Metadata: e.Metadata,
		Messages: storeMessages("messages", e.Messages, m), Tools: m.str("tools", e.Tools),
		Completion: storeMessages("completion", e.Completion, m), Chosen: storeMessages("chosen", e.Chosen, m),
		Rejected: storeMessages("rejected", e.Rejected, m), Label: e.Label,
		Privileged: m.str("privileged_context", e.PrivilegedContext),
	}
}

func loadExample(r exampleRow) datasets.Example {
	return datasets.Example{
		ExampleID: r.ExampleID, DocID: r.DocID, DocVersion: r.DocVersion, Split: datasets.Split(r.Split),
		Start: r.Start, End: r.End, Text: r.Text, Metadata: emptyIsNil(r.Metadata),
		Conversation: loadConversation(r.Messages, r.Completion, r.Chosen, r.Rejected, r.Tools, r.Privileged, r.Label),
	}
}

func storeTime(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	micros := t.UnixMicro()
	return &micros
}

func loadTime(micros *int64) time.Time {
	if micros == nil {
		return time.Time{}
	}
	return time.UnixMicro(*micros).UTC()
}

// A file does not tell an empty list or map from none: both are read as nil.

func noneIsNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func emptyIsNil[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}
