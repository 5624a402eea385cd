package table

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/cultivar/cultivar/datasets"
)

// Record batches end at whichever comes first. Offsets in Arrow's strings are 32 bits wide; a row
// is at most 128 MiB, so a batch stays far below what they reach.
const (
	arrowBatchRows  = 4096
	arrowBatchBytes = 16 << 20
)

// ToArrow gathers rows into record batches with the columns of the Parquet files. A batch is valid
// until the next one is asked for, unless retained. There is always one batch, possibly without
// rows, unless rows begins with an error; an error ends it.
func ToArrow[T Row](rows iter.Seq2[T, error]) iter.Seq2[arrow.RecordBatch, error] {
	format := formatOf[T]()
	return func(yield func(arrow.RecordBatch, error) bool) {
		builder := array.NewRecordBuilder(memory.DefaultAllocator, format.arrow)
		defer builder.Release()
		emit := func() bool {
			record := builder.NewRecordBatch()
			defer record.Release()
			return yield(record, nil)
		}
		n, bytes, batches := 0, 0, 0
		for row, err := range rows {
			var size int
			if err == nil {
				size, err = format.size(row)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			format.append(builder, row)
			n, bytes = n+1, bytes+size
			if n == arrowBatchRows || bytes >= arrowBatchBytes {
				if !emit() {
					return
				}
				n, bytes, batches = 0, 0, batches+1
			}
		}
		if n > 0 || batches == 0 {
			emit()
		}
	}
}

// WriteArrowStream writes rows in Arrow's IPC streaming format: for pipes, and for
// pyarrow.ipc.open_stream.
func WriteArrowStream[T Row](w io.Writer, rows iter.Seq2[T, error]) error {
	return writeArrow(ipc.NewWriter(w, ipc.WithSchema(formatOf[T]().arrow)), rows)
}

// WriteArrowFile writes rows in Arrow's IPC file format, also called Feather 2: for
// pyarrow.ipc.open_file, pandas, Polars and DuckDB.
func WriteArrowFile[T Row](w io.Writer, rows iter.Seq2[T, error]) error {
	out, err := ipc.NewFileWriter(w, ipc.WithSchema(formatOf[T]().arrow))
	if err != nil {
		return fmt.Errorf("write Arrow file: %w", err)
	}
	return writeArrow(out, rows)
}

func writeArrow[T Row](w interface {
	Write(arrow.RecordBatch) error
	Close() error
}, rows iter.Seq2[T, error]) error {
	for record, err := range ToArrow(rows) {
		if err != nil {
			return err
		}
		if err := w.Write(record); err != nil {
			return fmt.Errorf("write Arrow batch: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("finish Arrow stream: %w", err)
	}
	return nil
}

var (
	arrowText = arrow.BinaryTypes.String
	arrowTime = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	arrowReal = arrow.PrimitiveTypes.Float64
	arrowInt  = arrow.PrimitiveTypes.Int64
)

func field(name string, t arrow.DataType) arrow.Field { return arrow.Field{Name: name, Type: t} }

func nullable(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

func sortedMap(value arrow.DataType) *arrow.MapType {
	t := arrow.MapOfFields(field("key", arrowText), field("value", value))
	t.KeysSorted = true
	return t
}

var documentArrow = arrow.NewSchema(slices.Concat([]arrow.Field{
	field("doc_id", arrowText), field("doc_version", arrowText), field("source_uri", arrowText),
	field("source_etag", arrowText), field("mime", arrowText), field("title", arrowText),
	field("text", arrowText), field("lang", arrowText), field("lang_score", arrowReal),
	field("acl", arrow.ListOfNonNullable(arrowText)), field("retention_class", arrowText),
	nullable("created_at", arrowTime), nullable("modified_at", arrowTime), nullable("ingested_at", arrowTime),
	field("n_chars", arrowInt), field("signals", sortedMap(arrowReal)), field("dup_cluster", arrowText),
	field("metadata", sortedMap(arrowText)),
}, arrowConversation), nil)

var exclusionArrow = arrow.NewSchema([]arrow.Field{
	field("doc_id", arrowText), field("source_uri", arrowText), field("stage", arrowText),
	field("rule", arrowText), field("reason", arrowText), field("value", arrowReal),
	field("threshold", arrowReal), field("start", arrowInt), field("end", arrowInt), field("related", arrowText),
}, nil)

var redactionArrow = arrow.NewSchema([]arrow.Field{
	field("doc_id", arrowText), field("doc_version", arrowText), field("source_uri", arrowText),
	field("entity", arrowText), field("detector", arrowText), field("score", arrowReal),
	field("start", arrowInt), field("end", arrowInt), field("replacement", arrowText),
}, nil)

var exampleArrow = arrow.NewSchema(slices.Concat([]arrow.Field{
	field("example_id", arrowText), field("doc_id", arrowText), field("doc_version", arrowText),
	field("split", arrowText), field("start", arrowInt), field("end", arrowInt), field("text", arrowText),
}, arrowConversation, []arrow.Field{field("metadata", sortedMap(arrowText))}), nil)

// columns appends to the fields of a builder from left to right.
type columns struct {
	b    *array.RecordBuilder
	next int
}

func (c *columns) field() array.Builder {
	c.next++
	return c.b.Field(c.next - 1)
}

func (c *columns) text(values ...string) {
	for _, s := range values {
		c.field().(*array.StringBuilder).Append(s)
	}
}

func (c *columns) real(values ...float64) {
	for _, x := range values {
		c.field().(*array.Float64Builder).Append(x)
	}
}

func (c *columns) int(values ...int64) {
	for _, x := range values {
		c.field().(*array.Int64Builder).Append(x)
	}
}

func (c *columns) time(values ...time.Time) {
	for _, t := range values {
		b := c.field().(*array.TimestampBuilder)
		if t.IsZero() {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(t.UnixMicro()))
		}
	}
}

func (c *columns) list(values []string) {
	b := c.field().(*array.ListBuilder)
	b.Append(true)
	b.ValueBuilder().(*array.StringBuilder).AppendValues(values, nil)
}

func (c *columns) reals(m map[string]float64) {
	b := c.field().(*array.MapBuilder)
	b.Append(true)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b.KeyBuilder().(*array.StringBuilder).Append(key)
		b.ItemBuilder().(*array.Float64Builder).Append(m[key])
	}
}

func (c *columns) texts(m map[string]string) {
	b := c.field().(*array.MapBuilder)
	b.Append(true)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b.KeyBuilder().(*array.StringBuilder).Append(key)
		b.ItemBuilder().(*array.StringBuilder).Append(m[key])
	}
}

func appendDocument(b *array.RecordBuilder, d datasets.Document) {
	c := columns{b: b}
	c.text(d.DocID, d.DocVersion, d.SourceURI, d.SourceETag, d.MIME, d.Title, d.Text, d.Lang)
	c.real(d.LangScore)
	c.list(d.ACL)
	c.text(d.RetentionClass)
	c.time(d.CreatedAt, d.ModifiedAt, d.IngestedAt)
	c.int(int64(d.NChars))
	c.reals(d.Signals)
	c.text(d.DupCluster)
	c.texts(d.Metadata)
	c.conversation(d.Conversation)
}

func appendExclusion(b *array.RecordBuilder, e datasets.Exclusion) {
	c := columns{b: b}
	c.text(e.DocID, e.SourceURI, e.Stage, e.Rule, e.Reason)
	c.real(e.Value, e.Threshold)
	c.int(e.Start, e.End)
	c.text(e.Related)
}

func appendRedaction(b *array.RecordBuilder, r datasets.Redaction) {
	c := columns{b: b}
	c.text(r.DocID, r.DocVersion, r.SourceURI, r.Entity, r.Detector)
	c.real(r.Score)
	c.int(r.Start, r.End)
	c.text(r.Replacement)
}

func appendExample(b *array.RecordBuilder, e datasets.Example) {
	c := columns{b: b}
	c.text(e.ExampleID, e.DocID, e.DocVersion, string(e.Split))
	c.int(e.Start, e.End)
	c.text(e.Text)
	c.conversation(e.Conversation)
	c.texts(e.Metadata)
}
