package rows

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

// What is exported trains again as it was.
func TestJSONReadsBack(t *testing.T) {
	c := datasets.Conversation{Messages: asked, Tools: `[{"a":1}]`}
	text, err := JSON(datasets.Document{DocID: "d", Text: "t", Title: "T", Lang: "en", ACL: []string{"a"}, Metadata: map[string]string{"title": "other"}})
	if err != nil {
		t.Fatal(err)
	}
	talk, err := JSON(datasets.Document{DocID: "e", Text: "user: q", Conversation: c})
	if err != nil {
		t.Fatal(err)
	}
	example := datasets.Example{ExampleID: "x", DocID: "d", Split: datasets.Test, Conversation: c}
	line, err := JSON(example)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.jsonl")
	got, err := read(put(t, path, []byte(string(text)+"\n"+string(talk)+"\n"+string(line)+"\n")), Options{})
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got[0].Text != "t" || got[0].DocID != "d" || got[0].Metadata["title"] != "T" || got[0].Metadata["metadata.title"] != "other" {
		t.Errorf("a text came back as %+v", got[0])
	}
	if !reflect.DeepEqual(got[1].Conversation, c) || !reflect.DeepEqual(got[2], example) {
		t.Errorf("conversations came back as %+v and %+v", got[1], got[2])
	}
	for _, row := range []func() (any, error){
		func() (any, error) { return JSON(datasets.Exclusion{Rule: "r"}) },
		func() (any, error) { return JSON(datasets.Redaction{Entity: "EMAIL"}) },
	} {
		if line, err := row(); err != nil || line == nil {
			t.Errorf("%s, %v", line, err)
		}
	}
}
