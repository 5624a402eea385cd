package examples

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseJSONL(t *testing.T) {
	rows, err := ParseJSONL(strings.NewReader("\ufeff{\"text\":\"a\"}\n\n{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"extra\":1}\r\n{\"text\":\"\"}"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[0].Text != "a" || rows[0].End != 1 || rows[1].Messages[0].Content != "q" || rows[2].ExampleID != "row-4" {
		t.Errorf("got %+v", rows)
	}
}

func TestParseJSONLRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"{\"text\":\"a\"}\n{", "line 2: not JSON"},
		{`{"text":5}`, `line 1: "text" is a JSON number`},
		{`{"prompt":"x"}`, `neither "text" nor "messages"`},
		{`{"messages":[{"content":"x"}]}`, "message 1 has no role"},
		{`[1]`, "line 1"},
	} {
		_, err := ParseJSONL(strings.NewReader(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestErrorsDoNotQuoteContent(t *testing.T) {
	_, err := ParseJSONL(strings.NewReader(`{"text": "top secret`))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error is %v", err)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rows, err := ReadFile(put("a.txt", "héllo"))
	if err != nil || len(rows) != 1 || rows[0].End != 5 {
		t.Errorf("txt: %+v, %v", rows, err)
	}
	if _, err := ReadFile(put("b.txt", "\xff\xfe")); err == nil {
		t.Error("a file that is not UTF-8 is read")
	}
	if _, err := ReadFile(put("c.docx", "")); !errors.Is(err, ErrFormat) {
		t.Errorf("docx: %v", err)
	}
}

func FuzzParseJSONL(f *testing.F) {
	f.Add([]byte(`{"text":"a"}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":"q"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := ParseJSONL(strings.NewReader(string(data)))
		if err == nil {
			for _, r := range rows {
				if r.ExampleID == "" {
					t.Error("a row has no id")
				}
			}
		}
	})
}
