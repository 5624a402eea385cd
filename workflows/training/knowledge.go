package training

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/datasets/probe"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/models"
)

// KnowledgeOptions say whose knowledge of which documents is measured.
type KnowledgeOptions struct {
	Home    string
	Base    string
	Adapter string // directory, or a version in the home's registry; empty for the base alone
	Data    string // dataset
	Probe   probe.Options

	Quantize       *string // method; nil is as the adapter was trained
	AllowOtherBase bool
	Warn           func(string) // may be nil
}

// Knowledge is how often a model finds what the documents say likelier than the same with another value in
// it, without seeing them.
type Knowledge struct {
	Dataset     string       `json:"dataset"`           // name@version
	Documents   int          `json:"documents"`         // of the dataset
	Statements  int          `json:"statements"`        // that were compared
	Comparisons int          `json:"comparisons"`       // with altered ones
	Base        probe.Score  `json:"base"`              // alone
	Adapter     *probe.Score `json:"adapter,omitempty"` // with the adapter
}

// Judged is the score that counts: the adapter's, if there is one.
func (k Knowledge) Judged() probe.Score {
	if k.Adapter != nil {
		return *k.Adapter
	}
	return k.Base
}

// MeasureKnowledge compares statements from a dataset's documents with altered ones. The documents of all
// splits count: what was held out tells how much is guessed.
func MeasureKnowledge(ctx context.Context, o KnowledgeOptions) (Knowledge, error) {
	docs, name, err := documentsOf(ctx, o.Home, o.Data)
	if err != nil {
		return Knowledge{}, err
	}
	p := probe.New(docs, o.Probe)
	list := p.Comparisons()
	if len(list) == 0 {
		return Knowledge{}, fmt.Errorf("%s: no two documents have statements with values of one sort: %w to compare", name, datasets.ErrEmpty)
	}
	k := Knowledge{Dataset: name, Documents: len(docs), Statements: compared(list), Comparisons: len(list)}
	e := EvalOptions{Home: o.Home, Base: o.Base, Adapter: o.Adapter, Quantize: o.Quantize, AllowOtherBase: o.AllowOtherBase, Warn: o.Warn}
	b, found, err := e.open(ctx)
	if err != nil {
		return Knowledge{}, err
	}
	defer func() { _ = b.Close() }()
	texts := newSides(b, list)
	score := func(m *model.Model) (probe.Score, error) {
		margins, err := texts.margins(ctx, m)
		return p.Score(list, margins), err
	}
	base, err := b.Model(ctx, models.AdapterRef{})
	if err != nil {
		return Knowledge{}, err
	}
	if k.Base, err = score(base); err != nil || found.Adapter == nil {
		return k, err
	}
	m, err := e.model(b, found)
	if err != nil {
		return Knowledge{}, err
	}
	with, err := score(m)
	k.Adapter = &with
	return k, err
}

// documentsOf reads a dataset's documents, with the name of the version.
func documentsOf(ctx context.Context, location, ref string) (docs []datasets.Document, name string, err error) {
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, "", err
	}
	d, err := h.Datasets.Open(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	for doc, err := range d.Documents() {
		if err != nil {
			return nil, "", err
		}
		docs = append(docs, doc)
	}
	return docs, fmt.Sprintf("%s@%d", d.Manifest.Name, d.Manifest.Version), nil
}

func compared(list []probe.Comparison) int {
	seen := make(map[int]bool)
	for _, c := range list {
		seen[c.Statement] = true
	}
	return len(seen)
}

// sides are the texts of comparisons as tokens. A statement that is compared several times is scored once.
type sides struct {
	rows           []pack.Row
	right, altered []int // of each comparison, the row of the true text and of the other
}

func newSides(b *models.Base, list []probe.Comparison) sides {
	var s sides
	var texts []string
	at := make(map[string]int)
	row := func(text string) int {
		n, ok := at[text]
		if !ok {
			n = len(texts)
			at[text] = n
			texts = append(texts, text)
		}
		return n
	}
	for _, c := range list {
		s.right, s.altered = append(s.right, row(c.Before+c.True)), append(s.altered, row(c.Before+c.Altered))
	}
	for _, ids := range b.Chat("").Texts(texts, nil) {
		s.rows = append(s.rows, pack.Row{IDs: ids})
	}
	return s
}

// margins says of each comparison by how many nats the true text is likelier. Tokens with which both begin
// are as likely in one as in the other.
func (s sides) margins(ctx context.Context, m *model.Model) ([]float64, error) {
	scored, err := eval.NLL(ctx, m.NewEvaluator(), s.rows, eval.TokensAtOnce)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(s.right))
	for i := range out {
		a, b := scored.Rows[s.right[i]].Logprobs, scored.Rows[s.altered[i]].Logprobs
		for _, lp := range a {
			out[i] += lp
		}
		for _, lp := range b {
			out[i] -= lp
		}
	}
	return out, nil
}
