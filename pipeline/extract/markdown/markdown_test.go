package markdown

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/pipeline/extract"
)

func read(t testing.TB, text string) extract.Document {
	t.Helper()
	docs, err := Format{}.Extract(context.Background(), extract.Input{Path: "d/the_file.md", MIME: extract.MIMEMarkdown, Raw: []byte(text)})
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v %v", docs, err)
	}
	return docs[0]
}

func TestFrontMatter(t *testing.T) {
	doc := read(t, "---\r\ntitle: 'A: b'\ntags:\n  - x\n  - y\ndraft: true\nn: 3\nowner: {team: ops}\n---\r\n\r\n# Head\n")
	if doc.Title != "A: b" || doc.Text != "# Head\n" || doc.Metadata["tags"] != "x, y" || doc.Metadata["draft"] != "true" ||
		doc.Metadata["n"] != "3" || doc.Metadata["owner.team"] != "ops" {
		t.Errorf("got %+v", doc)
	}
}

// What the author wrote is kept as it was written.
func TestFrontMatterKeepsWords(t *testing.T) {
	doc := read(t, "---\nversion: 1.10\nzip: 01234\nday: 2024-02-30\non: yes\nnone: null\nnote: |\n  two\n  lines\n---\ntext")
	want := map[string]string{"version": "1.10", "zip": "01234", "day": "2024-02-30", "on": "yes", "note": "two\nlines"}
	if !maps.Equal(doc.Metadata, want) {
		t.Errorf("got %v", doc.Metadata)
	}
}

func TestFrontMatterAlone(t *testing.T) {
	if doc := read(t, "---\ntitle: T\nsummary: All there is.\n---\n"); doc.Text != "All there is." {
		t.Errorf("got %q", doc.Text)
	}
}

func TestDeepFrontMatterIsText(t *testing.T) {
	for _, deep := range []string{strings.Repeat("[", 30000), strings.Repeat("[", 30000) + strings.Repeat("]", 30000), strings.Repeat("- ", 20000) + "x", strings.Repeat("{a: ", 10000)} {
		text := "---\ntags: " + deep + "\n---\ntext"
		if strings.HasPrefix(deep, "-") {
			text = "---\ntags:\n  " + deep + "\n---\ntext"
		}
		if doc := read(t, text); doc.Text != text {
			t.Errorf("%.40q gives %.40q", text, doc.Text)
		}
	}
}

// What is not plainly front matter is text, and stays.
func TestNotFrontMatter(t *testing.T) {
	for _, text := range []string{
		"---\njust a rule\n", "---\n- a\n- b\n---\ntext", "---\na: [b\n---\ntext", "text\n---\na: b\n---\n", "---\n\n---\n",
		"---\na: &x 1\nb: *x\n---\ntext", "----\na: b\n----\n", "---\n" + strings.Repeat("k: v\n", 20000) + "---\n",
	} {
		if doc := read(t, text); doc.Text != text {
			t.Errorf("%.40q gives %.40q", text, doc.Text)
		}
	}
}

func TestTitle(t *testing.T) {
	for text, want := range map[string]string{
		"## sub\n# Main #\n": "Main", "```\n# code\n```\n### deep": "deep", "#hashtag": "the file", "no heading": "the file", "---\ntitle: F\n---\n# H": "F",
	} {
		if doc := read(t, text); doc.Title != want {
			t.Errorf("%q: got %q", text, doc.Title)
		}
	}
}

func FuzzFrontMatter(f *testing.F) {
	f.Add("---\na: b\n---\nc")
	f.Add("---\na: !!binary x\nb: 2024-01-01\n? c\n: d\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := Format{}.Extract(context.Background(), extract.Input{MIME: extract.MIMEMarkdown, Raw: []byte(text)})
		if err == nil && !strings.HasSuffix(text, docs[0].Text) && docs[0].Metadata["charset"] == "" && !strings.HasPrefix(text, "\xef\xbb\xbf") {
			t.Fatalf("text %q is not the end of %q", docs[0].Text, text)
		}
	})
}
