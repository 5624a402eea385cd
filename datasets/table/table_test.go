package table

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/parquet-go/parquet-go"
	footer "github.com/parquet-go/parquet-go/format"
)

// sampleDocument varies every column with i, including empty and null ones.
func sampleDocument(i int) datasets.Document {
	d := datasets.Document{
		DocID:      fmt.Sprintf("doc-%06d", i),
		DocVersion: fmt.Sprintf("sha256:%064x", i),
		SourceURI:  fmt.Sprintf("minutes/%d/café.md", i),
		MIME:       "text/markdown",
		Title:      "Minutes",
		Text:       strings.Repeat(fmt.Sprintf("Line %d of the minutes.\n", i), 1+i%7),
		Lang:       "en",
		LangScore:  1 / float64(i+1),
		NChars:     20 * i,
	}
	if i%2 == 0 {
		d.ACL = []string{"board", fmt.Sprintf("team-%d", i%5)}
		d.CreatedAt = time.Date(2021, 5, 4, 3, 2, 1, 123456000, time.UTC).AddDate(0, 0, i)
		d.Signals = map[string]float64{"words": float64(i), "alpha": 0.5, "zeta": math.Inf(1), "beta": -1}
	}
	if i%3 == 0 {
		d.ModifiedAt = time.Date(1931, 1, 1, 0, 0, 0, 0, time.UTC)
		d.Metadata = map[string]string{"author": "Ada", "b": "", "a": "x", "m": fmt.Sprint(i)}
		d.DupCluster = "doc-000000"
		d.RetentionClass = "7y"
		d.Conversation = sampleConversation()
	}
	return d
}

// sampleConversation sets every field of a conversation.
func sampleConversation() datasets.Conversation {
	yes, no := true, false
	return datasets.Conversation{
		Messages: []datasets.Message{
			{Role: "system"},
			{Role: "user", Parts: []string{"How high", "is the tide?"}, Name: "Ada"},
			{Role: "assistant", Null: true, ToolCalls: []datasets.ToolCall{{ID: "c1", Name: "tide", Arguments: `{"at":"Norvik"}`}, {Name: "clock", Arguments: `"{}"`}}, Train: &no},
			{Role: "tool", Content: "2.4", ToolCallID: "c1", Name: "tide"},
		},
		Tools:      `[{"type":"function","function":{"name":"tide"}}]`,
		Completion: []datasets.Message{{Role: "assistant", Content: "2.4 m", Reasoning: "The tool says so.", Train: &yes}},
		Chosen:     []datasets.Message{{Role: "assistant", Content: "a"}},
		Rejected:   []datasets.Message{{Role: "assistant", Content: "b"}, {Role: "user", Content: "c"}},
		Label:      &no,
	}
}

func sampleDocuments(n int) []datasets.Document {
	docs := make([]datasets.Document, n)
	for i := range docs {
		docs[i] = sampleDocument(i)
	}
	return docs
}

