package kinds

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/training"
)

// Trained is what came of a training.
type Trained struct {
	Steps           int     `json:"steps"`
	Tokens          int64   `json:"tokens"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	Seconds         float64 `json:"seconds"`
	Parameters      int     `json:"parameters"`
	ResumedAt       int     `json:"resumed_at"`
}

func train(hooks trainer.Hooks) workflows.Kind {
	return workflows.Kind{
		Name: "train", Version: training.NumericsVersion,
		Config:  func() any { c := trainer.DefaultConfig(); return &c },
		Inputs:  []workflows.Port{{Name: "base", Type: workflows.Base}, {Name: "data", Type: workflows.Dataset}},
		Outputs: []workflows.Port{{Name: "adapter", Type: workflows.Adapter}},
		Intact:  intact,
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			base, err := checkout(ctx, env, t.Inputs["base"])
			if err != nil {
				return workflows.Result{}, err
			}
			// The directory is the task's own: killed and run again, training goes on from what is there.
			dir, began := env.WorkDir(t), env.Now()
			r, err := training.Train(ctx, training.Options{
				Home: env.Home, Base: base, Data: t.Inputs["data"].Ref, Config: *t.Config.(*trainer.Config), OutDir: dir, Name: t.Inputs["data"].Ref, Hooks: hooks,
			})
			if err != nil {
				return workflows.Result{}, err
			}
			a, err := put(ctx, env, workflows.Adapter, "adapter", r.AdapterDigest, openAdapterFiles(dir))
			if err != nil {
				return workflows.Result{}, err
			}
			return facts("adapter", a, Trained{r.Steps, r.Tokens, r.TokensPerSecond, env.Now().Sub(began).Seconds(), r.Trainable, r.ResumedAt})
		},
	}
}

// Training is a training by itself, into a directory.
func Training() workflows.Work[training.Options, training.Result] {
	return workflows.Work[training.Options, training.Result]{
		Name: "train", Do: training.Train, Config: func(o training.Options) any { return o.Config },
		Tell: func(o training.Options, r training.Result) (used, made []workflows.Artefact) {
			used = one(workflows.Base, r.Lineage.Base.Name, r.Lineage.Base.Digest)
			for _, d := range r.Lineage.Datasets {
				used = append(used, rowsOf(d))
			}
			return used, one(workflows.Adapter, o.OutDir, r.AdapterDigest)
		},
	}
}

// rowsOf are rows as an artefact: a version of a dataset, or files.
func rowsOf(d adapters.DatasetRef) workflows.Artefact {
	ref := d.Name
	if d.Version > 0 {
		ref = fmt.Sprintf("%s@%d", d.Name, d.Version)
	}
	return workflows.Artefact{Type: workflows.Dataset, Ref: ref, Digest: d.Digest}
}
