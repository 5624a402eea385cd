package plainjson

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"
)

func TestWords(t *testing.T) {
	var v struct {
		R     int                `json:"r"`
		Alpha map[string]float64 `json:"alpha_pattern"`
		On    *bool              `json:"on"`
		Names []string           `json:"names"`
	}
	for _, tt := range []struct{ in, want string }{
		{`{"r":"8"}`, `a.json: "r" is a text, want a whole number in range`},
		{`{"r":8.5}`, `a.json: "r" is a number 8.5, want a whole number in range`},
		{`{"on":[1]}`, `a.json: "on" is a list, want true or false`},
		{`{"alpha_pattern":{"q":true}}`, `a.json: "alpha_pattern" is true or false, want a number`},
		{`{"names":{}}`, `a.json: "names" is an object, want a list`},
		{`[]`, `a.json: is a list, want an object`},
		{`{"r":`, `a.json: not JSON (at byte 5)`},
		{`x`, `a.json: not JSON (at byte 1)`},
	} {
		err := fmt.Errorf("a.json: %w", json.Unmarshal([]byte(tt.in), &v))
		if got := Words(err.Error(), err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF} {
		err := fmt.Errorf("a.json: %w", end)
		if got := Words(err.Error(), err); got == err.Error() {
			t.Errorf("%s", got)
		}
	}
}