func write[T Row](t testing.TB, dir string, opts Options, rows []T) []Shard {
	t.Helper()
	w, err := Create[T](dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	done, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func collect[T any](t testing.TB, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

func roundTrip[T Row](t *testing.T, rows []T) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, Options{}, rows)
	if got := collect(t, Read[T](dir)); !reflect.DeepEqual(got, rows) {
		t.Errorf("%s: read\n%+v\nwant\n%+v", Name[T](), got, rows)
	}
}

func TestRoundTrip(t *testing.T) {
	roundTrip(t, sampleDocuments(3*Batch+1))
	roundTrip(t, []datasets.Exclusion{
		{DocID: "a", SourceURI: "x.pdf", Stage: "filter", Rule: "min_chars", Reason: "too short", Value: 3, Threshold: 50, Start: -1, End: -1},
		{SourceURI: "y.pdf", Stage: "extract", Rule: "broken", Reason: "not a PDF", Start: -1, End: -1},
		{DocID: "b", Stage: "dedup", Rule: "near_duplicate", Value: 0.93, Start: 4, End: 1 << 40, Related: "a"},
	})
	roundTrip(t, []datasets.Redaction{
		{DocID: "a", DocVersion: "v", SourceURI: "u", Entity: "EMAIL", Detector: "email", Score: 0.75, Start: 3, End: 9, Replacement: "[EMAIL]"},
		{DocID: "a", Entity: "PHONE", Replacement: "[PHONE]"},
	})
	roundTrip(t, []datasets.Example{
		{ExampleID: "1", DocID: "a", DocVersion: "v", Split: datasets.Train, Start: 0, End: 4, Text: "text"},
		{ExampleID: "2", Split: datasets.Test, Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user", Content: "1+1?"}, {Role: "assistant", Content: "2"}}}},
		{ExampleID: "3", Split: datasets.Validation, Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user"}}}},
	})
}

func TestSameRowsSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	opts := Options{RowGroupBytes: 4 << 10, ShardBytes: 20 << 10}
	// Maps are built anew for every row, so that iteration order differs; so do the workers.
	first := write(t, a, opts, sampleDocuments(400))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	second := write(t, b, opts, sampleDocuments(400))
	if !reflect.DeepEqual(first, second) || len(first) < 3 {
		t.Fatalf("shards %v and %v", first, second)
	}
	for _, shard := range first {
		x, _ := os.ReadFile(filepath.Join(a, shard.Name))
		y, _ := os.ReadFile(filepath.Join(b, shard.Name))
		if len(x) == 0 || !bytes.Equal(x, y) {
			t.Errorf("%s differs", shard.Name)
		}
		if int64(len(x)) != shard.Size {
			t.Errorf("%s: %d bytes, reported %d", shard.Name, len(x), shard.Size)
		}
	}
}

func TestShardsAndRowGroups(t *testing.T) {
	dir := t.TempDir()
	opts := Options{RowGroupBytes: 4 << 10, ShardBytes: 20 << 10}
	docs := sampleDocuments(400)
	done := write(t, dir, opts, docs)
	rows := int64(0)
	for i, shard := range done {
		if want := fmt.Sprintf("documents-%05d.parquet", i); shard.Name != want {
			t.Errorf("shard %d is named %s", i, shard.Name)
		}
		rows += shard.Rows
		for _, group := range openFile(t, filepath.Join(dir, shard.Name)).Metadata().RowGroups {
			if group.TotalByteSize > 8<<10 {
				t.Errorf("%s: row group of %d bytes", shard.Name, group.TotalByteSize)
			}
		}
	}
	if rows != int64(len(docs)) {
		t.Errorf("%d rows in shards, wrote %d", rows, len(docs))
	}
	if got := collect(t, Read[datasets.Document](dir)); !reflect.DeepEqual(got, docs) {
		t.Error("rows change over shards")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != len(done) {
		t.Errorf("%d files for %d shards", len(entries), len(done))
	}
}

func openFile(t *testing.T, path string) *parquet.File {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFileFeatures(t *testing.T) {
	dir := t.TempDir()
	docs := sampleDocuments(200)
	docs[150].Text = "The merger is called Kingfisher."
	write(t, dir, Options{RowGroupBytes: 16 << 10}, docs)
	path := filepath.Join(dir, "documents-00000.parquet")
	f := openFile(t, path)
	if got := f.Metadata().CreatedBy; got != "cultivar version 1.0.0 (build dataset)" {
		t.Errorf("created_by %q", got)
	}
	if n := len(f.Metadata().RowGroups); n < 3 {
		t.Errorf("%d row groups", n)
	}
	for _, group := range f.Metadata().RowGroups {
		for _, column := range group.Columns {
			checkFeatures(t, column)
		}
	}
	// zstd does not hide a short text; the footer and page headers must not repeat it either.
	data, _ := os.ReadFile(path)
	if n := bytes.Count(data, []byte("Kingfisher")); n > 1 {
		t.Errorf("text stands %d times in the file", n)
	}
}

func checkFeatures(t *testing.T, column footer.ColumnChunk) {
	t.Helper()
	m := column.MetaData
	name := strings.Join(m.PathInSchema, ".")
	if m.Codec.String() != "ZSTD" {
		t.Errorf("%s: codec %s", name, m.Codec)
	}
	if column.ColumnIndexOffset == 0 || column.OffsetIndexOffset == 0 {
		t.Errorf("%s: no page index", name)
	}
	if got, want := m.BloomFilterOffset != 0, name == "doc_id"; got != want {
		t.Errorf("%s: bloom filter %v", name, got)
	}
	switch got := len(m.Statistics.MinValue) > 0; name {
	case "doc_id", "source_uri", "n_chars":
		if !got {
			t.Errorf("%s: no statistics", name)
		}
	case "text":
		if got {
			t.Errorf("%s: statistics hold text", name)
		}
	}
}

func TestEmptyTable(t *testing.T) {
	dir := t.TempDir()
	done := write[datasets.Document](t, dir, Options{}, nil)
	if len(done) != 1 || done[0].Rows != 0 {
		t.Fatalf("shards %v", done)
	}
	if got := collect(t, Read[datasets.Document](dir)); len(got) != 0 {
		t.Errorf("read %d rows", len(got))
	}
}

func TestWriteRefusals(t *testing.T) {
	dir := t.TempDir()
	w, _ := Create[datasets.Document](dir, Options{})
	err := w.Write(datasets.Document{DocID: "a", Metadata: map[string]string{"author": "secret\xff"}})
	if err == nil || !strings.Contains(err.Error(), "metadata") || strings.Contains(err.Error(), "secret") {
		t.Errorf("invalid UTF-8: %v", err)
	}
	if _, again := w.Close(); again != err {
		t.Errorf("closed after an error: %v", again)
	}
	w.Abort()
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}

	w, _ = Create[datasets.Document](dir, Options{})
	if err := w.Write(datasets.Document{Text: strings.Repeat("x", 128<<20)}); err == nil || !strings.Contains(err.Error(), "larger than a row group") {
		t.Errorf("row over 128 MiB: %v", err)
	}

	if _, err := Create[datasets.Document](dir, Options{RowGroupBytes: 129 << 20}); err == nil {
		t.Error("accepted row groups over 128 MiB")
	}

	write(t, dir, Options{}, sampleDocuments(1))
	w, _ = Create[datasets.Document](dir, Options{})
	if err := w.Write(sampleDocument(1)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("wrote over a shard: %v", err)
	}

	closed, _ := Create[datasets.Example](t.TempDir(), Options{})
	if _, err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := closed.Write(datasets.Example{}); err == nil {
		t.Error("wrote after Close")
	}
}

func TestCreateInMissingDirectory(t *testing.T) {
	w, _ := Create[datasets.Document](filepath.Join(t.TempDir(), "absent"), Options{})
	if err := w.Write(sampleDocument(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Leaving a loop early ends the goroutines that read ahead, and every row group still comes in order.
func TestStopReading(t *testing.T) {
	data := sampleFile(t, 300)
	before := runtime.NumGoroutine()
	for stop := 1; stop <= 300; stop += 13 {
		n := 0
		for doc, err := range ReadAt[datasets.Document]("x", bytes.NewReader(data), int64(len(data))) {
			if err != nil || doc.DocID != sampleDocument(n).DocID {
				t.Fatalf("row %d is %s, %v", n, doc.DocID, err)
			}
			if n++; n == stop {
				break
			}
		}
		if n != stop {
			t.Errorf("read %d rows, want %d", n, stop)
		}
	}
	// A goroutine that is done counts until the scheduler has seen it.
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// readError returns the first error of reading data as documents, and how many rows came before.
func readError(data []byte) (rows int, err error) {
	for _, err := range ReadAt[datasets.Document]("x.parquet", bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}

func sampleFile(t testing.TB, n int) []byte {
	dir := t.TempDir()
	write(t, dir, Options{RowGroupBytes: 4 << 10}, sampleDocuments(n))
	data, err := os.ReadFile(filepath.Join(dir, "documents-00000.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTruncatedFiles(t *testing.T) {
	data := sampleFile(t, 100)
	for n := 0; n < len(data); n += 1 + len(data)/150 {
		_, err := readError(data[:n])
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || corrupt.Path != "x.parquet" || !strings.Contains(err.Error(), "x.parquet") {
			t.Fatalf("cut at %d of %d: %v", n, len(data), err)
		}
	}
}

// A flipped bit in a page is caught by its checksum, one in the footer by the parser or by the
// counts. Bloom filters and indexes do not matter here. Page headers have no checksum, and are much of
// a file with row groups as small as these: a few flips
// there change rows unseen, which is why a manifest holds the digest of every file.
func TestFlippedBits(t *testing.T) {
	data := sampleFile(t, 100)
	want := collect(t, ReadAt[datasets.Document]("x", bytes.NewReader(data), int64(len(data))))
	tried, caught, unseen := 0, 0, 0
	for at := 0; at < len(data); at += 1 + len(data)/250 {
		broken := bytes.Clone(data)
		broken[at] ^= 1 << (at % 8)
		tried++
		var got []datasets.Document
		var err error
		for doc, e := range ReadAt[datasets.Document]("x", bytes.NewReader(broken), int64(len(broken))) {
			if err = e; e == nil {
				got = append(got, doc)
			}
		}
		var corrupt *CorruptError
		switch {
		case errors.As(err, &corrupt):
			caught++
		case err != nil:
			t.Fatalf("flip at %d: %v", at, err)
		case !reflect.DeepEqual(got, want):
			unseen++
		}
	}
	if caught < tried/3 || unseen > tried/25 {
		t.Errorf("%d of %d flips caught, %d change rows unseen", caught, tried, unseen)
	}
}

// What a damaged page header can make of a row.
func TestRowsAreChecked(t *testing.T) {
	d := &parquetDecoder[datasets.Redaction, redactionRow]{kinds: []parquet.Kind{parquet.ByteArray, parquet.Double, parquet.ByteArray}}
	text := func(column int) parquet.Value { return parquet.ByteArrayValue([]byte("x")).Level(0, 0, column) }
	number := func(column int) parquet.Value { return parquet.DoubleValue(1).Level(0, 0, column) }
	null := func(column int) parquet.Value { return parquet.NullValue().Level(0, 0, column) }
	for name, c := range map[string]struct {
		row  parquet.Row
		good bool
	}{
		"whole":      {parquet.Row{text(0), number(1), text(2)}, true},
		"repeated":   {parquet.Row{text(0), number(1), text(2), text(2)}, true},
		"null":       {parquet.Row{text(0), null(1), text(2)}, true},
		"empty":      {nil, false},
		"gap":        {parquet.Row{text(0), text(2)}, false},
		"short":      {parquet.Row{text(0), number(1)}, false},
		"disorder":   {parquet.Row{text(0), number(1), text(0), text(2)}, false},
		"wrong type": {parquet.Row{text(0), text(1), text(2)}, false},
		"too many":   {parquet.Row{text(0), number(1), text(2), text(3)}, false},
	} {
		if err := d.check(c.row); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherKindOfFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, Options{}, []datasets.Redaction{{DocID: "a", Entity: "EMAIL"}})
	path := filepath.Join(dir, "redactions-00000.parquet")
	for _, err := range Read[datasets.Document](path) {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "column text") {
			t.Errorf("read redactions as documents: %v", err)
		}
		return
	}
	t.Error("read redactions as documents")
}

// TestReadDirectory reads shards in order of name from a directory whose name looks like a pattern.
func TestReadDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]?{c}")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	docs := sampleDocuments(300)
	if shards := write(t, dir, Options{RowGroupBytes: 4 << 10, ShardBytes: 16 << 10}, docs); len(shards) < 2 {
		t.Fatalf("%d shards", len(shards))
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("no table"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, Read[datasets.Document](dir)); !reflect.DeepEqual(got, docs) {
		t.Errorf("%d of %d rows come back as they were", len(got), len(docs))
	}
}

func TestReadMissing(t *testing.T) {
	for _, err := range Read[datasets.Document](filepath.Join(t.TempDir(), "absent")) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		return
	}
	t.Error("no error")
}

func TestFindDocument(t *testing.T) {
	dir := t.TempDir()
	docs := sampleDocuments(500)
	write(t, dir, Options{RowGroupBytes: 4 << 10, ShardBytes: 40 << 10}, docs)
	for _, i := range []int{0, 1, 63, 64, 250, 499} {
		got, err := FindDocument(docs[i].DocID, dir)
		if err != nil || !reflect.DeepEqual(got, docs[i]) {
			t.Errorf("document %d: %v, %v", i, got, err)
		}
	}
	if _, err := FindDocument("absent", dir); !errors.Is(err, datasets.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(dir, "documents-00000.parquet")
	data, _ := os.ReadFile(path)
	os.WriteFile(path, data[:len(data)/2], 0o666)
	var corrupt *CorruptError
	if _, err := FindDocument("absent", dir); !errors.As(err, &corrupt) {
		t.Errorf("damaged: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	data := sampleFile(f, 20)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readError(data)
		var corrupt *CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			t.Fatalf("got %v", err)
		}
		if _, err := FindDocumentAt("doc-000001", "x", bytes.NewReader(data), int64(len(data))); err != nil &&
			!errors.As(err, &corrupt) && !errors.Is(err, datasets.ErrNotFound) {
			t.Fatalf("got %v", err)
		}
	})
}

// benchDocuments are n documents of about 4 kB of English-like text: what zstd does depends on it.
func benchDocuments(n int) (docs []datasets.Document, bytes int64) {
	words := strings.Fields("the board of directors met on Tuesday and agreed that quarterly revenue from services had grown faster than expected while costs for energy transport and insurance remained within plan")
	state := uint32(1)
	for i := range n {
		d := sampleDocument(i)
		var b strings.Builder
		for b.Len() < 4000 {
			state = state*1664525 + 1013904223
			b.WriteString(words[(state>>16)%uint32(len(words))])
			b.WriteByte(' ')
			if state>>28 == 0 {
				fmt.Fprintf(&b, "%d\n", state)
			}
		}
		d.Text = b.String()
		docs, bytes = append(docs, d), bytes+int64(len(d.Text))
	}
	return docs, bytes
}

func BenchmarkWrite(b *testing.B) {
	docs, bytes := benchDocuments(20000)
	b.SetBytes(bytes)
	for b.Loop() {
		write(b, b.TempDir(), Options{}, docs)
	}
}

func BenchmarkRead(b *testing.B) {
	docs, bytes := benchDocuments(20000)
	dir := b.TempDir()
	write(b, dir, Options{}, docs)
	b.SetBytes(bytes)
	for b.Loop() {
		if got := collect(b, Read[datasets.Document](dir)); len(got) != len(docs) {
			b.Fatal(len(got))
		}
	}
}
