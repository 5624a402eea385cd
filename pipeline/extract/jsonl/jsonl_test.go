package jsonl

import (
	"context"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/pipeline/extract"
)

func read(t *testing.T, mime, text string) ([]extract.Document, error) {
	t.Helper()
	return collect(extract.Input{Path: "a.jsonl", MIME: mime, Raw: []byte(text)})
}

func collect(in extract.Input) (docs []extract.Document, err error) {
	format := Format{extract.RowReader{Fields: extract.DefaultConfig().Fields}}
	for d, err := range format.Rows(context.Background(), in) {
		if err != nil {
			return docs, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

func TestTrainingRows(t *testing.T) {
	docs, err := read(t, extract.MIMEJSONL, `{"id": 7, "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "source": "web"}
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]}
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "mesages": 1}
{"prompt": "p", "chosen": "x", "rejected": "y", "prompt": "z"}
{"prompt": "p", "chosen": "x", "rejected": "y"}
{"text": "t", "messages": []}
{"text": "t", "text": "secret"}
{"text": "t", "meta": {"a": {"b": 1, "b": "secret"}}}
`)
	if err != nil || len(docs) != 8 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	if d := docs[0]; d.Row != "7" || len(d.Conversation.Messages) != 2 || d.Metadata["source"] != "web" || d.Text != "" {
		t.Errorf("conversation: %+v", d)
	}
	for i, word := range map[int]string{1: "empty", 2: "mesages", 3: "prompt"} {
		if r := docs[i].Refused; r == nil || r.Rule != "training_row" || !strings.Contains(r.Reason, word) {
			t.Errorf("row %d: %+v", i+1, r)
		}
	}
	for i, key := range map[int]string{6: `"text" stands twice`, 7: `"b" stands twice`} {
		if r := docs[i].Refused; r == nil || r.Rule != "malformed" || !strings.Contains(r.Reason, key) || strings.Contains(r.Reason, "secret") {
			t.Errorf("row %d: %+v", i+1, r)
		}
	}
	if docs[4].Conversation.Kind() != "preference" || docs[5].Text != "t" {
		t.Errorf("got %+v", docs[4:])
	}
}

func TestLines(t *testing.T) {
	docs, err := read(t, extract.MIMEJSONL, `{"id": 12345678901234567890, "Text": "one", "title": "T", "score": 1.50, "ok": true, "who": {"name": "Ann"}, "tags": ["a","b"]}

{"text": "two"}
{"text": 
[1]
null
{"title": "no text"}
{"text": "x"} {"text": "y"}
{"body": "three", "id": ""}
{"text": "z"} }
{"Text": "eleven", "text": "exact"}
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		if d.Refused != nil {
			got = append(got, d.Row+"!"+d.Refused.Rule)
		} else {
			got = append(got, d.Row+"="+d.Text)
		}
	}
	want := "12345678901234567890=one row-3=two row-4!malformed row-5!malformed row-6!malformed row-7!no_text row-8!malformed row-9=three row-10!malformed row-11=exact"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	m := docs[0].Metadata
	if docs[0].Title != "T" || m["score"] != "1.50" || m["ok"] != "true" || m["who.name"] != "Ann" || m["tags"] != "a, b" || len(m) != 4 {
		t.Errorf("got %+v", docs[0])
	}
}

func TestWholeFiles(t *testing.T) {
	docs, err := read(t, extract.MIMEJSON, `[{"content": "a"}, 7]`)
	if err != nil || len(docs) != 2 || docs[0].Text != "a" || docs[1].Refused == nil {
		t.Errorf("list: %+v %v", docs, err)
	}
	docs, err = read(t, extract.MIMEJSON, `{"content": "a", "n": 1}`)
	if err != nil || len(docs) != 1 || docs[0].Text != "a" || docs[0].Row != "" {
		t.Errorf("object: %+v %v", docs, err)
	}
	if _, err = read(t, extract.MIMEJSON, `[{"content": "secret words"`); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("broken list: %v", err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(`{"text": "a", "x": {"y": [1, "\ud800"]}}`, false)
	f.Add(`[{"text": 1}]`, true)
	f.Add(`{"messages": [{"role": "user", "content": null}]}`, true)
	f.Fuzz(func(t *testing.T, text string, whole bool) {
		in := extract.Input{MIME: extract.MIMEJSONL, Raw: []byte(text)}
		if whole {
			in.MIME = extract.MIMEJSON
		}
		docs, _ := collect(in)
		for _, d := range docs {
			if d.Refused != nil && d.Text != "" {
				t.Fatalf("%+v", d)
			}
		}
	})
}
