package rows

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
)

func put(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(path string, o Options) (all []datasets.Example, err error) {
	for e, err := range Read(path, o) {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

const twoLines = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\r\n\r\n{\"text\":\"héllo\"}"

func gz(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func zst(s string) []byte {
	var b bytes.Buffer
	w, _ := zstd.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func wide(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// Every format holds the same two rows.
func TestReadFormats(t *testing.T) {
	array := "[" + strings.ReplaceAll(twoLines, "\r\n\r\n", ",") + "]\n"
	csv := "text,messages\n,\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"},{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"a\"\"}]\"\nhéllo,\n"
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"a.jsonl": []byte(twoLines), "mark.jsonl": []byte("\ufeff" + twoLines), "wide.jsonl": wide(twoLines), "a.ndjson": []byte(twoLines),
		"a.jsonl.gz": gz(twoLines), "a.JSONL.zst": zst(twoLines), "a.json": []byte(array), "lines.json": []byte(twoLines), "a.json.gz": gz("\ufeff" + array),
		"a.csv": []byte(csv), "semicolon.csv": []byte(strings.Replace(strings.ReplaceAll(strings.ReplaceAll(csv, "\n,", "\n;"), "o,", "o;"), "text,", "text;", 1)),
		"said.csv": []byte("sep=,\n" + csv),
	} {
		got, err := read(put(t, filepath.Join(dir, name), data), Options{})
		if err != nil || len(got) != 2 || got[0].Messages[1].Content != "a" || got[1].Text != "héllo" || got[1].End != 5 || got[1].Split != datasets.Train || got[1].ExampleID == "" {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for name, data := range map[string][]byte{"a.txt": []byte("héllo"), "wide.md": wide("héllo"), "b.txt.gz": gz("héllo")} {
		got, err := read(put(t, filepath.Join(dir, name), data), Options{})
		if err != nil || len(got) != 1 || got[0].Text != "héllo" || got[0].ExampleID != "row-1" {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestReadTSV(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "a.tsv"), []byte("\tfrage\tantwort\n0\twhich pipe, 3\"?\t5\"\n"))
	got, err := read(path, Options{Mapping: map[string]string{"prompt": "frage", "completion": "antwort"}})
	if err != nil || len(got) != 1 || got[0].Completion[0].Content != `5"` || got[0].Metadata["index"] != "0" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadOurs(t *testing.T) {
	dir := t.TempDir()
	w, err := table.Create[datasets.Example](dir, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(datasets.Example{ExampleID: "x", Split: datasets.Test, Text: "t"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := read(filepath.Join(dir, "examples-00000.parquet"), Options{})
	if err != nil || len(got) != 1 || got[0].ExampleID != "x" || got[0].Split != datasets.Test {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadDirectory(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "data", "train-00000-of-00002.jsonl"), []byte(`{"text":"a"}`))
	put(t, filepath.Join(dir, "data", "train-00001-of-00002.jsonl.gz"), gz(`{"text":"b"}`))
	put(t, filepath.Join(dir, "data", "test-00000-of-00001.jsonl"), []byte(`{"text":"c"}`))
	put(t, filepath.Join(dir, "README.md"), []byte("# A card"))
	put(t, filepath.Join(dir, ".cache", "x.jsonl"), []byte("{"))
	got, err := read(dir, Options{})
	if err != nil || len(got) != 3 || got[0].Split != datasets.Test || got[2].Text != "b" || got[2].ExampleID != "data/train-00001-of-00002.jsonl.gz:row-1" {
		t.Errorf("got %+v, %v", got, err)
	}
	put(t, filepath.Join(dir, "more.csv"), []byte("text\nd\n"))
	if _, err := read(dir, Options{}); err == nil || !strings.Contains(err.Error(), ".jsonl and .csv") {
		t.Errorf("two formats: %v", err)
	}
	if _, err := read(t.TempDir(), Options{}); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, in, want string }{
		{"a.jsonl", "{\"text\":\"secret\"}\n\n{\"text\":\"secret", `a.jsonl": line 3: not JSON`},
		{"b.jsonl", `[{"text":"secret"}]`, "line 1: is a list"},
		{"c.json", `[{"text":"a"},{"text":"secret`, `c.json": row 2: the file ends`},
		{"d.json", `[{"text":"a"}] {}`, "row 2: more after the end of the list"},
		{"e.json", `[{"text":"a"} "secret"]`, "row 2: not JSON"},
		{"f.csv", "text\n\"secret", "line 2: "},
		{"g.csv", "text,text\na,secret\n", `line 2: duplicate key: "text"`},
		{"h.csv", "", "has no header"},
		{"i.txt", "\xff\xfd", "not UTF-8"},
		{"j.txt", "s\x00e\x00", "UTF-16"},
		{"k.docx", "", "not a format for training rows"},
		{"l.jsonl.gz", "secret", "l.jsonl.gz: is not compressed by gzip"},
		{"l.jsonl.zst", "secret", "is not compressed by zstd"},
		{"l2.jsonl.gz", string(damaged(gz(`{"text":"secret"}`))), "is not compressed by gzip, as its name says, or damaged"},
		{"l3.csv", "text\ns\xe9cret\n", "line 2: not UTF-8"},
		{"l4.csv", "t\xe9xt\nsecret\n", "line 1: not UTF-8"},
		{"l5.csv", "text\rsecret\r", "carriage return"},
		{"l6.jsonl", "{\x00\"\x00t\x00", "UTF-16 without a byte order mark"},
		{"m.parquet", "secret", "too short"},
		{"n.parquet.gz", "secret", "not a format"},
	} {
		_, err := read(put(t, filepath.Join(dir, tt.name), []byte(tt.in)), Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error is %v, want %q", tt.name, err, tt.want)
		}
	}
}

// damaged has another checksum.
func damaged(gz []byte) []byte {
	gz[len(gz)-5] ^= 1
	return gz
}

func FuzzFrom(f *testing.F) {
	for _, name := range []string{"a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt"} {
		f.Add(name, []byte(twoLines))
	}
	f.Add("a.json", []byte(`[{"text":"a"}, {"text":"b"}]`))
	f.Add("a.csv", []byte("sep=;\ntext;n\n\"a\nb\";1\n"))
	f.Add("a.jsonl.gz", gz(twoLines))
	f.Add("a.jsonl.zst", zst(twoLines))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		for e, err := range From(name, bytes.NewReader(data), Options{KeepUnknown: true}) {
			if err == nil && (e.ExampleID == "" || e.Kind() != datasets.KindText && len(e.Messages) == 0) {
				t.Errorf("a row is %+v", e)
			}
		}
	})
}
