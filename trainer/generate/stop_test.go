package generate

import (
	"strings"
	"testing"
)

func TestUntilStop(t *testing.T) {
	for _, tt := range []struct {
		pieces  string // divided by |
		stops   []string
		want    string
		stopped bool
	}{
		{"a|b|c", nil, "abc", false},
		{"one\n|two", []string{"\n"}, "one", true},
		{"a#|#b", []string{"##"}, "a", true},
		{"a#|b", []string{"##"}, "a#b", false},
		{"xEN|D!", []string{"END", "!"}, "x", true},
		{"half EN", []string{"END"}, "half EN", false},
		{"aab|c", []string{"abc"}, "a", true},
	} {
		var shown strings.Builder
		u := &UntilStop{Stops: tt.stops, Emit: func(s string) { shown.WriteString(s) }}
		for _, p := range strings.Split(tt.pieces, "|") {
			if u.Add(p) {
				break
			}
		}
		if !u.stopped {
			u.Flush()
		}
		if shown.String() != tt.want || u.whole.String() != tt.want || u.stopped != tt.stopped {
			t.Errorf("%q with %q: got %q, stopped %v", tt.pieces, tt.stops, shown.String(), u.stopped)
		}
	}
}
