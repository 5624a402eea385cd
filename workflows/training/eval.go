package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/workflows/models"
)

// ErrTemplate means that an adapter was trained with a chat template that is not at hand.
var ErrTemplate = errors.New("the adapter was trained with a chat template of its own")

// EvalOptions say what to score with which model. What is nil or 0 is as the adapter was trained; without
// an adapter, or of one that does not say, it is the default of training, in windows of the model's context.
type EvalOptions struct {
	Home         string
	Base         string
	Adapter      string // directory, or a version in the home's registry; empty for the base alone
	Data         string
	Split        string // of a dataset; a plain file is scored whole
	AppendEOS    *bool
	Quantize     *string // method; empty leaves the weights as they are stored
	MaxSeqLength int
	ChatTemplate string        // file, instead of the base's
	Rows         *trainer.Data // how the keys of a file are understood

	AllowOtherBase bool         // take an adapter that was trained on another base
	Warn           func(string) // may be nil

	Report      string // file that a page about the result is written to
	LeaveReport bool   // without a file, leave the page in the home, where that is on this machine
}

// EvalResult is how the rows score.
type EvalResult struct {
	Objective string
	Unit      string   // of the loss
	Loss      *float64 // nil when nothing was scored
	Metrics   objective.Metrics
	Tokens    int        // that were scored
	Rows      []eval.Row // of each row, where the loss is a mean over tokens
	IDs       []string   // of the rows of the data
	Count     int        // rows of the data
	Windowed  int        // rows that were cut into windows
	Report    string     // file of the page, "" for none

	Base, Adapter string              // digests of what was measured
	Data          adapters.DatasetRef // with which rows
}

// Eval scores rows: the held-out loss of a training is that of its validation split.
func Eval(ctx context.Context, o EvalOptions) (EvalResult, error) {
	b, found, err := o.Open(ctx)
	if err != nil {
		return EvalResult{}, err
	}
	defer func() { _ = b.Close() }()
	c, err := o.config(found)
	if err != nil {
		return EvalResult{}, err
	}
	m, err := o.Model(b, found)
	if err != nil {
		return EvalResult{}, err
	}
	data, err := OpenData(ctx, o.Home, o.Data, c.Data, 0, 0)
	if err != nil {
		return EvalResult{}, err
	}
	rows, err := data.split(o.Split)
	if err != nil {
		return EvalResult{}, err
	}
	e := evaluation{base: b, config: c}
	if found.Lineage != nil {
		e.template = found.Lineage.ChatTemplate
	}
	if err := e.encode(ctx, rows); err != nil {
		return EvalResult{}, err
	}
	r, err := e.score(ctx, m)
	if err != nil {
		return EvalResult{}, err
	}
	r.Data = data.Ref
	if found.Adapter != nil {
		r.Adapter = peft.Digest(found.Adapter)
	}
	if r.Base, err = b.Digest(); err != nil {
		return EvalResult{}, err
	}
	return r, r.leave(ctx, o, !data.whole)
}

// Open opens the base as the adapter, if there is one, was trained on it.
func (o EvalOptions) Open(ctx context.Context) (b *models.Base, found models.FoundAdapter, err error) {
	if o.Adapter != "" {
		if found, err = models.FindAdapter(ctx, models.AdapterRef{Home: o.Home, Adapter: o.Adapter, Warn: o.Warn}); err != nil {
			return nil, found, err
		}
	}
	c, err := o.config(found)
	if err != nil {
		return nil, found, err
	}
	b, err = models.Open(o.Base, c.Quantize)
	return b, found, err
}

// Model binds the base, with the adapter if there is one.
func (o EvalOptions) Model(b *models.Base, found models.FoundAdapter) (*model.Model, error) {
	if found.Adapter == nil {
		return model.New(b.Config(), b.Weights, model.Attachment{})
	}
	f, err := b.FactorsOf(found, models.AdapterRef{AllowOtherBase: o.AllowOtherBase, Warn: o.Warn})
	if err != nil {
		return nil, err
	}
	return model.New(b.Config(), b.Weights, f.Attachment())
}

// config is how an adapter was trained, with what the options say otherwise.
func (o EvalOptions) config(found models.FoundAdapter) (trainer.Config, error) {
	c := trainer.DefaultConfig()
	c.MaxSeqLength = 0
	if l := found.Lineage; l != nil && len(l.Config) > 0 {
		if err := json.Unmarshal(l.Config, &c); err != nil {
			return c, fmt.Errorf("%s: read how it was trained: %w", found.Name, err)
		}
	}
	if o.AppendEOS != nil {
		c.AppendEOS = *o.AppendEOS
	}
	if o.Quantize != nil {
		c.Quantize = *o.Quantize
	}
	if o.MaxSeqLength > 0 {
		c.MaxSeqLength = o.MaxSeqLength
	}
	if o.Rows != nil {
		c.Data = *o.Rows
	}
	c.ChatTemplate = o.ChatTemplate
	return c, nil
}

