package csv

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/pipeline/extract"
)

func load(t *testing.T, mime, text string) []extract.Document {
	t.Helper()
	docs, err := collect(extract.Input{Path: "t/price_list.csv", MIME: mime, Raw: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func collect(in extract.Input) (docs []extract.Document, err error) {
	format := Format{extract.RowReader{Fields: extract.DefaultConfig().Fields}}
	for d, err := range format.Rows(context.Background(), in) {
		if err != nil {
			return docs, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

func TestTrainingRows(t *testing.T) {
	docs := load(t, extract.MIMECSV, "prompt,chosen,rejected,id\nWhat?,This,That,9\nWhat?,This,,10\n")
	if len(docs) != 2 || docs[0].Row != "9" || docs[0].Conversation.Chosen[0].Content != "This" || docs[1].Refused == nil {
		t.Errorf("got %+v", docs)
	}
}

// Programs that separate by tabs seldom quote: there, a mark inside of a cell makes all of them
// characters.
func TestInchMarks(t *testing.T) {
	docs := load(t, extract.MIMETSV, "a\tb\n5\" steel\tfit\n\"3 inch\tbad\n4\"\tfit\n")
	if want := "| a | b |\n| - | - |\n| 5\" steel | fit |\n| \"3 inch | bad |\n| 4\" | fit |\n"; docs[0].Text != want {
		t.Errorf("got %s", docs[0].Text)
	}
}

// One wide row costs its own cells only.
func TestWideRow(t *testing.T) {
	docs := load(t, extract.MIMECSV, "a,b\n"+strings.Repeat(",", 3000)+"\n"+strings.Repeat("x\n", 3000))
	if n := len(docs[0].Text); n > 100_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestColumnsOfOneName(t *testing.T) {
	docs := load(t, extract.MIMECSV, "text,note,note\nx,first,second\n")
	if m := docs[0].Metadata; m["note"] != "first" || m["note 2"] != "second" {
		t.Errorf("got %v", m)
	}
}

func TestRows(t *testing.T) {
	docs := load(t, extract.MIMECSV, "ID;Subject; Body ;owner;created\n7;Hello;\"two\nlines; one text\";Ann;2024-05-06\n;;x;;\n9;short\n8;a;b;c;d;extra\n")
	if len(docs) != 4 {
		t.Fatalf("%d documents", len(docs))
	}
	d := docs[0]
	if d.Row != "7" || d.Title != "Hello" || d.Text != "two\nlines; one text" || d.Metadata["owner"] != "Ann" || d.CreatedAt.Year() != 2024 || len(d.Metadata) != 1 {
		t.Errorf("got %+v", d)
	}
	if docs[1].Row != "row-2" || docs[1].Text != "x" || docs[2].Text != "" || docs[3].Metadata["column 6"] != "extra" {
		t.Errorf("got %+v", docs[1:])
	}
}

func TestTable(t *testing.T) {
	docs := load(t, extract.MIMETSV, "a\tb|c\n1\t\"x\ny\"\n2\n")
	want := "| a | b\\|c |\n| - | - |\n| 1 | x y |\n| 2 |  |\n"
	if len(docs) != 1 || docs[0].Text != want || docs[0].Title != "price list" {
		t.Errorf("got %+v", docs)
	}
	if docs := load(t, extract.MIMECSV, ""); len(docs) != 0 {
		t.Errorf("empty: %+v", docs)
	}
}

func TestSeparator(t *testing.T) {
	for text, want := range map[string]rune{"a,b;c,d\n;;;;": ',', "a;b,c;d": ';', "a\tb": '\t', "a|b|c,d": '|', "\"a;b;c\",d": ',', "one": ',', "sep=;\na,b": ';', "sep=\na,b": ','} {
		if got, _ := separator(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Docling's own Markdown of its sample tables. It writes a bar in a cell as an HTML entity.
func TestDoclingTables(t *testing.T) {
	root := testkit.Shared(t, "real", "documents", "csv")
	sources, err := filepath.Glob(filepath.Join(root, "sources", "*.csv"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sample tables in %s: %v", root, err)
	}
	for _, source := range sources {
		name := filepath.Base(source)
		raw, want := testkit.Read(t, source), testkit.Read(t, filepath.Join(root, "groundtruth", name+".md"))
		if got := load(t, extract.MIMECSV, string(raw))[0].Text; strings.TrimSpace(got) != strings.TrimSpace(strings.ReplaceAll(string(want), "&#124;", `\|`)) {
			t.Errorf("%s: got\n%.300s\nwant\n%.300s", name, got, want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("text,id\n\"a\"\"b\",1\n\"c")
	f.Add("a|b\r\n\"x\ny\"|z")
	f.Fuzz(func(t *testing.T, text string) {
		docs, _ := collect(extract.Input{MIME: extract.MIMECSV, Raw: []byte(text)})
		for _, d := range docs {
			if d.Refused != nil && d.Text != "" {
				t.Fatalf("%+v", d)
			}
		}
	})
}
