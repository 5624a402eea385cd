package table

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/cultivar/cultivar/datasets"
)

// jsonOf renders records as one JSON array of rows, whatever the batches.
func jsonOf(t *testing.T, records []arrow.RecordBatch) string {
	t.Helper()
	var b bytes.Buffer
	for _, r := range records {
		if err := array.RecordToJSON(r, &b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func toArrow[T Row](t *testing.T, rows []T) []arrow.RecordBatch {
	t.Helper()
	var records []arrow.RecordBatch
	for r, err := range ToArrow(seq(rows)) {
		if err != nil {
			t.Fatal(err)
		}
		r.Retain()
		records = append(records, r)
	}
	return records
}

func seq[T any](rows []T) func(func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// pqRead reads a Parquet file with Apache's own implementation.
func pqRead(t *testing.T, path string) []arrow.RecordBatch {
	t.Helper()
	pf, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pf.Close()
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 100}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	rr, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rr.Release()
	var records []arrow.RecordBatch
	for rr.Next() {
		rec := rr.RecordBatch()
		rec.Retain()
		records = append(records, rec)
	}
	return records
}

func sampleExamples() []datasets.Example {
	return []datasets.Example{
		{ExampleID: "1", DocID: "a", Split: datasets.Train, End: 4, Text: "text"},
		{ExampleID: "3", Metadata: map[string]string{"b": "1", "a": "2"}, Conversation: sampleConversation()},
		{ExampleID: "2", Split: datasets.Test, Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user", Content: "1+1?"}, {Role: "assistant", Content: "2"}}}},
	}
}

// What we write is what arrow-go reads, and equals what ToArrow makes of the same rows.
func TestArrowReadsOurParquet(t *testing.T) {
	dir := t.TempDir()
	docs := sampleDocuments(250)
	for i := range docs { // JSON has no infinity
		if docs[i].Signals != nil {
			docs[i].Signals["zeta"] = 2.5
		}
	}
	write(t, dir, Options{RowGroupBytes: 16 << 10}, docs)
	write(t, dir, Options{}, sampleExamples())
	write(t, dir, Options{}, []datasets.Exclusion{{Rule: "r", Reason: "because", Start: -1, End: -1}})
	write(t, dir, Options{}, []datasets.Redaction{{Entity: "EMAIL", Score: 0.5, Start: 3, End: 9}})
	for name, want := range map[string]string{
		"documents":  jsonOf(t, toArrow(t, docs)),
		"examples":   jsonOf(t, toArrow(t, sampleExamples())),
		"exclusions": jsonOf(t, toArrow(t, []datasets.Exclusion{{Rule: "r", Reason: "because", Start: -1, End: -1}})),
		"redactions": jsonOf(t, toArrow(t, []datasets.Redaction{{Entity: "EMAIL", Score: 0.5, Start: 3, End: 9}})),
	} {
		got := jsonOf(t, pqRead(t, filepath.Join(dir, name+"-00000.parquet")))
		if got != want || len(got) == 0 {
			t.Errorf("%s: arrow-go reads\n%.2000s\nwant\n%.2000s", name, got, want)
		}
	}
}

// Foreign files, with every column optional as pyarrow writes them, in another order, with columns
// we do not know.
func TestReadForeignParquet(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		nullable("stars", arrow.PrimitiveTypes.Int32),
		nullable("messages", arrow.ListOf(arrow.StructOf(nullable("content", arrowText), nullable("role", arrowText)))),
		nullable("text", arrowText),
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Int32Builder).AppendValues([]int32{1, 2}, nil)
	list := b.Field(1).(*array.ListBuilder)
	list.AppendNull()
	list.Append(true)
	turn := list.ValueBuilder().(*array.StructBuilder)
	turn.Append(true)
	turn.FieldBuilder(0).(*array.StringBuilder).Append("hello")
	turn.FieldBuilder(1).(*array.StringBuilder).Append("user")
	b.Field(2).(*array.StringBuilder).AppendValues([]string{"first", ""}, []bool{true, false})
	path := filepath.Join(t.TempDir(), "foreign.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := collect(t, Read[datasets.Example](path))
	if len(got) != 2 || got[0].Text != "first" || got[0].Messages != nil || got[1].Text != "" ||
		!reflect.DeepEqual(got[1].Messages, []datasets.Message{{Role: "user", Content: "hello"}}) {
		t.Errorf("read %+v", got)
	}
}

func TestArrowIPC(t *testing.T) {
	docs := sampleDocuments(100)
	for i := range docs {
		if docs[i].Signals != nil {
			docs[i].Signals["zeta"] = 2.5
		}
	}
	want := jsonOf(t, toArrow(t, docs))

	var stream bytes.Buffer
	if err := WriteArrowStream(&stream, seq(docs)); err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(&stream)
	if err != nil {
		t.Fatal(err)
	}
	var records []arrow.RecordBatch
	for r.Next() {
		rec := r.RecordBatch()
		rec.Retain()
		records = append(records, rec)
	}
	if got := jsonOf(t, records); got != want {
		t.Error("stream differs")
	}

	var whole bytes.Buffer
	if err := WriteArrowFile(&whole, seq(docs)); err != nil {
		t.Fatal(err)
	}
	fr, err := ipc.NewFileReader(bytes.NewReader(whole.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	records = nil
	for i := range fr.NumRecords() {
		rec, err := fr.RecordBatchAt(i)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	if got := jsonOf(t, records); got != want {
		t.Error("file differs")
	}
}

func TestToArrowBatches(t *testing.T) {
	for _, c := range []struct{ rows, batches int }{{0, 1}, {1, 1}, {arrowBatchRows, 1}, {arrowBatchRows + 1, 2}} {
		records := toArrow(t, make([]datasets.Redaction, c.rows))
		rows := 0
		for _, r := range records {
			rows += int(r.NumRows())
		}
		if len(records) != c.batches || rows != c.rows {
			t.Errorf("%d rows: %d batches with %d", c.rows, len(records), rows)
		}
	}
	for _, err := range ToArrow(seq([]datasets.Example{{Text: "a\xff"}})) {
		if err == nil {
			t.Error("invalid UTF-8 became an Arrow string")
		}
	}
}
