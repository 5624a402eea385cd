// Package quickstart is the whole job on what the program carries: the sample documents become a
// dataset, an adapter is fitted to it on the embedded base, measured, published, pulled back, and
// asked a question that the base cannot answer.
package quickstart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/embedded"
	basefiles "github.com/cultivar/cultivar/internal/embedded/base"
	"github.com/cultivar/cultivar/internal/embedded/documents"
	"github.com/cultivar/cultivar/pipeline"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/stages"
	"github.com/cultivar/cultivar/workflows/training"
)

// Name of the dataset and of the adapter that the quickstart makes.
const Name = "halden"

// Alias that it sets.
const Alias = "prod"

// The stages.
const (
	stageBase      = "unpack base"
	stageDocuments = "unpack documents"
	StageIngest    = "ingest"
	StageTrain     = "train"
	StageEvaluate  = "evaluate"
	StagePublish   = "publish"
	StagePull      = "pull"
	StageAsk       = "ask"
)

// Options say where everything goes.
type Options struct {
	Dir   string
	Train trainer.Hooks
	Now   func() time.Time
}

// BaseDir is where the base is unpacked.
func (o Options) BaseDir() string { return filepath.Join(o.Dir, "base", basefiles.Name) }

// DocumentsDir is where the sample documents are unpacked.
func (o Options) DocumentsDir() string { return filepath.Join(o.Dir, "documents") }

// Home holds the dataset, the registry and the history of runs.
func (o Options) Home() string { return filepath.Join(o.Dir, "home") }

// AdapterDir is where training writes.
func (o Options) AdapterDir() string { return filepath.Join(o.Dir, "adapter") }

// PulledDir is where the published version is pulled to.
func (o Options) PulledDir() string { return filepath.Join(o.Dir, "pulled") }

// Facts that stages leave for the report.
type (
	// Ingested is what became of the documents.
	Ingested struct {
		Ref    string         `json:"ref"`
		Stats  pipeline.Stats `json:"stats"`
		Counts catalog.Counts `json:"counts"`
	}
	// Trained is what came of the training.
	Trained struct {
		Steps           int     `json:"steps"`
		Tokens          int64   `json:"tokens"`
		TokensPerSecond float64 `json:"tokens_per_second"`
		Seconds         float64 `json:"seconds"`
		Parameters      int     `json:"parameters"`
		ResumedAt       int     `json:"resumed_at"`
	}
	// Evaluated is the loss on documents that were not trained on.
	Evaluated struct {
		Before float64 `json:"loss_before"`
		After  float64 `json:"loss_after"`
		Tokens int     `json:"tokens"`
		Rows   int     `json:"rows"`
	}
	// Published is the version in the registry.
	Published struct {
		Ref    string `json:"ref"`
		Digest string `json:"digest"`
		Bytes  int64  `json:"bytes"`
		Files  int    `json:"files"`
	}
	// Answers are what base and adapter say to the same question.
	Answers struct {
		Question string `json:"question"`
		Base     string `json:"base"`
		Adapter  string `json:"adapter"`
	}
)

// Workflow returns the quickstart.
func Workflow(o Options) workflows.Workflow {
	return workflows.Workflow{Name: "quickstart", Stages: []workflows.Stage{
		o.unpackBase(), o.unpackDocuments(), o.ingest(), o.train(), o.evaluate(), o.publish(), o.pull(), o.ask(),
	}}
}

// output makes a stage's output with facts for the report.
func output(digest, ref string, facts any) (workflows.Output, error) {
	data, err := json.Marshal(facts)
	return workflows.Output{Digest: digest, Ref: ref, Facts: data}, err
}

func (o Options) unpackBase() workflows.Stage {
	digest, err := embedded.Digest(basefiles.FS, basefiles.Name)
	return workflows.Stage{
		Name: stageBase, Version: 1, Config: digest,
		Do: func(context.Context, workflows.Inputs) (workflows.Output, error) {
			if err != nil {
				return workflows.Output{}, err
			}
			return workflows.Output{Digest: digest, Ref: o.BaseDir()}, embedded.Unpack(basefiles.FS, basefiles.Name, o.BaseDir())
		},
		Intact: func(workflows.Output) error { return embedded.Check(basefiles.FS, basefiles.Name, o.BaseDir()) },
	}
}

