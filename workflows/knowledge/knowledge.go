// Package knowledge measures what a model knows of a dataset's documents, without generating anything.
package knowledge

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/datasets/probe"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/models"
	"github.com/cultivar/cultivar/workflows/reports"
	"github.com/cultivar/cultivar/workflows/training"
)

// Options say whose knowledge of which documents is measured.
type Options struct {
	Home    string
	Base    string
	Adapter string // directory, or a version in the home's registry; empty for the base alone
	Data    string // dataset
	Probe   probe.Options

	Quantize       *string // method; nil is as the adapter was trained
	AllowOtherBase bool
	Warn           func(string) // may be nil

	Report      string // file of the page about the result; it quotes the documents
	LeaveReport bool   // without Report, leave the page in the home
}

// Result is how often a model finds what the documents say likelier than the same with another value in
// it, without seeing them.
type Result struct {
	Dataset     string       `json:"dataset"`           // name@version
	Documents   int          `json:"documents"`         // of the dataset
	Statements  int          `json:"statements"`        // that were compared
	Comparisons int          `json:"comparisons"`       // with altered ones
	Base        probe.Score  `json:"base"`              // alone
	Adapter     *probe.Score `json:"adapter,omitempty"` // with the adapter
	Report      string       `json:"report,omitempty"`  // file of the page about it

	// What was measured, and with what, for the history.
	BaseDigest    string              `json:"-"`
	AdapterDigest string              `json:"-"` // "" for none
	Data          adapters.DatasetRef `json:"-"`
}

// Digest is that of the figures, whatever page they stand on.
func (k Result) Digest() string {
	k.Report = ""
	data, err := json.Marshal(k)
	if err != nil {
		panic("knowledge: marshal: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Judged is the score that counts: the adapter's, if there is one.
func (k Result) Judged() probe.Score {
	if k.Adapter != nil {
		return *k.Adapter
	}
	return k.Base
}

// Measure compares statements from a dataset's documents with altered ones. The documents of all
// splits count: what was held out tells how much is guessed.
func Measure(ctx context.Context, o Options) (Result, error) {
	docs, ref, err := documentsOf(ctx, o.Home, o.Data)
	if err != nil {
		return Result{}, err
	}
	p := probe.New(docs, o.Probe)
	list := p.Comparisons()
	k := Result{Dataset: fmt.Sprintf("%s@%d", ref.Name, ref.Version), Documents: len(docs), Statements: compared(list), Comparisons: len(list), Data: ref}
	if len(list) == 0 {
		return Result{}, fmt.Errorf("%s: no two documents have statements with values of one sort: %w to compare", k.Dataset, datasets.ErrEmpty)
	}
	margins, err := k.measure(ctx, o, p, list)
	if err != nil || o.Report == "" && !o.LeaveReport {
		return k, err
	}
	leave := reports.Leave{File: o.Report, Home: o.Home, Kind: "eval-knowledge", Of: []string{o.Data, o.Adapter, o.Base}, Warn: o.Warn}
	k.Report, err = leave.Page(ctx, k.page(o, confused(p, list, margins)))
	return k, err
}

// measure scores the base, and the base with the adapter; it returns the margins of the score that counts.
func (k *Result) measure(ctx context.Context, o Options, p probe.Probe, list []probe.Comparison) ([]float64, error) {
	e := training.EvalOptions{Home: o.Home, Base: o.Base, Adapter: o.Adapter, Quantize: o.Quantize, AllowOtherBase: o.AllowOtherBase, Warn: o.Warn}
	b, found, err := e.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.Close() }()
	if k.BaseDigest, err = b.Digest(); err != nil {
		return nil, err
	}
	texts := newSides(b, list)
	base, err := b.Model(ctx, models.AdapterRef{})
	if err != nil {
		return nil, err
	}
	margins, err := texts.margins(ctx, base)
	if err != nil {
		return nil, err
	}
	k.Base = p.Score(list, margins)
	if found.Adapter == nil {
		return margins, nil
	}
	k.AdapterDigest = peft.Digest(found.Adapter)
	m, err := e.Model(b, found)
	if err != nil {
		return nil, err
	}
	if margins, err = texts.margins(ctx, m); err != nil {
		return nil, err
	}
	with := p.Score(list, margins)
	k.Adapter = &with
	return margins, nil
}

// confused lists the comparisons that came out wrong, the surest first.
func confused(p probe.Probe, list []probe.Comparison, margins []float64) (out []reports.Confused) {
	for i, c := range list {
		wrong := reports.Confused{Source: p.Statements[c.Statement].SourceURI, True: c.True, Altered: c.Altered, Nats: -margins[i]}
		if margins[i] < 0 && !slices.Contains(out, wrong) { // two values may be alike
			out = append(out, wrong)
		}
	}
	slices.SortStableFunc(out, func(a, b reports.Confused) int { return cmp.Compare(b.Nats, a.Nats) })
	return out
}

func (k Result) page(o Options, wrong []reports.Confused) reports.Knowledge {
	p := reports.Knowledge{
		Base: filepath.Base(o.Base), Data: k.Dataset, Documents: k.Documents, Statements: k.Statements, Comparisons: k.Comparisons,
		Alone: k.Base, With: k.Adapter, Confused: wrong,
	}
	if o.Adapter != "" {
		p.Adapter = filepath.Base(o.Adapter)
	}
	return p
}

// documentsOf reads a dataset's documents, with the version that they are of.
func documentsOf(ctx context.Context, location, ref string) (docs []datasets.Document, of adapters.DatasetRef, err error) {
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, of, err
	}
	d, err := h.Datasets.Open(ctx, ref)
	if err != nil {
		return nil, of, err
	}
	for doc, err := range d.Documents() {
		if err != nil {
			return nil, of, err
		}
		docs = append(docs, doc)
	}
	return docs, adapters.DatasetRef{Name: d.Manifest.Name, Version: d.Manifest.Version, Digest: d.Manifest.Digest}, nil
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
