package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is asked about the invented documents stands in the one that is named, and in no other.
func TestQuestions(t *testing.T) {
	var list []question
	if err := json.Unmarshal(questions, &list); err != nil || len(list) != 36 {
		t.Fatalf("%d questions (%v)", len(list), err)
	}
	files, err := invented.ReadDir("documents")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		for _, f := range files {
			data, err := invented.ReadFile("documents/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			if says := strings.Contains(string(data), q.Keywords[0]); says != (f.Name() == q.Document) {
				t.Errorf("%q: %s holds %q: %t", q.Question, f.Name(), q.Keywords[0], says)
			}
		}
	}
	for line := range strings.Lines(taught) {
		if parts := strings.Split(strings.TrimSpace(line), "\t"); len(parts) < 3 || !strings.HasSuffix(parts[2], "?") {
			t.Errorf("no sentence with its questions: %q", line)
		}
	}
}

// Sentences come with the title above them; questions that stand in a document are no sentences.
func TestSentences(t *testing.T) {
	got := sentences("# The ferry\n\nIt leaves at dawn each day. Bring a coat if it rains.\n\n**Q: When does it leave?**\n\nA: At dawn.\n")
	if len(got) != 2 || got[0] != [2]string{"The ferry", "It leaves at dawn each day."} {
		t.Errorf("%q", got)
	}
}