func (o Options) unpackDocuments() workflows.Stage {
	digest, err := embedded.Digest(documents.FS, "files")
	return workflows.Stage{
		Name: stageDocuments, Version: 1, Config: digest,
		Do: func(context.Context, workflows.Inputs) (workflows.Output, error) {
			if err != nil {
				return workflows.Output{}, err
			}
			return workflows.Output{Digest: digest, Ref: o.DocumentsDir()}, embedded.Unpack(documents.FS, "files", o.DocumentsDir())
		},
		Intact: func(workflows.Output) error { return embedded.Check(documents.FS, "files", o.DocumentsDir()) },
	}
}

// ingestConfig holds back a tenth of the documents to measure with, and cuts passages to the base's
// short context.
func ingestConfig() stages.IngestConfig {
	c := stages.DefaultIngestConfig()
	c.Split.Validation, c.Split.Test = 0, 0.1
	c.Examples.MaxChars = 1400
	return c
}

func (o Options) ingest() workflows.Stage {
	cfg := ingestConfig()
	return workflows.Stage{
		Name: StageIngest, Needs: []string{stageDocuments}, Version: 1, Config: cfg,
		Do: func(ctx context.Context, _ workflows.Inputs) (workflows.Output, error) {
			r, err := stages.Ingest(ctx, stages.IngestOptions{
				Home: o.Home(), Sources: []string{o.DocumentsDir()}, Name: Name, Config: cfg, Now: o.Now(),
			})
			if err != nil {
				return workflows.Output{}, err
			}
			m := r.Dataset.Manifest
			return output(m.Digest, r.Dataset.Ref(), Ingested{r.Dataset.Ref(), r.Stats, m.Counts})
		},
		Intact: func(out workflows.Output) error {
			ctx := context.Background()
			h, err := home.Open(ctx, o.Home())
			if err != nil {
				return err
			}
			d, err := h.Datasets.Open(ctx, out.Ref)
			if err != nil {
				return err
			}
			if d.Manifest.Digest != out.Digest {
				return errors.New("the dataset is another one")
			}
			return d.Verify(context.Background())
		},
	}
}

// trainConfig fits the facts of the documents into the adapter within a minute on two cores.
func trainConfig() trainer.Config {
	c := trainer.DefaultConfig()
	c.MaxSeqLength, c.BatchSize, c.MicroBatchSize = 512, 8, 8
	c.NumEpochs, c.LearningRate, c.WarmupSteps = 24, 4e-3, 10
	c.EvalFraction, c.EvalSteps, c.SaveSteps = 0, 0, 25
	return c
}

func (o Options) train() workflows.Stage {
	cfg := trainConfig()
	return workflows.Stage{
		Name: StageTrain, Needs: []string{stageBase, StageIngest}, Version: training.NumericsVersion, Config: cfg.Digest(),
		Do: func(ctx context.Context, in workflows.Inputs) (workflows.Output, error) {
			began := o.Now()
			r, err := training.Train(ctx, training.Options{
				Home: o.Home(), Base: o.BaseDir(), Data: in[StageIngest].Ref, Config: cfg, OutDir: o.AdapterDir(),
				Restart: true, Hooks: o.Train,
			})
			if err != nil {
				return workflows.Output{}, err
			}
			return output(r.AdapterDigest, o.AdapterDir(), Trained{
				r.Steps, r.Tokens, r.TokensPerSecond, o.Now().Sub(began).Seconds(), r.Trainable, r.ResumedAt,
			})
		},
		Intact: intactAdapter(o.AdapterDir()),
	}
}

