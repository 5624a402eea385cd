package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/internal/version"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/trainer/optim"
	"github.com/cultivar/cultivar/workflows/models"
)

// session is everything that a run depends on, read before anything is written.
type session struct {
	Options
	base      *models.Base
	data      *Data
	objective objective.Objective
	encoder   objective.Encoder
	factors   *lora.Factors
	rows      *pack.Sequences
	replay    *pack.Sequences // nil for none, or until the base has written them
	replayed  []adapters.DatasetRef
	held      []pack.Row
	lineage   adapters.Lineage

	weightBytes int64 // of the base, once it is bound
	planned     bool  // nothing will be computed, and of factors only the shapes count
}

func open(ctx context.Context, o Options) (*session, error) { return begin(ctx, o, false) }

func begin(ctx context.Context, o Options, planned bool) (*session, error) {
	b, err := models.Open(o.Base, o.Config.Quantize)
	if err != nil {
		return nil, err
	}
	s := &session{Options: o, base: b, planned: planned}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return s, nil
}

func (s *session) close() { _ = s.base.Close() }

func (s *session) prepare(ctx context.Context) error {
	var err error
	c := s.Config
	if s.objective, err = objective.ByName(c.Objective, c.Config); err != nil {
		return err
	}
	if s.data, err = OpenData(ctx, s.Home, s.Data, c.Data, c.EvalFraction, c.Seed); err != nil {
		return err
	}
	start, err := s.start(ctx)
	if err != nil {
		return err
	}
	if s.encoder, err = newEncoder(s.base, c); err != nil {
		return err
	}
	if err := s.encode(ctx); err != nil {
		return err
	}
	return s.describe(start)
}

// start makes the factors that are trained, and returns the digest of the adapter that they are of.
func (s *session) start(ctx context.Context) (digest string, err error) {
	if name := s.Config.InitAdapter; name != "" {
		ref := models.AdapterRef{Home: s.Home, Adapter: name, AllowOtherBase: s.AllowOtherBase, Warn: s.Warn}
		factors, found, err := s.base.Factors(ctx, ref)
		if err != nil {
			return "", fmt.Errorf("init_adapter: %w", err)
		}
		s.factors, digest = factors, peft.Digest(found.Adapter)
	} else {
		modules, err := model.Modules(s.base.Config(), s.base.Base.Base)
		if err != nil {
			return "", err
		}
		if s.planned {
			s.factors, err = lora.Sketch(s.Config.LoRA, modules)
		} else {
			s.factors, err = lora.New(s.Config.LoRA, modules, s.base.Weights, s.Config.Seed)
		}
		if err != nil {
			return "", err
		}
	}
	s.factors.Config.BaseModel = s.base.Name()
	return digest, nil
}

// newEncoder turns rows into tokens of the base as a configuration has it.
func newEncoder(b *models.Base, c trainer.Config) (objective.Encoder, error) {
	clock, err := c.Time()
	if err != nil {
		return objective.Encoder{}, err
	}
	e := objective.Encoder{Encoder: b.Chat(chat.TrainOn(c.TrainOn))}
	if c.ChatTemplate != "" {
		if e.Template, err = chat.ParseFile(c.ChatTemplate, b.Tokenizer.Names()); err != nil {
			return e, fmt.Errorf("chat_template: %w", err)
		}
	}
	if e.Template != nil {
		e.Template = e.Template.WithNow(clock)
	}
	if o, err := objective.ByName(c.Objective, c.Config); err != nil || !c.AppendEOS || !slices.Contains(o.Facts().Keys, "append_eos") {
		return e, err
	}
	eos := b.Tokenizer.Special().EOS
	switch {
	case eos.OK:
		e.EOS = &eos.ID
	case len(b.EOS()) > 0:
		id := int32(b.EOS()[0])
		e.EOS = &id
	default:
		return e, errors.New("append_eos: the base names no end-of-sequence token")
	}
	return e, nil
}

// layout says how rows of an objective become sequences on a base.
func layout(f objective.Facts, c trainer.Config, b *models.Base) pack.Options {
	opts := pack.Options{MaxLen: c.MaxSeqLength, Strategy: pack.None, Overlong: pack.Refuse, Pairs: f.Pairs}
	if limit := b.Config().MaxPositionEmbeddings; limit > 0 && (opts.MaxLen == 0 || limit < opts.MaxLen) {
		opts.MaxLen = limit
	}
	if opts.MaxLen == 0 {
		opts.MaxLen = math.MaxInt32
	}
	if f.Windows {
		opts.Overlong = pack.Window
	}
	return opts
}

