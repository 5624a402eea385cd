package html

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/pipeline/extract"
)

func read(t testing.TB, page string) extract.Document {
	t.Helper()
	docs, err := Format{MainContent: true}.Extract(context.Background(), extract.Input{Path: "a/some-page.html", MIME: extract.MIMEHTML, Raw: []byte(page)})
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs[0]
}

func TestMarkdown(t *testing.T) {
	for _, c := range []struct{ name, page, want string }{
		{"structure", "<h1>A</h1><p>b <b>c</b> <a href='x'>d</a><ol><li>e<ul><li>f</ul></ol><pre><code class=language-go>x &lt; y\n  z</code></pre>",
			"# A\n\nb **c** d\n\n1. e\n   \n   - f\n\n```go\nx < y\n  z\n```"},
		{"no escapes", "<p>snake_case * 2 &lt;tag&gt; [x] &amp;amp; 1. a", "snake_case * 2 <tag> [x] &amp; 1. a"},
		{"table", "<table><tr><th>k<th>v<tr><td>a|b<td><p>one</p><p>two</p></table>", "| k    | v       |\n|------|---------|\n| a\\|b | one two |"},
		{"table without header", "<table><tr><td>a<td>b<tr><td>c<td>d</table>", "| a | b |\n|---|---|\n| c | d |"},
		{"layout table", "<table><tr><td>left<td><h2>Head</h2><p>text</table>", "left\n\n## Head\n\ntext"},
		{"nested table", "<table><tr><td>out<td><table><tr><td>1<td>2<tr><td>3<td>4</table></table>", "out\n\n| 1 | 2 |\n|---|---|\n| 3 | 4 |"},
		{"unseen", "<p>a<script>x</script><style>y</style><!-- z --><span hidden>h</span><span style='display: none'>n</span><button>b</button><p>c", "a\n\nc"},
		{"picture", "<p>see <img alt='the main valve' src=x><img alt=logo src=y> here", "see the main valve here"},
		{"definition list", "<dl><dt>term<dd>meaning</dl>", "term\n\nmeaning"},
		{"bare text", "just text &amp; more", "just text & more"},
	} {
		got := strings.Join(strings.Fields(read(t, c.page).Text), " ")
		want := strings.Join(strings.Fields(c.want), " ")
		squeeze := strings.NewReplacer("-", "", " ", "") // widths of table columns are the converter's taste
		if strings.Contains(c.want, "|--") {
			got, want = squeeze.Replace(got), squeeze.Replace(want)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", c.name, got, want)
		}
	}
}

const sentence = "This is a sentence of the article that is long enough to count as running text and not as a label. "

// A wiki page keeps its lists, tables, headings, comments and asides in the text; the frame goes.
func TestPrivatePageKeepsItsContent(t *testing.T) {
	page := `<html lang="de"><head><title>Runbook - Wiki</title></head><body>
<header><a href=/>Home</a><a href=/a>Spaces</a></header><nav><ul><li><a href=/b>NAVIGATION</a></ul></nav>
<div class="breadcrumbs"><a href=/>BREADCRUMB</a></div>
<div id="main-content"><h1>Runbook</h1><p>` + sentence + `</p>
<ul><li>step one<li>step two <a href=x>details</a></ul>
<table><tr><th>host<th>role<tr><td>db1<td>primary</table>
<h2>Links</h2><ul><li><a href=1>first</a><li>and second</ul>
<pre>systemctl restart</pre><div class="info-macro">Mind the valve.</div></div>
<div class="comments"><h3>2 comments</h3><p>COMMENT one is worth keeping.</p></div>
<footer>FOOTER powered by wiki</footer></body></html>`
	doc := read(t, page)
	for _, keep := range []string{"# Runbook", "step one", "details", "| db1", "first", "and second", "systemctl restart", "Mind the valve.", "COMMENT one"} {
		if !strings.Contains(doc.Text, keep) {
			t.Errorf("%q is lost", keep)
		}
	}
	for _, drop := range []string{"NAVIGATION", "BREADCRUMB", "FOOTER", "Spaces"} {
		if strings.Contains(doc.Text, drop) {
			t.Errorf("%q is left", drop)
		}
	}
	if doc.Title != "Runbook" || doc.Lang != "de" {
		t.Errorf("title %q, lang %q", doc.Title, doc.Lang)
	}
}

