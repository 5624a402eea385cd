package rows

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

func user(s string) datasets.Message      { return datasets.Message{Role: "user", Content: s} }
func assistant(s string) datasets.Message { return datasets.Message{Role: "assistant", Content: s} }
func said(m ...datasets.Message) []datasets.Message {
	return m
}

func yes(b bool) *bool { return &b }

var (
	asked    = said(user("q"), assistant("a"))
	call     = datasets.ToolCall{ID: "c1", Name: "tide", Arguments: `{"at":"Norvik"}`}
	callText = datasets.ToolCall{Name: "tide", Arguments: `"{\"at\": 1}"`}
)

func TestParse(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want datasets.Conversation
	}{
		"messages":           {`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`, datasets.Conversation{Messages: asked}},
		"messages as a text": {`{"messages":"[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]"}`, datasets.Conversation{Messages: asked}},
		"sharegpt":           {`{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}`, datasets.Conversation{Messages: asked}},
		"system beside": {`{"system":"s","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`,
			datasets.Conversation{Messages: said(datasets.Message{Role: "system", Content: "s"}, user("q"), assistant("a"))}},
		"weights": {`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0},{"role":"assistant","content":"b","train":true}]}`,
			datasets.Conversation{Messages: said(user("q"), datasets.Message{Role: "assistant", Content: "a", Train: yes(false)}, datasets.Message{Role: "assistant", Content: "b", Train: yes(true)})}},
		"parts": {`{"messages":[{"role":"user","content":[{"type":"text","text":"q"},"r"]},{"role":"assistant","content":"a","reasoning_content":"t"}]}`,
			datasets.Conversation{Messages: said(datasets.Message{Role: "user", Parts: []string{"q", "r"}}, datasets.Message{Role: "assistant", Content: "a", Reasoning: "t"})}},
		"calls": {`{"messages":[{"role":"user","content":"q"},
			{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"tide","arguments":{"at": "Norvik"}}}]},
			{"role":"tool","tool_call_id":"c1","name":"tide","content":"2"},{"role":"assistant","content":"a"}],
			"tools":[{"type": "function","function":{"name":"tide"}}], "parallel_tool_calls": false}`,
			datasets.Conversation{Tools: `[{"type":"function","function":{"name":"tide"}}]`, Messages: said(user("q"),
				datasets.Message{Role: "assistant", Null: true, ToolCalls: []datasets.ToolCall{call}},
				datasets.Message{Role: "tool", ToolCallID: "c1", Name: "tide", Content: "2"}, assistant("a"))}},
		"elder calls": {`{"messages":[{"role":"user","content":"q"},{"role":"assistant","function_call":{"name":"tide","arguments":"{\"at\": 1}"}},
			{"role":"function","name":"tide","content":"2"}],"functions":[{"name":"tide"}]}`,
			datasets.Conversation{Tools: `[{"type":"function","function":{"name":"tide"}}]`, Messages: said(user("q"),
				datasets.Message{Role: "assistant", Null: true, ToolCalls: []datasets.ToolCall{callText}},
				datasets.Message{Role: "tool", Name: "tide", Content: "2"})}},
		"sharegpt calls": {`{"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\"name\":\"tide\",\"arguments\":{\"at\":1}}"},
			{"from":"observation","value":"2"},{"from":"gpt","value":"a"}],"tools":"[{\"name\":\"tide\"}]"}`,
			datasets.Conversation{Tools: `[{"name":"tide"}]`, Messages: said(user("q"),
				datasets.Message{Role: "assistant", Null: true, ToolCalls: []datasets.ToolCall{{Name: "tide", Arguments: `{"at":1}`}}},
				datasets.Message{Role: "tool", Content: "2"}, assistant("a"))}},
		"alpaca":          {`{"instruction":"q","input":"","output":"a"}`, datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a"))}},
		"alpaca, history": {`{"instruction":"q","input":"i","output":"a","history":[["p","b"]],"system":""}`, datasets.Conversation{Messages: said(user("p"), assistant("b"), user("q\ni"), assistant("a"))}},
		"completion":      {`{"prompt":"q","completion":"a"}`, datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a"))}},
		"completion, messages": {`{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]}`,
			datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a"))}},
		"response": {`{"prompt":"q","response":"a"}`, datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a"))}},
		"question": {`{"question":"q","answer":"a"}`, datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a"))}},
		"pair":     {`{"prompt":"q","chosen":"a","rejected":"b"}`, datasets.Conversation{Messages: said(user("q")), Chosen: said(assistant("a")), Rejected: said(assistant("b"))}},
		"pair, mixed": {`{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":"b"}`,
			datasets.Conversation{Messages: said(user("q")), Chosen: said(assistant("a")), Rejected: said(assistant("b"))}},
		"pair, implicit prompt": {`{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}`,
			datasets.Conversation{Messages: said(user("q")), Chosen: said(assistant("a")), Rejected: said(assistant("b"))}},
		"pair, prompt said again": {`{"prompt":"q","prompt_id":"7","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}`,
			datasets.Conversation{Messages: said(user("q")), Chosen: said(assistant("a")), Rejected: said(assistant("b"))}},
		"pair, sharegpt": {`{"conversations":[{"from":"human","value":"q"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}`,
			datasets.Conversation{Messages: said(user("q")), Chosen: said(assistant("a")), Rejected: said(assistant("b"))}},
		"judged": {`{"prompt":"q","completion":"a","label":false}`, datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a")), Label: yes(false)}},
		"judged, messages": {`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"kto_tag":true}`,
			datasets.Conversation{Messages: said(user("q")), Completion: said(assistant("a")), Label: yes(true)}},
	} {
		e, err := Parse([]byte(tt.in), Options{})
		if err != nil || !reflect.DeepEqual(e.Conversation, tt.want) {
			t.Errorf("%s: got %+v, %v", name, e.Conversation, err)
			continue
		}
		again(t, e)
	}
}

// again holds Marshal to its promise.
func again(t *testing.T, e datasets.Example) {
	t.Helper()
	line, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(line, Options{})
	if err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%+v became %+v, %v, by %s", e, back, err, line)
	}
}

func TestParseText(t *testing.T) {
	e, err := Parse([]byte(`{"id":7,"text":"<x>","split":"test","url":"u","n":1.50,"messages":[],"start":3,"metadata":{"a":"b","c":[1, 2]}}`), Options{})
	want := datasets.Example{Text: "<x>", Split: datasets.Test, Start: 3, Metadata: map[string]string{"id": "7", "url": "u", "n": "1.50", "a": "b", "c": "[1,2]"}}
	if err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v, %v", e, err)
	}
	again(t, e)
}

func TestMapping(t *testing.T) {
	o := Options{Mapping: map[string]string{"prompt": "frage", "completion": "prompt"}, KeepUnknown: true}
	e, err := Parse([]byte(`{"frage":"q","prompt":"a","wieght":0}`), o)
	if err != nil || e.Messages[0].Content != "q" || e.Completion[0].Content != "a" || e.Metadata["wieght"] != "0" {
		t.Errorf("got %+v, %v", e, err)
	}
	for want, m := range map[string]map[string]string{
		`unknown field "promt", did you mean "prompt"?`: {"promt": "x"},
		"both stand for the key":                        {"prompt": "x", "completion": "x"},
	} {
		if _, err := Parse([]byte(`{}`), Options{Mapping: m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", m, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const q = `{"role":"user","content":"q"}`
	const a = `{"role":"assistant","content":"a"}`
	for in, want := range map[string]string{
		`{"text":"secret`:           "not JSON (at byte",
		"{\"text\":\"\xff\"}":       "not UTF-8",
		`{"text":"\ud800"}`:         "surrogate",
		`[1]`:                       "is a list, where a row is one JSON object",
		`{"text":5}`:                `"text" is a number, want a text`,
		`{"prompt":"x"}`:            "no answer to it",
		`{"body":"x","id":1}`:       `but "body"`,
		`{"mesages":[]}`:            `unknown key "mesages", did you mean "messages"?`,
		`{"text":"x","mesages":[]}`: `did you mean "messages"?`,
		`{"text":"x","wieght":0}`:   `did you mean "weight"?`,
		`{"text":"x","prompt":"y"}`: `"prompt" does not go with the other keys, which make a text`,
		`{"messages":[` + q + `,` + a + `],"wieght":0}`:                                              `unknown key "wieght", did you mean "weight"?`,
		`{"messages":[` + q + `,` + a + `],"weight":0}`:                                              "a key of a message",
		`{"messages":[` + q + `,` + a + `],"messages":[` + q + `]}`:                                  `duplicate key: "messages" stands twice`,
		`{"messages":[` + q + `,` + a + `],"tools":[{"a":1,"a":2}]}`:                                 `"a" stands twice`,
		`{"messages":[` + q + `,` + a + `],"images":["x"]}`:                                          `unknown key "images"`,
		`{"messages":[` + q + `]}`:                                                                   "no message of the assistant: there is no answer",
		`{"messages":[]}`:                                                                            `"messages" is empty`,
		`{"messages":{"role":"user"}}`:                                                               `"messages" is an object, want a list of messages`,
		`{"messages":["q"]}`:                                                                         `message 1 of "messages": is a text, want an object with "role"`,
		`{"messages":[{"content":"x"}]}`:                                                             `has no "role"`,
		`{"messages":[{"role":"asistant","content":"x"}]}`:                                           `unknown role, did you mean "assistant"?`,
		`{"messages":[` + q + `,{"role":"assistant","content":null}]}`:                               `has no "content"`,
		`{"messages":[` + q + `,{"role":"assistant","content":" "}]}`:                                "the content is empty",
		`{"messages":[{"role":"user"},` + a + `]}`:                                                   `message 1 of "messages": of the user has no "content"`,
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]},` + a + `]}`:   `has a part 1 that is of type "image_url": only text`,
		`{"messages":[` + q + `,{"role":"assistant","content":"a","weight":0.5}]}`:                   `"weight" is neither 0 nor 1`,
		`{"messages":[` + q + `,{"role":"assistant","content":"a","contnet":"b"}]}`:                  `unknown key "contnet", did you mean "content"?`,
		`{"messages":[` + q + `,{"role":"assistant","content":"a","thinking":"b","reasoning":"c"}]}`: "another reasoning",
		`{"messages":[` + q + `,{"role":"assistant","tool_calls":[{"function":{"nmae":"x"}}]}]}`:     `unknown key "nmae", did you mean "name"?`,
		`{"messages":[` + q + `,{"role":"assistant","tool_calls":[{"type":"code","name":"x"}]}]}`:    `only functions`,
		`{"messages":[{"role":"user","content":"q","tool_calls":[{"name":"x"}]},` + a + `]}`:         "only the assistant",
		`{"prompt":"q","chosen":"a"}`:                                                                "only one of",
		`{"prompt":"q","choosen":"a","rejected":"b"}`:                                                `unknown key "choosen", did you mean "chosen"?`,
		`{"prompt":"q","rejected":"b","better":"a"}`:                                                 `only one of "chosen" and "rejected", but "better"; a mapping`,
		`{"prompt":"q","completoin":"a"}`:                                                            `unknown key "completoin", did you mean "completion"?`,
		`{"prompt":"q","reply":"a"}`:                                                                 `no answer to it: no "completion", "response", "answer" or "output", but "reply"; a mapping`,
		`{"prompt":"q","completion":null}`:                                                           `but "completion", which is null`,
		`{"messages":null}`:                                                                          `but "messages", which is null`,
		`{"prompt":"q","chosen":"a","rejected":"a"}`:                                                 `"chosen" and "rejected" are the same answer`,
		`{"chosen":[` + q + `,` + a + `],"rejected":[` + q + `,` + a + `]}`:                          "are the same answer",
		`{"conversations":[{"from":"Human","value":"q"},{"from":"gpt","value":"a"}]}`:                `unknown role, did you mean "human"?`,
		`{"conversations":[{"from":"human","value":"q"},{"from":"GTP","value":"a"}]}`:                `unknown role, did you mean "gpt"?`,
		`{"messages":"[{\"role\":\"user\",\"role\":\"user\"}]"}`:                                     `"messages" in a text: duplicate key: "role"`,
		`{"messages":"secret"}`:                                                                      `"messages" in a text that holds no JSON`,
		called(`"{\"a\":1,\"a\":2}"`):                                                                `"arguments" in a text: duplicate key: "a"`,
		called(`"{\"b\":[{\"a\":1,\"\\u0061\":2}]}"`):                                                `"arguments" in a text: duplicate key: "a"`,
		called(`"secret"`):  `"arguments" in a text that holds no JSON`,
		called(`"{\"a\":"`): `"arguments" in a text that holds no JSON`,
		called(`"[1]"`):     `"arguments" in a text that holds a list, want an object`,
		called(`5`):         `"arguments" that are a number, want an object`,
		`{"messages":[` + q + `,{"role":"assistant","tool_calls":"[{\"name\":\"f\",\"name\":\"g\"}]"}]}`: `"tool_calls" in a text: duplicate key: "name"`,
		`{"chosen":"a","rejected":"b"}`:                                                            "no prompt",
		`{"prompt":"q","chosen":[],"rejected":"b"}`:                                                `"chosen" is empty`,
		`{"prompt":"q","chosen":"","rejected":"b"}`:                                                `"chosen": the content is empty`,
		`{"prompt":"q","chosen":"a","rejected":7}`:                                                 `"rejected" is a number`,
		`{"prompt":"q","label":true,"completion":[{"role":"assistant","content":"a","weight":0}]}`: `"completion" has a message with a weight of 0`,
		`{"label":true,"messages":[` + q + `,{"role":"assistant","content":"a","weight":0}]}`:      `ends with a message with a weight of 0`,
		`{"prompt":"q","chosen":[{"role":"assistant","content":"a","weight":0}],"rejected":"b"}`:   `"chosen" has a message with a weight of 0`,
		`{"messages":[{"role":"user","content":"q","reasoning_content":"r"},` + a + `]}`:           `has "reasoning_content", which only the assistant has`,
		`{"prompt":"q","chosen":"a","rejected":"b","chosen_rating":5}`:                             `unknown key "chosen_rating"`,
		`{"prompt":"q","completion":"a","label":"good"}`:                                           `"label" is neither true nor false`,
		`{"prompt":"q","completion":"a","text":"qa"}`:                                              `"text" does not go with`,
	} {
		if _, err := Parse([]byte(in), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", in, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// called is a row with a call of these arguments.
func called(arguments string) string {
	return `{"messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"name":"f","arguments":` + arguments + `}]}]}`
}

// Arguments are an object, a text that holds one, or nothing; what a model said is an answer.
func TestParseCalls(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1}`: `{"a":1}`, `"{\"a\": 1}"`: `"{\"a\": 1}"`, `null`: `{}`, `""`: `{}`, `" "`: `{}`,
	} {
		e, err := Parse([]byte(called(in)), Options{})
		if err != nil || e.Messages[1].ToolCalls[0].Arguments != want {
			t.Errorf("%s: got %+v, %v", in, e.Messages, err)
			continue
		}
		again(t, e)
	}
	e, err := Parse([]byte(`{"conversations":[{"from":"human","value":"q"},{"from":"model","value":"a"}]}`), Options{})
	if err != nil || e.Messages[1].Role != "assistant" {
		t.Errorf("got %+v, %v", e.Messages, err)
	}
}

func TestKnown(t *testing.T) {
	for keys, want := range map[string]bool{
		"messages": true, "conversations id": true, "prompt chosen rejected": true, "prompt completion": true, "instruction input output": true,
		"text": false, "title text": false, "question answer": false, "prompt": false,
	} {
		if got := Known(strings.Fields(keys), Options{}); got != want {
			t.Errorf("%s: %v", keys, got)
		}
	}
	if !Known([]string{"question", "answer"}, Options{Mapping: map[string]string{"prompt": "question", "completion": "answer"}}) {
		t.Error("a mapping does not count")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"text":"a","n":[1, {"b":null}]}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"text","text":"a"}],"weight":1}],"tools":"[{}]"}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}]}`))
	f.Add([]byte(`{"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\"name\":\"f\"}"}]}`))
	f.Add([]byte(`{"prompt":"q","chosen":[{"role":"assistant","content":"a"}],"rejected":"b","metadata":{"k":1}}`))
	f.Add([]byte(`{"instruction":"q","input":"i","output":"a","history":[["p","b"]],"kto_tag":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data, Options{KeepUnknown: len(data)%2 == 0})
		if err != nil {
			return
		}
		again(t, e)
	})
}

// A passage goes with an answer that is learned, and with nothing else.
func TestPrivilegedContext(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{`{"prompt":"p","completion":"c","privileged_context":"passage"}`, ""},
		{`{"messages":[{"role":"user","content":"p"},{"role":"assistant","content":"c"}],"privileged_context":"passage"}`, ""},
		{`{"prompt":"p","completion":"c","privileged_context":" "}`, "is empty"},
		{`{"prompt":"p","completion":"c","privileged_context":["passage"]}`, "want a text"},
		{`{"prompt":"p","chosen":"c","rejected":"d","privileged_context":"passage"}`, "does not go with"},
		{`{"prompt":"p","completion":"c","label":true,"privileged_context":"passage"}`, "does not go with"},
		{`{"text":"t","privileged_context":"passage"}`, "does not go with"},
		{`{"messages":[{"role":"assistant","content":"c"}],"privileged_context":"passage"}`, "there is none"},
		{`{"prompt":"p","completion":"c","priviledged_context":"passage"}`, `did you mean "privileged_context"`},
	} {
		e, err := Parse([]byte(c.row), Options{})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error is %v, want one with %q", c.row, err, c.want)
			}
			continue
		}
		if err != nil || e.Kind() != datasets.KindGrounded || e.PrivilegedContext != "passage" {
			t.Errorf("%s: %+v, %v", c.row, e, err)
			continue
		}
		again, err := Marshal(e)
		if err != nil || string(again) != c.row {
			t.Errorf("%s is written as %s, %v", c.row, again, err)
		}
	}
}