// encode turns the data into sequences of tokens.
func (s *session) encode(ctx context.Context) error {
	f := s.objective.Facts()
	opts := layout(f, s.Config, s.base)
	for _, rows := range [][]datasets.Example{s.data.Train, s.data.Validation} {
		if err := objective.Check(s.objective, rows); err != nil {
			return err
		}
	}
	held, err := s.pack(ctx, s.data.Validation, opts)
	if err != nil {
		return err
	}
	s.held = held.Rows
	if s.Config.Packing && f.Packs {
		opts.Strategy = pack.BestFit
	}
	if s.rows, err = s.pack(ctx, s.data.Train, opts); err != nil {
		return err
	}
	if len(s.rows.Sequences) == 0 {
		return fmt.Errorf("%s: %w to train on", s.Options.Data, datasets.ErrEmpty)
	}
	return s.openReplay(ctx)
}

// atOnce is how many rows are encoded between two looks at the context.
const atOnce = 1024

// encode turns rows into tokens.
func encode(ctx context.Context, o objective.Objective, e objective.Encoder, rows []datasets.Example) ([]pack.Row, error) {
	var out []pack.Row
	for part := range slices.Chunk(rows, atOnce) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := encodable(e, part); err != nil {
			return nil, err
		}
		tokens, err := o.Encode(e, part)
		if err != nil {
			return nil, err
		}
		out = append(out, tokens...)
	}
	return out, nil
}

func (s *session) pack(ctx context.Context, rows []datasets.Example, opts pack.Options) (*pack.Sequences, error) {
	tokens, err := encode(ctx, s.objective, s.encoder, rows)
	if err != nil {
		return nil, err
	}
	if err := packable(tokens, opts); err != nil {
		return nil, err
	}
	return pack.New(tokens, opts)
}

// templated reports whether rows are rendered with a chat template.
func (s *session) templated() bool {
	return s.encoder.Template != nil && !slices.Equal(s.objective.Facts().Kinds, []datasets.Kind{datasets.KindText})
}

// clock is what the template is told, "" when none asks.
func (s *session) clock() string {
	if !s.templated() || !s.encoder.Template.Clocked() {
		return ""
	}
	t, _ := s.Config.Time() // checked by newEncoder
	return t.UTC().Format(time.RFC3339)
}

// describe fills in the lineage up to the metrics.
func (s *session) describe(start string) error {
	digest, err := s.base.Digest()
	if err != nil {
		return err
	}
	c := s.Config
	c.Clock = s.clock()
	s.lineage = adapters.Lineage{
		SchemaVersion: 1,
		Base:          adapters.BaseRef{Name: s.base.Name(), Digest: digest},
		Datasets:      append([]adapters.DatasetRef{s.data.Ref}, s.replayed...),
		InitAdapter:   start,
		Config:        c.Effect(),
		ConfigDigest:  c.Digest(),
		Tool:          version.Tool,
	}
	l := &s.lineage
	if c.ChatTemplate != "" && s.templated() {
		l.ChatTemplate = "sha256:" + s.encoder.Template.Digest()
	}
	l.RunDigest = RunDigest(s.rows.Rows, l.Base.Digest, l.Datasets, l.InitAdapter, l.ConfigDigest, l.ChatTemplate)
	return nil
}

// resolved is the configuration with every default filled in.
func (s *session) resolved() json.RawMessage {
	data, err := json.Marshal(s.Config)
	if err != nil {
		panic("training: marshal config: " + err.Error())
	}
	return data
}

// job binds the base and the factors.
func (s *session) job(ctx context.Context) (trainer.Job, error) {
	m, err := model.New(s.base.Config(), s.base.Weights, s.factors.Attachment())
	if err != nil {
		return trainer.Job{}, err
	}
	job := trainer.Job{
		Config: s.Config, Model: m, Groups: optim.OneGroup(s.factors.Params(), s.Config.WeightDecay),
		Train: s.rows, Eval: s.held, RunDigest: s.lineage.RunDigest, OutDir: s.OutDir, Hooks: s.hooks(), Snapshot: s.write,
		WeightBytes: m.WeightBytes(), Memory: s.Memory,
	}
	job.Replay = s.replay
	if s.objective.Facts().Reference || s.replay != nil {
		if job.Reference, err = s.base.Model(ctx, models.AdapterRef{}); err != nil {
			return trainer.Job{}, err
		}
	}
	if job.Memory == 0 {
		_, free := machine.Memory()
		job.Memory = free / 10 * 9
	}
	return job, nil
}

// hooks are those of the options, and what may surprise goes where the rest of that goes.
func (s *session) hooks() trainer.Hooks {
	h := s.Hooks
	if h.OnDamage == nil && s.Warn != nil {
		h.OnDamage = func(err error) { s.Warn(err.Error() + "; the run goes on from an older one, or from the beginning") }
	}
	return h
}
