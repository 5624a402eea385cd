package door

import (
	"bytes"
	"encoding/json"
	"strings"
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
	if n := (&App{Out: &bytes.Buffer{}}).Width(); n != 0 {
		t.Errorf("width %d without a terminal", n)
	}
	t.Setenv("COLUMNS", "0")
	if n := TerminalWidth(&bytes.Buffer{}); n != 80 {
		t.Errorf("width %d with COLUMNS=0 and no size", n)
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"as it was":                      "as it was",
		"one two three four":             "one two|three four",
		"sha256:0123456789abcdef is it":  "sha256:0123456789abcdef|is it",
		"  5  of a kind of thing":        "  5  of a|  kind of|  thing",
		"日本語 日本語":                        "日本語|日本語",
		"it takes 12 MB, and":            "it takes|12 MB, and",
		"50 files of 3 k":                "50 files of|3 k",
		"a word, andsomethingverylong/x": "a word,|andsomethingverylong/x",
	} {
		if got := strings.Join(wrap(text, 11), "|"); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if got := wrap(text, 0); len(got) != 1 || got[0] != text {
			t.Errorf("%q without a bound is %q", text, got)
		}
	}
}

func TestTableFits(t *testing.T) {
	columns := []Column{{Name: "SOURCE", Shrink: 's'}, {Name: "N", Right: true}, {Name: "MORE", Spare: 1}, {Name: "REST", Shrink: 'e', Spare: 2}}
	row := []string{"one/two/three/four.md", "12", "0123456789", "a sentence of some words"}
	for room, want := range map[int]string{
		80: "one/two/three/four.md  12  0123456789  a sentence of some words",
		52: "…wo/three/four.md  12  0123456789  a sentence of so…",
		40: "one/two/three/four.md  12  0123456789",
		30: "one/two/three/four.md  12",
		12: "…four.md  12",
	} {
		widths, show := []int{21, 2, 10, 24}, []bool{true, true, true, true}
		spare(columns, widths, show, room)
		fit(columns, widths, show, room)
		got := strings.TrimSpace(tableLine(columns, widths, show, row))
		if n := textWidth(got); n > room || got != want {
			t.Errorf("%d columns of %d: %s, want %s", n, room, got, want)
		}
	}
}

func TestReflow(t *testing.T) {
	const text = "A sentence that is long, of\nmany words.\n\nSTATES\n  done    ended well, as one may hope\n  failed  not"
	want := "A sentence that is\nlong, of many words.\n\nSTATES\n  done    ended well,\n          as one may\n          hope\n  failed  not"
	if got := strings.Join(reflow(text, 21), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(reflow(text, 0), "\n"); got != text {
		t.Errorf("got\n%s", got)
	}
	want = "  cultivar x \\\n      --prompt \"a b c d\" \\\n      y"
	if got := strings.Join(continued("  cultivar x --prompt \"a b c d\" y", 20), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = "  cultivar x \\\n      --base ./y \\\n      --out 'a b'"
	if got := strings.Join(continued("  cultivar x --base ./y --out 'a b'", 20), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
