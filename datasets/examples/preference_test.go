package examples

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

func TestParsePreferences(t *testing.T) {
	user := []datasets.Message{{Role: "user", Content: "q"}}
	for _, in := range []string{
		`{"prompt":"q","chosen":"a","rejected":"b"}`,
		`{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":"b"}`,
		`{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}`,
	} {
		rows, err := ParseJSONL(strings.NewReader(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if r := rows[0]; !reflect.DeepEqual(r.Messages, user) || r.Chosen[0].Content != "a" || r.Rejected[0].Content != "b" {
			t.Errorf("%s: got %+v", in, r)
		}
	}
	for in, want := range map[string]string{
		`{"prompt":"q","chosen":"a"}`:                            "only one of",
		`{"chosen":"a","rejected":"b"}`:                          "no prompt",
		`{"prompt":"q","chosen":[],"rejected":"b"}`:              `"chosen" is not one answer`,
		`{"prompt":"q","chosen":"a","rejected":7}`:               "JSON number",
		`{"prompt":[{"content":7}],"chosen":"a","rejected":"b"}`: "JSON number",
	} {
		if _, err := ParseJSONL(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", in, err, want)
		}
	}
}

func TestParsePromptCompletion(t *testing.T) {
	rows, err := ParseJSONL(strings.NewReader(`{"prompt":"q","completion":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []datasets.Message{{Role: "user", Content: "q"}, {Role: "assistant", Content: "a"}}
	if !reflect.DeepEqual(rows[0].Messages, want) {
		t.Errorf("got %+v", rows[0])
	}
}