// intactAdapter checks that a directory holds the adapter of an output.
func intactAdapter(dir string) func(workflows.Output) error {
	return func(out workflows.Output) error {
		a, err := peft.Read(dir)
		if err != nil {
			return err
		}
		if peft.Digest(a) != out.Digest {
			return fmt.Errorf("%s holds another adapter", dir)
		}
		return nil
	}
}

func (o Options) evaluate() workflows.Stage {
	return workflows.Stage{
		Name: StageEvaluate, Needs: []string{stageBase, StageIngest, StageTrain}, Version: 1,
		Do: func(ctx context.Context, in workflows.Inputs) (workflows.Output, error) {
			opts := training.EvalOptions{Home: o.Home(), Base: o.BaseDir(), Data: in[StageIngest].Ref, Split: "test"}
			before, err := training.Eval(ctx, opts)
			if err != nil {
				return workflows.Output{}, err
			}
			opts.Adapter = o.AdapterDir()
			after, err := training.Eval(ctx, opts)
			if err != nil {
				return workflows.Output{}, err
			}
			if before.Loss == nil || after.Loss == nil {
				return workflows.Output{}, errors.New("nothing to evaluate on")
			}
			return output(in[StageTrain].Digest, "", Evaluated{*before.Loss, *after.Loss, after.Tokens, len(after.Rows)})
		},
	}
}

func (o Options) publish() workflows.Stage {
	return workflows.Stage{
		Name: StagePublish, Needs: []string{StageTrain}, Version: 1,
		Do: func(ctx context.Context, _ workflows.Inputs) (workflows.Output, error) {
			r, err := stages.Publish(ctx, stages.PublishOptions{
				Home: o.Home(), Dir: o.AdapterDir(), Name: Name, Alias: Alias, Who: "quickstart", Why: "quickstart", Now: o.Now(),
			})
			if err != nil {
				return workflows.Output{}, err
			}
			m := r.Manifest
			return output(m.Digest, m.Ref().String(), Published{m.Ref().String(), m.Digest, m.Size(), len(m.Files)})
		},
		Intact: func(out workflows.Output) error {
			return stages.CheckPublished(context.Background(), o.Home(), out.Ref, Alias, out.Digest)
		},
	}
}

func (o Options) pull() workflows.Stage {
	return workflows.Stage{
		Name: StagePull, Needs: []string{StageTrain, StagePublish}, Version: 1,
		Do: func(ctx context.Context, in workflows.Inputs) (workflows.Output, error) {
			_, err := stages.Pull(ctx, stages.PullOptions{Home: o.Home(), Ref: Name + ":" + Alias, Out: o.PulledDir(), Replace: true})
			return workflows.Output{Digest: in[StageTrain].Digest, Ref: o.PulledDir()}, err
		},
		Intact: intactAdapter(o.PulledDir()),
	}
}

func (o Options) ask() workflows.Stage {
	return workflows.Stage{
		Name: StageAsk, Needs: []string{stageBase, StagePull}, Version: 1, Config: documents.Question,
		Do: func(ctx context.Context, in workflows.Inputs) (workflows.Output, error) {
			a := Answers{Question: documents.Question}
			var err error
			if a.Base, err = o.answer(ctx, ""); err != nil {
				return workflows.Output{}, err
			}
			if a.Adapter, err = o.answer(ctx, o.PulledDir()); err != nil {
				return workflows.Output{}, err
			}
			return output(in[StagePull].Digest, "", a)
		},
	}
}

// answer asks in the form in which the documents ask and answer.
func (o Options) answer(ctx context.Context, adapter string) (string, error) {
	answers, err := stages.Generate(ctx, stages.GenerateOptions{
		Base: o.BaseDir(), AdapterRef: stages.AdapterRef{Adapter: adapter}, Prompts: []string{Prompt(documents.Question)},
		Options: generate.Options{MaxNewTokens: 60}, StopTexts: []string{"\n"}, Now: o.Now(),
	})
	if err != nil {
		return "", err
	}
	return answers[0].Text, nil
}

// Prompt puts a question into the form that the documents use.
func Prompt(question string) string { return "**Q: " + question + "**\n\nA:" }