func TestPublishedArticle(t *testing.T) {
	page := `<head><meta property="og:type" content="article"><meta property="og:title" content="The News">
<meta property="article:published_time" content="2024-05-06T07:08:09Z"><meta name=author content="Ann"></head><body>
<article><p>` + sentence + sentence + `</p><p>` + sentence + `</p><div class="comments"><p>COMMENT ` + sentence + `</p></div></article>
<section><div><h3><a href=1>TEASER one</a></h3></div><div><h3><a href=2>TEASER two</a></h3></div><div><h3><a href=3>TEASER three</a></h3></div></section>`
	doc := read(t, page)
	if strings.Count(doc.Text, "This is a sentence") != 3 || strings.Contains(doc.Text, "COMMENT") || strings.Contains(doc.Text, "TEASER") {
		t.Errorf("got %q", doc.Text)
	}
	if doc.Title != "The News" || doc.Metadata["author"] != "Ann" || !doc.CreatedAt.Equal(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)) {
		t.Errorf("got %+v", doc)
	}
}

// A page that is nothing but links, or nothing but what elsewhere is boilerplate, keeps it.
func TestNothingElseStays(t *testing.T) {
	for _, page := range []string{
		"<div class=sidebar><p>" + sentence + "</p></div>",
		"<main>tiny</main><p>" + sentence + sentence + "</p>",
		"<form action=/><p>" + sentence + "</p><p>" + sentence + "</p></form>",
	} {
		if doc := read(t, page); !strings.Contains(doc.Text, "This is a sentence") {
			t.Errorf("%q gives %q", page, doc.Text)
		}
	}
}

func TestHeadingsEndInPounds(t *testing.T) {
	for page, want := range map[string]string{
		"<h2>Working in C#</h2><p>x":         "## Working in C#\n\nx",
		"<h1>#</h1><p>x":                     "# #\n\nx",
		"<h3><b>F<i>#</i></b></h3><p>x":      "### **F*#***\n\nx",
		"<h2>Issue #<code>7#</code></h2><p>": "## Issue #`7#`",
	} {
		if doc := read(t, page); strings.TrimSpace(doc.Text) != want {
			t.Errorf("%s gives %q, want %q", page, doc.Text, want)
		}
	}
}

func TestWholeBodyOnRequest(t *testing.T) {
	docs, err := Format{}.Extract(context.Background(), extract.Input{MIME: extract.MIMEHTML, Raw: []byte("<nav>menu</nav><p>text")})
	if err != nil || !strings.Contains(docs[0].Text, "menu") {
		t.Errorf("%+v %v", docs, err)
	}
}

func TestHostilePages(t *testing.T) {
	deep := strings.Repeat("<div>", 5000) + "<script>no</script>deep words" + strings.Repeat("</div>", 5000)
	if doc := read(t, deep); strings.TrimSpace(doc.Text) != "deep words" {
		t.Errorf("deep nesting: %q", doc.Text)
	}
	wide := "<table>" + strings.Repeat("<tr><td colspan=9999999 rowspan=9999999>x<td colspan=1000 rowspan=1000>y", 200) + "</table>"
	if doc := read(t, wide); len(doc.Text) > 4<<20 {
		t.Errorf("spans: %d bytes of text", len(doc.Text))
	}
}

