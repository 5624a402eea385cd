package extract

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// format answers with a function.
type format func(context.Context) ([]Document, error)

func (format) Name() string          { return "fake" }
func (format) Accepts(m string) bool { return m == "x/y" }
func (f format) Extract(ctx context.Context, _ Input) ([]Document, error) {
	return f(ctx)
}

// collect extracts a file of the fake format.
func collect(ctx context.Context, r *Registry) (docs []Document, err error) {
	for d, err := range r.Extract(ctx, Input{MIME: "x/y"}) {
		if err != nil {
			return docs, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// rowFormat yields the documents a, b, and then what a function does.
type rowFormat func(context.Context) error

func (rowFormat) Name() string          { return "fake" }
func (rowFormat) Accepts(m string) bool { return m == "x/y" }
func (f rowFormat) Rows(ctx context.Context, _ Input) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if yield(Document{Text: "a"}, nil) && yield(Document{Text: "b"}, nil) {
			if err := f(ctx); err != nil {
				yield(Document{}, err)
			}
		}
	}
}

// What ends a file of rows does not cost the rows before it.
func TestContainmentOfRows(t *testing.T) {
	budget := Budget{Time: 50 * time.Millisecond, TextBytes: 10}
	for _, c := range []struct {
		name string
		do   rowFormat
		rule string
	}{
		{"panic", func(context.Context) error { panic("document text") }, "panic"},
		{"endless", func(context.Context) error { time.Sleep(500 * time.Millisecond); return nil }, "time_budget"},
		{"error", func(context.Context) error { return errors.New("document text") }, "malformed"},
		{"refusal", func(context.Context) error { return &Refusal{Rule: "own"} }, "own"},
		{"sound", func(context.Context) error { return nil }, ""},
	} {
		docs, err := collect(context.Background(), NewRegistry(budget, c.do))
		r := new(Refusal)
		if errors.As(err, &r); r.Rule != c.rule || len(docs) != 2 {
			t.Errorf("%s: %d documents, %v, want %s", c.name, len(docs), err, c.rule)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	wait := rowFormat(func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
	if _, err := collect(ctx, NewRegistry(Budget{Time: time.Hour}, wait)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A file that is opened when it is needed reads as one in memory.
func TestOpenLater(t *testing.T) {
	pack := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(text))
		if err = errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	var varied strings.Builder
	for i := range 3 << 16 { // over the sample's end
		fmt.Fprintf(&varied, "gr\u00fcn %d ", i)
	}
	long := varied.String()
	for name, raw := range map[string]string{
		"a.jsonl": "{\"text\": \"gr\u00fcn\"}", "mark.jsonl": "\xef\xbb\xbfgr\u00fcn", "latin.csv": "gr\xfcn;caf\xe9", "utf16.csv": "\xff\xfeg\x00\xfc\x00",
		"long.jsonl": long, "cut.jsonl": long + "\xc3", "empty.jsonl": "", "binary.jsonl": "a\x01\x02\x03\x04",
	} {
		want, charset, wantErr := Decode(Input{Raw: []byte(raw)})
		for _, packed := range []bool{false, true} {
			file := raw
			if packed {
				name, file = name+".gz", pack(raw)
			}
			in, err := OpenLater(name, MIMEJSONL, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(file)), nil })
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if in.Digest() != (Input{Raw: []byte(file)}).Digest() || in.Size() != int64(len(file)) {
				t.Errorf("%s: digest or size", name)
			}
			text, got, err := in.Text()
			if wantErr != nil {
				if err == nil || err.Error() != wantErr.Error() {
					t.Errorf("%s: %v, want %v", name, err, wantErr)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all, err := io.ReadAll(text)
			if err = errors.Join(err, text.Close()); err != nil || string(all) != want || got != charset {
				t.Errorf("%s: %.40q in %s, %v", name, all, got, err)
			}
		}
	}
}

func TestOpenLaterRefuses(t *testing.T) {
	bomb := new(bytes.Buffer)
	z := gzip.NewWriter(bomb)
	if _, err := io.CopyN(z, endlessZeros{}, 64<<20); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ raw, rule string }{
		"bomb.jsonl.gz": {bomb.String(), "packing_ratio"}, "no.jsonl.gz": {"no gzip", "malformed"},
		"cut.jsonl.gz": {bomb.String()[:200], "malformed"}, "no.jsonl.zst": {"(\xb5/\xfdxxxxxxxx", "malformed"},
	} {
		_, err := OpenLater(name, MIMEJSONL, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.raw)), nil })
		if r := new(Refusal); !errors.As(err, &r) || r.Rule != c.rule {
			t.Errorf("%s: %v, want %s", name, err, c.rule)
		}
	}
	turn := "first"
	in, err := OpenLater("a.jsonl", MIMEJSONL, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(turn)), nil })
	if err != nil {
		t.Fatal(err)
	}
	turn = "later"
	text, _, err := in.Text()
	if err == nil {
		_, err = io.ReadAll(text)
	}
	if !errors.Is(err, errChanged) {
		t.Errorf("changed: %v", err)
	}
}

