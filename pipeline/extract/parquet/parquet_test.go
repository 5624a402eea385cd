package parquet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/pipeline/extract"
)

func collect(raw []byte) (docs []extract.Document, err error) {
	format := Format{extract.RowReader{Fields: extract.DefaultConfig().Fields}}
	for d, err := range format.Rows(context.Background(), extract.Input{Path: "rows.parquet", MIME: extract.MIMEParquet, Raw: raw}) {
		if err != nil {
			return docs, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// A file of our own examples holds texts and conversations.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	w, err := table.Create[datasets.Example](dir, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chat := datasets.Conversation{Messages: []datasets.Message{{Role: "user", Content: "q"}, {Role: "assistant", Content: "a"}}}
	err = errors.Join(
		w.Write(datasets.Example{ExampleID: "one", DocID: "d", Split: datasets.Train, Text: "a text"}),
		w.Write(datasets.Example{ExampleID: "two", DocID: "e", Split: datasets.Train, Conversation: chat}),
	)
	shards, closeErr := w.Close()
	if err = errors.Join(err, closeErr); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, shards[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := collect(raw)
	if err != nil || len(docs) != 2 || docs[0].Text != "a text" || len(docs[1].Conversation.Messages) != 2 || docs[1].Row != "two" {
		t.Errorf("got %+v, %v", docs, err)
	}
	if _, err := collect(raw[:len(raw)/2]); err == nil {
		t.Error("half a file will do")
	}
}
