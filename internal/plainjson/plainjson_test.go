package plainjson

import (
	"math"
	"testing"
)

func TestMarshal(t *testing.T) {
	for _, tt := range []struct {
		v          any
		line, file string
	}{
		{"<s> & </s>\n", `"<s> & </s>\n"`, `"<s> & </s>\n"` + "\n"},
		{map[string]any{"b": []int{1}, "a": nil}, `{"a":null,"b":[1]}`, "{\n  \"a\": null,\n  \"b\": [\n    1\n  ]\n}\n"},
		{[]int{}, `[]`, "[]\n"},
	} {
		line, err := Marshal(tt.v)
		if err != nil || string(line) != tt.line {
			t.Errorf("%v: line %q, %v, want %q", tt.v, line, err, tt.line)
		}
		file, err := MarshalFile(tt.v)
		if err != nil || string(file) != tt.file {
			t.Errorf("%v: file %q, %v, want %q", tt.v, file, err, tt.file)
		}
	}
	if _, err := Marshal(math.NaN()); err == nil {
		t.Error("NaN was written as JSON")
	}
}
