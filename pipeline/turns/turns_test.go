package turns

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

// sample has a text in every field.
func sample() datasets.Conversation {
	return datasets.Conversation{
		Messages: []datasets.Message{
			{Role: "system", Content: "be kind"},
			{Role: "user", Parts: []string{"part one", "part two"}, Name: "ann"},
			{Role: "assistant", Null: true, Reasoning: "look it up", ToolCalls: []datasets.ToolCall{
				{ID: "call-1", Name: "find", Arguments: `{"who": "ann", "n": 1.50}`},
				{ID: "call-2", Name: "find", Arguments: `"{\"who\": [\"bob\"]}"`},
			}},
			{Role: "tool", Content: "found", ToolCallID: "call-1"},
			{Role: "narrator", Content: "later"},
		},
		Tools:      `[{"type":"function","function":{"name":"find","description":"finds"}}]`,
		Completion: []datasets.Message{{Role: "assistant", Content: "completed"}},
		Chosen:     []datasets.Message{{Role: "assistant", Content: "good"}},
		Rejected:   []datasets.Message{{Role: "assistant", Content: "bad"}},
	}
}

func TestWalkVisitsEveryText(t *testing.T) {
	got := map[string]string{}
	c := sample()
	Walk(&c, func(where, key, text string) string {
		got[where+"|"+key] += text + ";"
		return text
	})
	want := map[string]string{
		"messages[0].content|": "be kind;", "messages[1].content[0]|": "part one;", "messages[1].content[1]|": "part two;",
		"messages[1].name|": "ann;", "messages[2].reasoning_content|": "look it up;",
		"messages[2].tool_calls[0].name|": "find;", "messages[2].tool_calls[0].arguments|": "who;n;",
		"messages[2].tool_calls[0].arguments|who": "ann;", "messages[2].tool_calls[0].arguments|n": "1.50;",
		"messages[2].tool_calls[1].name|": "find;", "messages[2].tool_calls[1].arguments|": "who;",
		"messages[2].tool_calls[1].arguments|who": "bob;",
		"messages[3].content|":                    "found;", "messages[4].role|": "narrator;", "messages[4].content|": "later;",
		"tools|": "type;function;name;description;", "tools|type": "function;", "tools|name": "find;", "tools|description": "finds;",
		"completion[0].content|": "completed;", "chosen[0].content|": "good;", "rejected[0].content|": "bad;",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if !reflect.DeepEqual(c, sample()) {
		t.Error("edits that change nothing changed something")
	}
}

// What is edited is the clone alone.
func TestClone(t *testing.T) {
	c := sample()
	edited := Clone(c)
	Walk(&edited, func(_, _, text string) string { return text + "!" })
	if !reflect.DeepEqual(c, sample()) || reflect.DeepEqual(edited, c) {
		t.Error("the clone shares memory")
	}
}

func TestEditJSON(t *testing.T) {
	mask := func(_, text string) string { return strings.ReplaceAll(text, "555", "[X]") }
	for _, c := range [][2]string{
		{`{ "a" : "5", "b":[1e5, "x<555>", {"555": 1, "[X]": 2}] }`, `{ "a" : "5", "b":[1e5, "x<[X]>", {"[X]": 1, "[X]_": 2}] }`},
		{`{"phone": 15550, "n": -1.50}`, `{"phone": "1[X]0", "n": -1.50}`},
		{`"{\"a\": \"555\"}"`, `"{\"a\": \"[X]\"}"`},
		{`"\u0035\u00355 \"q\""`, `"[X] \"q\""`},
		{`[]`, `[]`}, {`{}`, `{}`}, {`null`, `null`}, {`[true,false]`, `[true,false]`},
		{`not json 555`, `not json [X]`},
	} {
		if got := editJSON(c[0], mask); got != c[1] {
			t.Errorf("%s: got %s, want %s", c[0], got, c[1])
		}
	}
}

func TestTranscript(t *testing.T) {
	got := Transcript(sample())
	want := "## system\n\nbe kind\n\n## user (ann)\n\npart one\n\npart two\n\n## assistant\n\n> look it up\n\n`find` {\"who\": \"ann\", \"n\": 1.50}\n\n" +
		"`find` \"{\\\"who\\\": [\\\"bob\\\"]}\"\n\n## tool\n\nfound\n\n## narrator\n\nlater\n\n## assistant\n\ncompleted\n\n## chosen assistant\n\ngood\n\n## rejected assistant\n\nbad"
	if got != want {
		t.Errorf("got %q", got)
	}
	if strings.Contains(Comparable(sample()), "be kind") {
		t.Error("the system's words count")
	}
}

func FuzzEditJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, "b", null]}`, `"{\"a\": \"\\u0041\"}"`, `{"a":{"a":1},"a":2}`, `[`, `"\ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if same := editJSON(raw, func(_, s string) string { return s }); same != raw {
			t.Fatalf("%q became %q", raw, same)
		}
		edited := editJSON(raw, func(_, s string) string { return s + "<&>" })
		if json.Valid([]byte(raw)) && !json.Valid([]byte(edited)) {
			t.Fatalf("%q became %q, which is not JSON", raw, edited)
		}
	})
}
