package door

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestScreen(t *testing.T) {
	const in, want = "a\x1b[31m\u202e é\t✓\r\n\u0085\xff🦊", "a?[31m? é\t✓?\n??🦊"
	for cut := range in { // as it may be written in two
		var out bytes.Buffer
		s := &Screen{W: &out}
		for _, part := range []string{in[:cut], in[cut:]} {
			if n, err := s.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if out.String() != want {
			t.Errorf("cut at %d: %q, want %q", cut, out.String(), want)
		}
	}
}

func TestEscaped(t *testing.T) {
	const text = "a\u202e\u007f\u0085 é 🦊 \U000e0001"
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	plain := escaped(data)
	if bytes.ContainsAny(plain, "\u202e\u007f\u0085\U000e0001") {
		t.Errorf("%s", plain)
	}
	var got string
	if err := json.Unmarshal(plain, &got); err != nil || got != text {
		t.Errorf("%q is read as %q (%v)", plain, got, err)
	}
}

func TestColumns(t *testing.T) {
	t.Setenv("COLUMNS", "33")
	if n := TerminalWidth(&bytes.Buffer{}); n != 33 {
		t.Errorf("width %d with COLUMNS=33", n)
	}
	t.Setenv("COLUMNS", "0")
	if n := TerminalWidth(&bytes.Buffer{}); n != 80 {
		t.Errorf("width %d with COLUMNS=0 and no terminal", n)
	}
}
