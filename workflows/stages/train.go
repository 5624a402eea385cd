package stages

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/internal/version"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// ErrOtherRun means that an output directory holds the result of another run.
var ErrOtherRun = errors.New("the output directory holds another run")

// TrainOptions say what to train and where the adapter goes.
type TrainOptions struct {
	Home    string
	Base    string // model directory
	Data    string // a file of rows, or a dataset
	Config  trainer.Config
	OutDir  string
	Restart bool      // discard what OutDir holds of another run
	Memory  int64     // bytes that the process may take; 0 means most of what is free
	Now     time.Time // the chat template's clock
	Hooks   trainer.Hooks

	AllowOtherBase bool         // take an init_adapter that was trained on another base
	Warn           func(string) // may be nil
}

// TrainResult is what came of a training.
type TrainResult struct {
	trainer.Result
	Lineage   adapters.Lineage
	Digest    string // of the adapter
	Reused    bool   // the directory held the result of this very run
	Trainable int    // parameters that were trained
	Dropped   int    // rows without tokens
	Windowed  int    // rows that were cut into windows
}

// NumericsVersion is raised when the same run would end in other bits than before.
const NumericsVersion = 1

// Train fits an adapter and writes it to OutDir in PEFT's format, with its lineage, its resolved
// configuration, metrics.jsonl and checkpoints. Killed and called again it goes on; called again
// after it is done it does nothing.
func Train(ctx context.Context, o TrainOptions) (TrainResult, error) {
	b, err := OpenBase(o.Base, o.Config.Quantize)
	if err != nil {
		return TrainResult{}, err
	}
	defer func() { _ = b.Close() }()
	t, err := openTraining(ctx, o, b)
	if err != nil {
		return TrainResult{}, err
	}
	if done, result, err := t.finished(); done || err != nil {
		return result, err
	}
	return t.run(ctx)
}

// PlanTraining predicts what Train will take, and writes nothing. A plan that does not fit comes with
// [trainer.ErrMemory].
func PlanTraining(ctx context.Context, o TrainOptions) (trainer.Plan, error) {
	b, err := OpenBase(o.Base, o.Config.Quantize)
	if err != nil {
		return trainer.Plan{}, err
	}
	defer func() { _ = b.Close() }()
	t, err := openTraining(ctx, o, b)
	if err != nil {
		return trainer.Plan{}, err
	}
	job, err := t.job()
	if err != nil {
		return trainer.Plan{}, err
	}
	plan, err := job.Plan()
	if err != nil {
		return plan, err
	}
	return plan, plan.Time(job)
}

// openTraining reads everything that the run depends on.
func openTraining(ctx context.Context, o TrainOptions, b *Base) (*training, error) {
	data, err := OpenData(ctx, o.Home, o.Data, o.Config.EvalFraction, o.Config.Seed)
	if err != nil {
		return nil, err
	}
	if b.Template != nil {
		b.Template = b.Template.WithNow(o.Now)
	}
	t := &training{TrainOptions: o, base: b, data: data}
	return t, t.prepare(ctx)
}

// training is the state of one call of Train.
type training struct {
	TrainOptions
	base    *Base
	data    *Data
	factors *lora.Factors
	rows    *pack.Sequences
	eval    []pack.Row
	lineage adapters.Lineage
}

// prepare reads everything that the run depends on, before anything is written.
func (t *training) prepare(ctx context.Context) error {
	modules, err := model.Modules(t.base.Config(), t.base.Base.Base)
	if err != nil {
		return err
	}
	start := ""
	if ref := t.Config.InitAdapter; ref != "" {
		factors, found, err := t.base.Factors(ctx, AdapterRef{Home: t.Home, Adapter: ref, AllowOtherBase: t.AllowOtherBase, Warn: t.Warn})
		if err != nil {
			return fmt.Errorf("init_adapter: %w", err)
		}
		t.factors, start = factors, peft.Digest(found.Adapter)
	} else if t.factors, err = lora.New(t.Config.LoRA, modules, t.base.Weights, t.Config.Seed); err != nil {
		return err
	}
	t.factors.Config.BaseModel = t.base.Name()
	if err := t.encode(); err != nil {
		return err
	}
	return t.describe(start)
}

