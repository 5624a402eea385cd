package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}`: "",
		`{"a":"a","b":["a","a"]}`:                   "",
		`[ ]`:                                       "",
		`"a"`:                                       "",
		`{"a":1,"a":2}`:                             `duplicate key: "a" stands twice in one object`,
		`{"a":1,"\u0061":2}`:                        `duplicate key: "a"`,
		`{"a":1,"b":{},"a":2}`:                      `duplicate key: "a"`,
		`[1,{"b":[{"c":{"a":[],"a":[]}}]}]`:         `duplicate key: "a"`,
		`{"\"":1,"\"":2}`:                           `duplicate key: "\""`,
		`{"a":1`:                                    "not JSON (at byte 6)",
		``:                                          "not JSON",
		"\"\xff\"":                                  "not UTF-8",
	} {
		switch err := Check([]byte(in)); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error is %v, want %q", in, err, want)
		}
	}
}

// A walk that began anew at every level would take minutes.
func TestCheckDepth(t *testing.T) {
	const deep = 4000
	text := strings.Repeat(`{"a":[`, deep) + `"` + strings.Repeat("x", 4<<20) + `"` + strings.Repeat(`]}`, deep)
	began := time.Now()
	if err := Check([]byte(text)); err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// FuzzCheck holds what Check passes to be what encoding/json passes, and to be taken apart whole.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}],"c":"\u0061\\\""}`, `{"a":1,"a":2}`, ` [true , -1.5e3 ] `, `"x"`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data)
		if json.Valid(data) == (err != nil) && !errors.As(err, new(Twice)) && (err == nil || err.Error() != "not UTF-8") {
			t.Fatalf("%q: %v", data, err)
		}
		if err != nil {
			return
		}
		list, _ := Members(data) // of what is no object there are none
		for _, m := range list {
			_ = Check(m.Value)
			if !json.Valid(m.Value) {
				t.Errorf("%q holds %q", data, m.Value)
			}
		}
		for _, v := range Values(data) {
			if !json.Valid(v) {
				t.Errorf("%q holds %q", data, v)
			}
		}
	})
}
