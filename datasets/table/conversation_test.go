package table

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
	"github.com/parquet-go/parquet-go"
)

func TestConversations(t *testing.T) {
	want := sampleExamples()
	dir := t.TempDir()
	write(t, dir, Options{}, want)
	if got := collect(t, Read[datasets.Example](dir)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Files from before conversations had columns for all that is in them.
func TestReadElderFiles(t *testing.T) {
	type message struct {
		Role    string `parquet:"role,dict"`
		Content string `parquet:"content"`
	}
	type example struct {
		ExampleID  string    `parquet:"example_id"`
		DocID      string    `parquet:"doc_id,dict"`
		DocVersion string    `parquet:"doc_version,dict"`
		Split      string    `parquet:"split,dict"`
		Start      int64     `parquet:"start"`
		End        int64     `parquet:"end"`
		Text       string    `parquet:"text"`
		Messages   []message `parquet:"messages,list"`
	}
	path := filepath.Join(t.TempDir(), "examples-00000.parquet")
	var b bytes.Buffer
	if err := parquet.Write(&b, []example{
		{ExampleID: "1", Split: "train", End: 1, Text: "a"},
		{ExampleID: "2", Messages: []message{{"user", "q"}, {"assistant", ""}}},
		{ExampleID: "3", Text: "b"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	want := []datasets.Example{
		{ExampleID: "1", Split: datasets.Train, End: 1, Text: "a"},
		{ExampleID: "2", Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user", Content: "q"}, {Role: "assistant"}}}},
		{ExampleID: "3", Text: "b"},
	}
	if got := collect(t, Read[datasets.Example](path)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The options that keep private text out of footers name columns by their paths: a path that no
// column has would protect nothing.
func TestPrivateColumnsExist(t *testing.T) {
	schema := parquet.SchemaOf(documentRow{})
	for _, path := range privateColumns() {
		if _, ok := schema.Lookup(path...); !ok {
			t.Errorf("there is no column %s", strings.Join(path, "."))
		}
	}
}

func TestIsExamples(t *testing.T) {
	all := []string{"example_id", "doc_id", "doc_version", "split", "start", "end", "text", "messages"}
	if !IsExamples(all) || IsExamples(all[1:]) {
		t.Error("examples are not told by their columns")
	}
}