// encode turns the data into sequences of tokens.
func (t *training) encode() error {
	e, err := t.base.Encoder(t.Config.AppendEOS && t.Config.Objective == trainer.CLM)
	if err != nil {
		return err
	}
	if err := checkObjective(t.Config.Objective, t.data); err != nil {
		return err
	}
	encode := e.Encode
	if t.Config.Objective == trainer.DPO {
		encode = e.EncodePairs
	}
	train, err := encode(t.data.Train)
	if err != nil {
		return err
	}
	length := t.Config.MaxSeqLength
	if limit := t.base.Config().MaxPositionEmbeddings; limit > 0 && length > limit {
		length = limit
	}
	opts := pack.Options{MaxLen: length, Strategy: pack.None, Overlong: pack.Refuse}
	switch {
	case t.Config.Objective == trainer.DPO:
		opts.Pairs = true
	case t.Config.Packing:
		opts.Strategy = pack.BestFit
	}
	if t.Config.Objective == trainer.CLM {
		opts.Overlong = pack.Window
	}
	if t.rows, err = pack.New(train, opts); err != nil {
		return err
	}
	if len(t.rows.Sequences) == 0 {
		return fmt.Errorf("%s: %w to train on", t.Data, datasets.ErrEmpty)
	}
	held, err := encode(t.data.Validation)
	if err != nil {
		return err
	}
	opts.Strategy = pack.None
	eval, err := pack.New(held, opts)
	if err != nil {
		return err
	}
	t.eval = eval.Rows
	return nil
}

func checkObjective(objective string, d *Data) error {
	for _, rows := range [][]datasets.Example{d.Train, d.Validation} {
		for _, r := range rows {
			kind, fits := "text", trainer.CLM
			switch {
			case r.Kind() == datasets.KindPreference:
				kind, fits = "pair of answers", trainer.DPO
			case len(r.Messages) > 0:
				kind, fits = "conversation", trainer.SFT
			}
			if fits != objective {
				return fmt.Errorf("objective is %s, but %s is a %s, which takes objective: %s", objective, r.ExampleID, kind, fits)
			}
		}
	}
	return nil
}

// describe fills in the lineage up to the metrics.
func (t *training) describe(start string) error {
	baseDigest, err := t.base.Digest()
	if err != nil {
		return err
	}
	resolved := t.Config
	resolved.InitAdapter = ""
	config, err := json.Marshal(resolved)
	if err != nil {
		return err
	}
	t.lineage = adapters.Lineage{
		SchemaVersion: 1,
		Base:          adapters.BaseRef{Name: t.base.Name(), Digest: baseDigest},
		Datasets:      []adapters.DatasetRef{t.data.Ref},
		InitAdapter:   start,
		Config:        config,
		ConfigDigest:  resolved.Digest(),
		Tool:          version.Tool,
	}
	l := t.lineage
	t.lineage.RunDigest = identity(t.rows.Rows, NumericsVersion, l.Base.Digest, l.Datasets, l.InitAdapter, l.ConfigDigest)
	return nil
}

// identity is the digest of what decides a run: the given facts, and the tokens that are trained on,
// which also depend on the chat template's clock.
func identity(rows []pack.Row, facts ...any) string {
	data, err := json.Marshal(facts)
	if err != nil {
		panic("stages: marshal run identity: " + err.Error())
	}
	h := sha256.New()
	_, _ = h.Write(data)
	for _, row := range rows {
		mark := uint32(len(row.IDs))
		_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, mark))
		for i, id := range row.IDs {
			word := uint64(uint32(id))
			if row.Trained == nil || row.Trained[i] {
				word |= 1 << 32
			}
			_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, word))
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// finished reports whether OutDir holds the result of this run; another run's is an error unless
// Restart discards it.
func (t *training) finished() (bool, TrainResult, error) {
	old, err := ReadLineage(t.OutDir)
	if errors.Is(err, fs.ErrNotExist) {
		if t.Restart {
			return false, TrainResult{}, t.discard()
		}
		return false, TrainResult{}, nil
	}
	if err != nil {
		return false, TrainResult{}, err
	}
	if old.RunDigest != t.lineage.RunDigest {
		if !t.Restart {
			return false, TrainResult{}, fmt.Errorf("%s: %w", t.OutDir, ErrOtherRun)
		}
		return false, TrainResult{}, t.discard()
	}
	a, err := peft.Read(t.OutDir)
	if err != nil {
		return false, TrainResult{}, err
	}
	m := old.Metrics
	return true, TrainResult{
		Result: trainer.Result{Steps: m.Steps, ResumedAt: m.Steps, Tokens: m.Tokens, TrainedTokens: m.TrainedTokens,
			Loss: m.TrainLoss, EvalBefore: m.EvalLossBefore, EvalAfter: m.EvalLossAfter},
		Lineage: old, Digest: peft.Digest(a), Reused: true, Trainable: t.trainable(),
	}, nil
}