// TestBounds: a small page that stands for a large one takes no more than what Extract promises.
func TestBounds(t *testing.T) {
	var fonts strings.Builder
	for i := range 400 {
		fmt.Fprintf(&fonts, "<font id=%d>", i)
	}
	items := strings.Repeat("<li>x", 5000)
	for name, page := range map[string]string{
		"ragged table":      "<table><tr><td>a<td>b</tr><tr>" + strings.Repeat("<td>x", 25000) + "</tr>" + strings.Repeat("<tr><td>y</tr>", 5000) + "</table>",
		"wide and long":     "<table><tr>" + strings.Repeat("<th>", 3000) + strings.Repeat("<tr><td>", 3000) + "</table>",
		"spans":             "<table>" + strings.Repeat("<tr><td colspan=9999999 rowspan=9999999>x<td colspan=1000 rowspan=1000>y", 200) + "</table>",
		"spans of texts":    strings.Repeat("<table><tr><td colspan=900>"+strings.Repeat("x", 1900)+"<td>y</table>", 50),
		"rows that are not": strings.Repeat("<table><tr><td rowspan=1000>x<td>y</table>", 500),
		"open fonts":        "<p>" + fonts.String() + strings.Repeat("<p>x", 5000),
		"fonts in cells":    "<table>" + strings.Repeat("<td><font id=1></td><b>", 5000) + "</table>" + strings.Repeat("<p>x", 5000),
		"sealed fonts":      fonts.String() + "<table><td>" + strings.Repeat("</font>", 400) + "</table>" + strings.Repeat("<p>x", 5000),
		"ends in no order":  strings.Repeat("<b><i><p>", 150) + strings.Repeat("</b>x", 5000),
		"quotes":            strings.Repeat("<blockquote>", 400) + strings.Repeat("x<br>", 5000),
		"lists":             strings.Repeat("<ul><li>", 200) + items,
		"both":              strings.Repeat("<ul><li><blockquote>", 150) + items,
		"deep":              strings.Repeat("<div>", 200_000) + "x",
		"tags":              strings.Repeat("<p>x", 100_000),
		"links":             strings.Repeat("<a href=x>x</a>", 100_000),
	} {
		// A tag is three bytes and takes a kilobyte at most; what is made while that is read is several times as much.
		if got, bound := testkit.Allocated(func() { read(t, page) }), 1500*uint64(len(page))+32<<20; got > bound {
			t.Errorf("%s: %d bytes are made of %d, want at most %d", name, got, len(page), bound)
		}
	}
}

// TestStops: a page that is being read is given up when the time is over.
func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Format{}.Extract(ctx, extract.Input{MIME: extract.MIMEHTML, Raw: []byte("<p>text")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	root, err := parse(context.Background(), "<p>text")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := markdown(ctx, root, true); !errors.Is(err, context.Canceled) {
		t.Errorf("rendering: %v", err)
	}
}

func TestFormattingGoesBeforeThePage(t *testing.T) {
	var fonts strings.Builder
	for i := range 600 {
		fmt.Fprintf(&fonts, "<font id=%d>", i)
	}
	page := fonts.String() + "<table><tr><td><b>one</b><td>two</table><p><code>three</code>"
	if text := read(t, page).Text; !strings.Contains(text, "| one | two |") || !strings.Contains(text, "three") {
		t.Errorf("got %q", text)
	}
}

func TestDeclaredCharset(t *testing.T) {
	doc := read(t, "<meta charset=iso-8859-2><title>\xb3</title><p>Pi\xb1tek")
	if doc.Text != "Piątek" || doc.Title != "ł" || doc.Metadata["charset"] != "iso-8859-2" {
		t.Errorf("got %+v", doc)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("<table><tr><td colspan=3>a<table><td>b</table><ul><li>c<p>d</ul>")
	f.Add("<h1>#")
	f.Add("<main><article><nav><a><h2><pre><code>x</a></nav><img alt='a b'><svg><title>t</title></svg>")
	f.Fuzz(func(t *testing.T, page string) {
		if len(page) > 1<<14 {
			return
		}
		docs, err := Format{MainContent: true}.Extract(context.Background(), extract.Input{MIME: extract.MIMEHTML, Raw: []byte(page)})
		if err == nil && (len(docs) != 1 || !utf8.ValidString(docs[0].Text) && utf8.ValidString(page)) {
			t.Fatalf("%d documents", len(docs))
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	page := "<nav><a href=x>y</a></nav><main><h1>T</h1>" + strings.Repeat("<p>"+sentence+"<a href=z>link</a></p>", 200) + "</main>"
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		read(b, page)
	}
}