type endlessZeros struct{}

func (endlessZeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestContainment(t *testing.T) {
	budget := Budget{Time: 50 * time.Millisecond, TextBytes: 10}
	for _, c := range []struct {
		name string
		do   format
		rule string
	}{
		{"panic", func(context.Context) ([]Document, error) { panic("document text") }, "panic"},
		{"endless", func(context.Context) ([]Document, error) { time.Sleep(500 * time.Millisecond); return nil, nil }, "time_budget"},
		{"obeys", func(ctx context.Context) ([]Document, error) { <-ctx.Done(); return nil, ctx.Err() }, "time_budget"},
		{"empty", func(context.Context) ([]Document, error) { return nil, nil }, "empty"},
		{"error", func(context.Context) ([]Document, error) { return nil, errors.New("document text") }, "malformed"},
		{"refusal", func(context.Context) ([]Document, error) { return nil, &Refusal{Rule: "own"} }, "own"},
	} {
		_, err := collect(context.Background(), NewRegistry(budget, c.do))
		var r *Refusal
		if !errors.As(err, &r) || r.Rule != c.rule || strings.Contains(err.Error(), "document text") {
			t.Errorf("%s: got %v, want %s", c.name, err, c.rule)
		}
	}
	_, err := collect(context.Background(), NewRegistry(budget))
	if r := new(Refusal); !errors.As(err, &r) || r.Rule != "unsupported" {
		t.Errorf("no format: %v", err)
	}
	large := format(func(context.Context) ([]Document, error) {
		return []Document{{Text: "short"}, {Text: "longer than ten"}}, nil
	})
	docs, err := collect(context.Background(), NewRegistry(budget, large))
	if err != nil || docs[0].Refused != nil || docs[1].Refused == nil || docs[1].Text != "" || docs[1].Refused.Value != 15 {
		t.Errorf("text budget: %+v %v", docs, err)
	}
}

func TestCancelIsNotARefusal(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wait := format(func(ctx context.Context) ([]Document, error) { <-ctx.Done(); return nil, ctx.Err() })
	if _, err := collect(ctx, NewRegistry(Budget{Time: time.Hour}, wait)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSniff(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"a.md", "# x", MIMEMarkdown}, {"A.MD", "x", MIMEMarkdown}, {"a.txt", "a,b\nc,d\n", MIMEText},
		{"a.csv", "a,b\n", MIMECSV}, {"a.tsv", "a\tb\n", MIMETSV}, {"a.jsonl", "{}\n", MIMEJSONL}, {"a.json", "[]", MIMEJSON},
		{"page", "<!DOCTYPE html><html><body>x", MIMEHTML}, {"a.htm", "x", MIMEHTML}, {"main.go", "package x", MIMEText},
		{"a.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"}, {"empty.txt", "", MIMEText},
		{"a.txt", "%PDF-1.4\n", "application/pdf"}, {"a.md", "PK\x03\x04\x14\x00", "application/zip"},
		{"a.txt", "\xff\xfea\x00b\x00", MIMEText}, {"a.txt", "a\x00b\x00c\x00d\x00", MIMEText}, {"caf\xe9.txt", "caf\xe9", MIMEText},
	} {
		if got := Sniff(c.name, []byte(c.raw)); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.name, c.raw, got, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, mime, raw, text, charset string }{
		{"ascii", MIMEText, "abc", "abc", "utf-8"},
		{"utf-8", MIMEText, "grün", "grün", "utf-8"},
		{"utf-8 mark", MIMEText, "\xef\xbb\xbfgrün", "grün", "utf-8"},
		{"utf-8 mark, broken", MIMEText, "\xef\xbb\xbfa\xff", "a\ufffd", "utf-8"},
		{"utf-16 marks", MIMEText, "\xff\xfeg\x00\xfc\x00", "gü", "utf-16le"},
		{"utf-16be mark", MIMEText, "\xfe\xff\x00g\x00\xfc", "gü", "utf-16be"},
		{"utf-16le bare", MIMEText, "h\x00e\x00l\x00l\x00o\x00", "hello", "utf-16le"},
		{"utf-16be bare", MIMEText, "\x00h\x00e\x00l\x00l\x00o", "hello", "utf-16be"},
		{"windows-1252", MIMEText, "\x93caf\xe9\x94 \x80", "“café” €", "windows-1252"},
		{"declared", MIMEHTML, "<meta charset=koi8-r>\xf0\xd2", "<meta charset=koi8-r>Пр", "koi8-r"},
		{"declared wrongly", MIMEHTML, "<meta charset=utf-8>caf\xe9", "<meta charset=utf-8>café", "windows-1252"},
		{"declared, yet utf-8", MIMEHTML, "<meta charset=koi8-r>é", "<meta charset=koi8-r>é", "utf-8"},
		{"iso-2022-jp", MIMEHTML, "<meta charset=iso-2022-jp>\x1b$B$\"\x1b(B", "<meta charset=iso-2022-jp>あ", "iso-2022-jp"},
	} {
		text, charset, err := Decode(Input{MIME: c.mime, Raw: []byte(c.raw)})
		if err != nil || text != c.text || charset != c.charset {
			t.Errorf("%s: got %q in %s, %v", c.name, text, charset, err)
		}
	}
	var r *Refusal
	if _, _, err := Decode(Input{Raw: []byte("MZ\x90\x00\x03\x00\x00\x00\x04\x00\x01\x02\x03")}); !errors.As(err, &r) || r.Rule != "binary" {
		t.Errorf("binary: %v", err)
	}
}

func TestSet(t *testing.T) {
	var d Document
	d.SetFields(map[string]any{
		"title": "T", "Title": "other", "lang": "en_GB", "date": "2024-05-06 07:08", "updated": "some day",
		"acl":   []any{"hr", "legal", "hr"},
		"owner": map[string]any{"name": "Ann", "team": map[string]any{"id": 7}},
		"mixed": []any{"a", map[string]any{}}, "none": nil, "retention": "7y",
	})
	if d.Title != "T" || d.Lang != "en" || d.CreatedAt.Hour() != 7 || !d.ModifiedAt.IsZero() || d.RetentionClass != "7y" || !slices.Equal(d.ACL, []string{"hr", "legal"}) {
		t.Errorf("got %+v", d)
	}
	want := map[string]string{"Title": "other", "updated": "some day", "owner.name": "Ann", "owner.team.id": "7"}
	for k, v := range want {
		if d.Metadata[k] != v {
			t.Errorf("%s: %q, want %q", k, d.Metadata[k], v)
		}
	}
	if len(d.Metadata) != len(want) {
		t.Errorf("got %v", d.Metadata)
	}
}

// Of several dates the same one counts, on every run.
func TestSeveralDates(t *testing.T) {
	for range 20 {
		var d Document
		d.SetFields(map[string]any{"published": "2021-01-01", "date": "2022-01-01", "created": "2023-01-01", "lastmod": "2024-01-01", "modified": "2025-01-01"})
		if d.CreatedAt.Year() != 2023 || d.ModifiedAt.Year() != 2025 || d.Metadata["date"] != "2022-01-01" || len(d.Metadata) != 3 {
			t.Fatalf("created %v, modified %v, %v", d.CreatedAt, d.ModifiedAt, d.Metadata)
		}
	}
}

func TestTitleFromPath(t *testing.T) {
	for path, want := range map[string]string{"a/b/release-notes_2.md": "release notes 2", ".env": ".env", "x": "x"} {
		if got := TitleFromPath(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"), true)
	f.Add([]byte("<meta charset=gbk>\x81\x30"), true)
	f.Fuzz(func(t *testing.T, raw []byte, page bool) {
		in := Input{Path: "x", MIME: MIMEText, Raw: raw}
		if page {
			in.MIME = MIMEHTML
		}
		text, name, err := Decode(in)
		if err == nil && (name == "" || !utf8.ValidString(text)) {
			t.Fatalf("%q in %q", text, name)
		}
		Sniff("x", raw)
	})
}
