// Package probe makes statements that can be checked out of documents, with altered ones beside them:
// whoever knows the documents finds the true ones likelier (as KR-Test does, arXiv:2601.03505).
//
// Alterations are swaps. A number, date, name or role of one document takes the place of one of the same
// sort in another, and the other way round, so that each value is as often right as it is wrong: a model that
// likes frequent, long or short words, and knows nothing, is right in exactly half of the comparisons.
package probe

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chunk"
	"github.com/cultivar/cultivar/internal/rng"
)

// Statement is a sentence of a document with a value in it.
type Statement struct {
	DocID     string
	SourceURI string
	Start     int // rune offsets of the sentence in the document's text
	End       int
	Headings  []string // titles above it
	Text      string   // the sentence on one line
	Sort      Sort     // of the value
	At        int      // bytes of Text before the value
	Value     string
}

// With is the statement with another value.
func (s Statement) With(value string) string {
	return s.Text[:s.At] + value + s.Text[s.At+len(s.Value):]
}

// Swap is two statements of different documents whose values change places: two comparisons of a true
// statement with an altered one.
type Swap struct{ A, B int } // indices of statements

// Probe is what a set of documents is checked by.
type Probe struct {
	Statements []Statement
	Swaps      []Swap
}

// Options of New.
type Options struct {
	PerDocument int    // statements of a document at most; 0 means 6
	Rounds      int    // comparisons of a statement at most; 0 means 2
	Seed        uint64 // picks statements and partners
}

// Words that a sentence has, at least and at most: shorter ones say too little to be true or false.
const (
	minWords = 4
	maxWords = 40
)

// New makes a probe of documents. It depends on them, their order included, and the options alone.
// Conversations have no statements.
func New(docs []datasets.Document, o Options) Probe {
	o.PerDocument, o.Rounds = cmp.Or(o.PerDocument, 6), cmp.Or(o.Rounds, 2)
	var p Probe
	k := known{texts: make(map[string]string, len(docs)), said: make(map[string]bool)}
	for i, d := range docs {
		sentences := chunk.Sentences(d.Text)
		if d.Kind() == datasets.KindText {
			p.Statements = append(p.Statements, pick(statements(d, sentences), o, i)...)
		}
		k.texts[d.DocID] = d.Text
		for _, s := range sentences {
			k.said[below(s.Headings, onOneLine(s.Text))] = true
		}
	}
	p.swap(o, k)
	return p
}

// known is what the documents say.
type known struct {
	texts map[string]string // by doc_id
	said  map[string]bool   // sentences below their titles
}

func below(headings []string, sentence string) string {
	return strings.Join(append(slices.Clone(headings), sentence), "\n")
}

func onOneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// pick draws some of a document's statements, in their order.
func pick(all []Statement, o Options, doc int) []Statement {
	if len(all) <= o.PerDocument {
		return all
	}
	draw := rng.New(o.Seed, "statements of a document").At(uint64(doc), 0)
	order := draw.Perm(len(all))[:o.PerDocument]
	slices.Sort(order)
	out := make([]Statement, len(order))
	for i, n := range order {
		out[i] = all[n]
	}
	return out
}

// statements lists the sentences of a document with a value each. A sentence that stands twice is one.
func statements(d datasets.Document, sentences []chunk.Sentence) (out []Statement) {
	seen := make(map[string]bool)
	for _, s := range sentences {
		line := onOneLine(s.Text)
		if n := strings.Count(line, " ") + 1; n < minWords || n > maxWords || seen[line] {
			continue
		}
		seen[line] = true
		v, ok := value(line)
		if !ok {
			continue
		}
		out = append(out, Statement{
			DocID: d.DocID, SourceURI: d.SourceURI, Start: s.Start, End: s.End, Headings: s.Headings,
			Text: line, Sort: v.sort, At: v.at, Value: line[v.at : v.at+v.n],
		})
	}
	return out
}

// swap pairs statements whose values are of one sort. In each round they are drawn into a ring, and every
// other one is paired with its neighbour.
func (p *Probe) swap(o Options, k known) {
	bySort := make(map[Sort][]int)
	for i, s := range p.Statements {
		bySort[s.Sort] = append(bySort[s.Sort], i)
	}
	for _, sort := range sorts {
		list := bySort[sort]
		paired := make(map[Swap]bool)
		for round := range 4 * o.Rounds {
			draw := rng.New(o.Seed, "partners of "+string(sort)).At(uint64(round), 0)
			order := draw.Perm(len(list))
			for n := 0; n+1 < len(order); n += 2 {
				s := Swap{min(list[order[n]], list[order[n+1]]), max(list[order[n]], list[order[n+1]])}
				if !paired[s] && p.swappable(s, k) {
					paired[s] = true
				}
			}
		}
		p.take(paired, o.Rounds)
	}
	slices.SortFunc(p.Swaps, func(a, b Swap) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
}

// take keeps swaps while neither of their statements has enough.
func (p *Probe) take(candidates map[Swap]bool, rounds int) {
	all := make([]Swap, 0, len(candidates))
	for s := range candidates {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Swap) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	order := rng.New(uint64(len(all)), "swaps").At(0, 0).Perm(len(all))
	has := make(map[int]int)
	for _, n := range order {
		if s := all[n]; has[s.A] < rounds && has[s.B] < rounds {
			has[s.A]++
			has[s.B]++
			p.Swaps = append(p.Swaps, s)
		}
	}
}

// swappable reports whether both altered statements are false as far as the documents tell: neither value
// stands in the other's document, and no document says so below the same titles.
func (p *Probe) swappable(s Swap, k known) bool {
	a, b := p.Statements[s.A], p.Statements[s.B]
	return a.DocID != b.DocID && a.Value != b.Value &&
		!strings.Contains(k.texts[a.DocID], b.Value) && !strings.Contains(k.texts[b.DocID], a.Value) &&
		!k.said[below(a.Headings, a.With(b.Value))] && !k.said[below(b.Headings, b.With(a.Value))]
}