// discard removes what a run leaves in its directory, and nothing else.
func (t *training) discard() error {
	for _, name := range []string{adapters.LineageFile, "adapter_config.json", "adapter_model.safetensors", trainer.MetricsFile, configFile, "checkpoints"} {
		if err := os.RemoveAll(filepath.Join(t.OutDir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (t *training) trainable() int {
	n := 0
	for _, p := range t.factors.Params() {
		n += len(p.Value)
	}
	return n
}

// configFile is the resolved configuration beside the adapter.
const configFile = "training_config.json"

func (t *training) run(ctx context.Context) (TrainResult, error) {
	if err := os.MkdirAll(t.OutDir, 0o777); err != nil {
		return TrainResult{}, fmt.Errorf("create output directory: %w", err)
	}
	job, err := t.job()
	if err != nil {
		return TrainResult{}, err
	}
	result, err := trainer.Run(ctx, job)
	if err != nil {
		return TrainResult{}, err
	}
	t.lineage.Metrics = adapters.Metrics{
		Steps: result.Steps, Tokens: result.Tokens, TrainedTokens: result.TrainedTokens, TrainLoss: result.Loss,
		EvalLossBefore: result.EvalBefore, EvalLossAfter: result.EvalAfter,
	}
	a := t.factors.Adapter()
	if err := t.write(a); err != nil {
		return TrainResult{}, err
	}
	return TrainResult{
		Result: result, Lineage: t.lineage, Digest: peft.Digest(a),
		Trainable: t.trainable(), Dropped: len(t.rows.Dropped), Windowed: t.rows.Windowed,
	}, nil
}

// job binds the base and the factors.
func (t *training) job() (trainer.Job, error) {
	m, err := model.New(t.base.Config(), t.base.Weights, t.factors.Attachment())
	if err != nil {
		return trainer.Job{}, err
	}
	job := trainer.Job{
		Config: t.Config, Model: m, Params: t.factors.Params(), Train: t.rows, Eval: t.eval,
		RunDigest: t.lineage.RunDigest, OutDir: t.OutDir, Hooks: t.Hooks,
		WeightBytes: m.WeightBytes(), Memory: t.Memory,
	}
	if t.Config.Objective == trainer.DPO {
		if job.Reference, err = model.New(t.base.Config(), t.base.Weights, model.Attachment{}); err != nil {
			return trainer.Job{}, err
		}
	}
	if job.Memory == 0 {
		_, free := machine.Memory()
		job.Memory = free / 10 * 9
	}
	return job, nil
}

// write writes the adapter; the lineage comes last, since its presence means that all is there.
func (t *training) write(a *adapters.Adapter) error {
	if err := atomicfile.WriteJSON(filepath.Join(t.OutDir, configFile), t.lineage.Config); err != nil {
		return err
	}
	if err := peft.Write(t.OutDir, a); err != nil {
		return err
	}
	return atomicfile.WriteJSON(filepath.Join(t.OutDir, adapters.LineageFile), t.lineage)
}

// ReadLineage reads the lineage of an adapter directory; fs.ErrNotExist when it has none.
func ReadLineage(dir string) (adapters.Lineage, error) {
	var l adapters.Lineage
	data, err := os.ReadFile(filepath.Join(dir, adapters.LineageFile))
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("%s: %w", filepath.Join(dir, adapters.LineageFile), err)
	}
	return l, nil
}
