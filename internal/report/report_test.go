package report

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden pages")

// everything is a page with all that there is, and with what is left out.
func everything() Page {
	var x, y []float64
	for i := range 60 {
		x, y = append(x, float64(i+1)), append(y, 1+4/float64(i+2)+0.2*float64(i*7%5))
	}
	return Page{
		Kind: "training", Title: "handbook-adapter", Lead: "LoRA of rank 16 on seedling, over handbook@3.",
		Facts: []Fact{{"held-out loss", "1.2345", "2.8410 before"}, {"tokens", "1.2 M", ""}, {"time", "12m40s", "1.6 ktok/s"}, {"trained", "2.1 M", "of 270 M parameters"}},
		Sections: []Section{
			{"Curves", "Measured in every step.", []Block{
				Lines{Title: "Loss", X: "step", Note: "The faint line is each step.", Series: []Series{
					{Name: "each step", X: x, Y: y, Faint: true}, {Name: "train", X: x, Y: Smooth(y, 3)},
					{Name: "held out", X: []float64{10, 30, 60}, Y: []float64{2.2, math.NaN(), 1.3}}}},
				Lines{Title: "Learning rate", X: "step", Small: true, Zero: true, Series: []Series{{Name: "learning rate", X: x[:3], Y: []float64{1e-5, 2e-5, 1.5e-5}}}},
				Lines{Title: "One point", X: "step", Small: true, Series: []Series{{Name: "loss", X: x[:1], Y: y[:1]}}},
				Lines{Title: "No point", X: "step", Small: true},
			}},
			{"Counts", "", []Block{
				Funnel{Title: "Documents", Unit: "documents", In: 1398, Note: "Each has a reason.", Steps: []Step{
					{"extract", []Bar{{"unsupported", 40}, {"empty", 3}}}, {"clean", nil}, {"dedup", []Bar{{"exact", 120}, {"near", 1}}}}},
				Bars{Title: "Redactions", Small: true, Rows: Counted(map[string]int64{"EMAIL": 900, "PHONE": 12, "IBAN": 1, "CARD": 1}, 3)},
				Bars{Title: "Nothing", Small: true},
				Histogram{Title: "Loss of rows", Small: true, X: "nats per token", Y: "rows", Bins: Binned(y, 8)},
				Histogram{Title: "Nothing", Small: true},
			}},
			{"Settings", "", []Block{
				Table{Head: []string{"key", "origin", "value"}, Code: true, Numbers: 1, Rows: [][]string{{"lora.r", "default", "16"}, {"learning_rate", "flag", "0.0002"}}},
				Pairs{Title: "Data", Rows: []Pair{{"dataset", "handbook@3", false}, {"digest", "sha256:8801a2c3", true}}},
				Text{Text: "Nothing more.", Mild: true}, Text{Text: "Look at this.", Loud: true},
			}},
			{"Samples", "", []Block{Sample{Name: "row 1", Prompt: "What is the\nlimit?", Answers: []Answer{{"base", "I", true}, {"adapter", "Ten days.", false}, {"as written", "", false}}}}},
		},
		Foot: "cultivar 0.0.0",
	}
}

func TestGolden(t *testing.T) {
	var got bytes.Buffer
	if err := Write(&got, everything()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "everything.html")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("the page is another one: look at it in a browser, then go test -update")
	}
}

// problems lists what a page may not have: anything that is loaded, run, or not escaped.
func problems(t *testing.T, page []byte) (list []string) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "link", "img", "iframe", "object", "embed", "audio", "video", "base", "form", "use", "image", "a":
			list = append(list, "<"+n.Data+">")
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || a.Key == "style" {
				list = append(list, n.Data+" "+a.Key+"="+a.Val)
			}
		}
	}
	return list
}

func TestNothingIsLoaded(t *testing.T) {
	var page bytes.Buffer
	if err := Write(&page, everything()); err != nil {
		t.Fatal(err)
	}
	for _, p := range problems(t, page.Bytes()) {
		t.Error(p)
	}
	for _, way := range []string{"url(", "@import", "http:", "https:", "//"} {
		if strings.Contains(style, way) {
			t.Errorf("the style has %q", way)
		}
	}
	if planted := problems(t, []byte(`<img src="https://x"><p onclick="x">`)); len(planted) != 3 {
		t.Errorf("found %q in a page that loads", planted)
	}
}

// FuzzText: whatever a name or a text is, the page has the same elements.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "plain", `"><script>alert(1)</script>`, "</style><img src=x onerror=y>", "</title>", "{{.}}", "\x00\xff", "&lt;", "' onload='x"} {
		f.Add(s)
	}
	page := func(t *testing.T, s string) (tags []string, text string) {
		rows := []Bar{{s, 2}}
		var out bytes.Buffer
		err := Write(&out, Page{Kind: s, Title: s, Lead: "x" + s, Facts: []Fact{{s, s, "x" + s}}, Foot: "x" + s, Sections: []Section{{s, "x" + s, []Block{
			Lines{Title: s, Note: "x" + s, X: s, Series: []Series{{Name: s, X: []float64{1}, Y: []float64{2}}, {Name: s}}},
			Histogram{Title: s, X: s, Y: s, Note: "x" + s, Bins: []Bin{{0, 1, 1}}},
			Bars{Title: s, Note: "x" + s, Rows: rows}, Funnel{Title: s, Note: "x" + s, Unit: s, In: 3, Steps: []Step{{s, rows}}},
			Table{Title: "x" + s, Note: "x" + s, Head: []string{s}, Rows: [][]string{{s}}}, Pairs{Title: "x" + s, Note: "x" + s, Rows: []Pair{{s, s, true}}},
			Text{Text: s}, Sample{s, s, []Answer{{s, "x" + s, true}}},
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(&out)
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode {
				tags = append(tags, n.Data)
			} else if n.Type == html.TextNode {
				text += n.Data
			}
		}
		return tags, text
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, _ := page(t, "word")
		got, text := page(t, s)
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q makes other elements", s)
		}
		if plain := strings.Map(func(r rune) rune {
			if r < ' ' || r == '\ufffd' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "")); plain == s && !strings.Contains(text, s) {
			t.Errorf("%q is not in the text", s)
		}
	})
}