// evaluation is rows on their way to a score.
type evaluation struct {
	base     *models.Base
	config   trainer.Config
	template string // digest of the one that the adapter was trained with, "" for the base's

	objective objective.Objective
	rows      []pack.Row
	from      []int    // of each row, the row of the data
	ids       []string // of the rows of the data
	count     int
	windowed  int
	maxLen    int
}

// encode turns rows into tokens. Those of one kind are encoded together; kinds may be mixed where each
// counts its tokens.
func (e *evaluation) encode(ctx context.Context, rows []datasets.Example) error {
	for lo := 0; lo < len(rows); {
		hi := lo + 1
		for hi < len(rows) && rows[hi].Kind() == rows[lo].Kind() {
			hi++
		}
		if err := e.add(ctx, rows[lo:hi]); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// add encodes rows of one kind.
func (e *evaluation) add(ctx context.Context, rows []datasets.Example) error {
	o, err := e.objectiveOf(rows[0])
	if err != nil {
		return err
	}
	f := o.Facts()
	if e.objective != nil && e.objective.Facts().Name != f.Name && (f.Reference || e.objective.Facts().Reference) {
		return objective.Check(e.objective, rows)
	}
	e.objective = o
	c := e.config
	c.Objective = f.Name
	encoder, err := newEncoder(e.base, c)
	if err != nil {
		return err
	}
	if e.template != "" && c.ChatTemplate == "" && !slices.Contains(f.Kinds, datasets.KindText) {
		return fmt.Errorf("%w: %s", ErrTemplate, e.template)
	}
	tokens, err := encode(ctx, o, encoder, rows)
	if err != nil {
		return err
	}
	opts := layout(f, c, e.base)
	if err := packable(tokens, opts); err != nil {
		return err
	}
	s, err := pack.New(tokens, opts)
	if err != nil {
		return err
	}
	e.rows = append(e.rows, s.Rows...)
	of := make([]int, len(tokens)) // of each row of tokens, the row of the data
	for i := range tokens {
		if i == 0 || tokens[i].Source != tokens[i-1].Source {
			e.count++
			e.ids = append(e.ids, tokens[i].Source.ExampleID)
		}
		of[i] = e.count - 1
	}
	for _, i := range s.From {
		e.from = append(e.from, of[i])
	}
	e.windowed += s.Windowed
	e.maxLen = s.MaxLen
	return nil
}

// objectiveOf is the adapter's where that takes the row, else the first that does.
func (e *evaluation) objectiveOf(row datasets.Example) (objective.Objective, error) {
	o, err := objective.ByName(e.config.Objective, e.config.Config)
	if err == nil && objective.Check(o, []datasets.Example{row}) == nil {
		return o, nil
	}
	return objective.ByName(objective.Of(row.Kind()), e.config.Config)
}

func (e *evaluation) score(ctx context.Context, m *model.Model) (EvalResult, error) {
	if e.objective == nil {
		return EvalResult{}, fmt.Errorf("%w to score", datasets.ErrEmpty)
	}
	f := e.objective.Facts()
	r := EvalResult{Objective: f.Name, Unit: f.Unit, IDs: e.ids, Count: e.count, Windowed: e.windowed}
	policy := m.NewEvaluator()
	if !f.Reference {
		s, err := eval.NLL(ctx, policy, e.rows, eval.TokensAtOnce)
		if err != nil {
			return EvalResult{}, err
		}
		if r.Tokens, r.Rows = s.Tokens, e.whole(s.Rows); s.Tokens > 0 {
			mean := s.MeanNLL()
			r.Loss = &mean
		}
		return r, nil
	}
	base, err := e.base.Model(ctx, models.AdapterRef{})
	if err != nil {
		return EvalResult{}, err
	}
	loss, err := e.objective.Prepare(ctx, objective.Run{Held: e.rows, Policy: policy, Reference: base, MaxLen: e.maxLen, AtOnce: eval.TokensAtOnce})
	if err != nil {
		return EvalResult{}, err
	}
	score, err := loss.Evaluate(ctx)
	for _, row := range e.rows {
		r.Tokens += row.Targets()
	}
	r.Loss, r.Metrics = &score.Loss, score.Metrics
	return r, err
}

// whole puts the windows of a row together again.
func (e *evaluation) whole(scored []eval.Row) []eval.Row {
	out := make([]eval.Row, e.count)
	for i, r := range scored {
		to := &out[e.from[i]]
		to.Logprobs = append(to.Logprobs, r.Logprobs...)
	}
	return out
}
