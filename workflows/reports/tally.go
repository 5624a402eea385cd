package reports

import (
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/report"
)

// Tally counts what goes by while a dataset is made. What it keeps does not grow with the corpus.
type Tally struct {
	dropped    map[string]map[string]int64 // documents, by stage and rule
	spans      map[string]int64            // by "stage/rule"
	redactions map[[2]string]int64         // by entity and detector
	redacted   int64                       // documents with redactions
	last       string                      // of these
	kept, lost map[string]int64            // documents, by type of file
	splits     map[string]int64            // documents
	langs      map[string]int64
	sizes      map[float64]int64 // documents, by the least size of their bin
	likeness   []int64           // near-duplicates, by likeness in bins of likenessStep
	unread     [][]string        // files that gave nothing: name, rule
	unreadMore int64
}

const (
	likenessStep = 0.05
	mostUnread   = 50 // files that a page names
)

// NewTally returns an empty one.
func NewTally() *Tally {
	return &Tally{
		dropped: map[string]map[string]int64{}, spans: map[string]int64{}, redactions: map[[2]string]int64{}, kept: map[string]int64{},
		lost: map[string]int64{}, splits: map[string]int64{}, langs: map[string]int64{}, sizes: map[float64]int64{},
		likeness: make([]int64, int(1/likenessStep)),
	}
}

// Document counts one that is kept.
func (t *Tally) Document(d datasets.Document, split datasets.Split) {
	t.kept[typeOf(d.SourceURI)]++
	t.splits[string(split)]++
	t.sizes[sizeBin(d.NChars)]++
	if d.Lang != "" {
		t.langs[d.Lang]++
	}
}

// Exclusion counts a document, or a part of one, that was dropped.
func (t *Tally) Exclusion(e datasets.Exclusion) {
	if e.Start >= 0 {
		t.spans[e.Stage+"/"+e.Rule]++
		return
	}
	if t.dropped[e.Stage] == nil {
		t.dropped[e.Stage] = map[string]int64{}
	}
	t.dropped[e.Stage][e.Rule]++
	t.lost[typeOf(e.SourceURI)]++
	if e.Stage == "dedup" && e.Rule == "near" {
		t.likeness[min(len(t.likeness)-1, max(0, int(e.Value/likenessStep)))]++
	}
	if e.Stage != "source" && e.Stage != "extract" {
		return
	}
	if len(t.unread) < mostUnread {
		t.unread = append(t.unread, []string{e.SourceURI, e.Rule})
	} else {
		t.unreadMore++
	}
}

// Redaction counts one; those of a document come one after the other.
func (t *Tally) Redaction(r datasets.Redaction) {
	t.redactions[[2]string{r.Entity, r.Detector}]++
	if r.DocID != t.last {
		t.redacted, t.last = t.redacted+1, r.DocID
	}
}

var extension = regexp.MustCompile(`^\.[a-z0-9]{1,8}$`)

// typeOf is the extension of a file's name; that of a row is the file's.
func typeOf(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	name := strings.ToLower(uri)
	ext := path.Ext(name)
	if ext == ".gz" || ext == ".zst" {
		ext = path.Ext(strings.TrimSuffix(name, ext))
	}
	if !extension.MatchString(ext) {
		return "others"
	}
	return ext
}

// sizeBin is the greatest of 0, 100, 200, 500, 1000, 2000, … that a size reaches.
func sizeBin(size int) float64 {
	bin := 0.0
	for unit := 100.0; unit <= 1e12; unit *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if float64(size) < m*unit {
				return bin
			}
			bin = m * unit
		}
	}
	return bin
}

// sizeBins are the bins from the smallest document to the largest.
func (t *Tally) sizeBins() []report.Bin {
	var bins []report.Bin
	lo, hi := math.Inf(1), math.Inf(-1)
	for b := range t.sizes {
		lo, hi = math.Min(lo, b), math.Max(hi, b)
	}
	edges := []float64{0}
	for unit := 100.0; unit <= 1e12; unit *= 10 {
		edges = append(edges, unit, 2*unit, 5*unit)
	}
	for i, at := range edges[:len(edges)-1] {
		if at >= lo && at <= hi {
			bins = append(bins, report.Bin{Lo: at, Hi: edges[i+1], Count: t.sizes[at]})
		}
	}
	return bins
}

// likenessBins are those from the least alike pair on.
func (t *Tally) likenessBins() []report.Bin {
	first := slices.IndexFunc(t.likeness, func(n int64) bool { return n > 0 })
	if first < 0 {
		return nil
	}
	var bins []report.Bin
	for i := first; i < len(t.likeness); i++ {
		lo := float64(i) / float64(len(t.likeness))
		bins = append(bins, report.Bin{Lo: lo, Hi: lo + likenessStep, Count: t.likeness[i]})
	}
	return bins
}
