package html

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/pipeline/extract"
)

func readPage(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var token = regexp.MustCompile(`[\pL\pN]+`)

// shingles counts runs of four tokens, as the benchmark does.
func shingles(text string) map[string]int {
	words := token.FindAllString(text, -1)
	counts := map[string]int{}
	for i := range words {
		if i+4 <= len(words) || i == 0 {
			counts[strings.Join(words[i:min(i+4, len(words))], " ")]++
		}
	}
	return counts
}

// The pages and the measure of scrapinghub's article-extraction-benchmark: precision and recall of
// runs of four tokens, each page with the same weight.
func TestArticleBenchmark(t *testing.T) {
	dir := testkit.Shared(t, "real", "html")
	var truth map[string]struct{ ArticleBody string }
	text, err := os.ReadFile(filepath.Join(dir, "ground-truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	var tp, fp, fn float64
	pages := 0
	for _, id := range slices.Sorted(maps.Keys(truth)) {
		path := filepath.Join(dir, "pages", id+".html.gz")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		pages++
		raw := readPage(t, path)
		docs, err := Format{MainContent: true}.Extract(context.Background(), extract.Input{MIME: extract.MIMEHTML, Raw: raw})
		if err != nil {
			t.Fatal(err)
		}
		got, want := shingles(docs[0].Text), shingles(truth[id].ArticleBody)
		var both, extra, missing float64
		for s, n := range got {
			both += float64(min(n, want[s]))
			extra += float64(max(0, n-want[s]))
		}
		for s, n := range want {
			missing += float64(max(0, n-got[s]))
		}
		sum := max(both+extra+missing, 1)
		tp, fp, fn = tp+both/sum, fp+extra/sum, fn+missing/sum
		if f1 := 2 * both / max(2*both+extra+missing, 1); f1 < 0.8 {
			t.Logf("%s: F1 %.2f, precision %.2f, recall %.2f", id[:12], f1, both/max(both+extra, 1), both/max(both+missing, 1))
		}
	}
	precision, recall := tp/(tp+fp), tp/(tp+fn)
	f1 := 2 * precision * recall / (precision + recall)
	t.Logf("%d pages: precision %.3f recall %.3f F1 %.3f", pages, precision, recall, f1)
	if f1 < 0.95 {
		t.Errorf("F1 %.3f is below 0.95", f1)
	}
}
