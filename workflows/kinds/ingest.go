package kinds

import (
	"context"

	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/pipeline"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/ingestion"
)

// IngestConfig says which dataset is made, and how.
type IngestConfig struct {
	Dataset          string `yaml:"dataset"` // its name
	ingestion.Config `yaml:",inline"`
}

// Validate reports everything that is wrong with the configuration.
func (c *IngestConfig) Validate() error {
	if err := catalog.CheckName(c.Dataset); err != nil {
		return err
	}
	return c.Config.Validate()
}

// Ingested is what became of documents.
type Ingested struct {
	Ref    string         `json:"ref"`
	Stats  pipeline.Stats `json:"stats"`
	Counts catalog.Counts `json:"counts"`
}

func ingest() workflows.Kind {
	return workflows.Kind{
		Name: "ingest", Version: 1, Config: func() any { return &IngestConfig{Config: ingestion.DefaultConfig()} },
		Inputs:  []workflows.Port{{Name: "documents", Type: workflows.Documents}},
		Outputs: []workflows.Port{{Name: "dataset", Type: workflows.Dataset}},
		Intact:  intact,
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			dir, err := checkout(ctx, env, t.Inputs["documents"])
			if err != nil {
				return workflows.Result{}, err
			}
			c := t.Config.(*IngestConfig)
			if len(c.Pipeline.Source.Ignore) == 0 {
				c.Pipeline.Source.Ignore = nil // an empty list and none are one setting, so have one digest
			}
			r, err := ingestion.Ingest(ctx, ingestion.Options{
				Home: env.Home, Sources: []string{dir}, Name: c.Dataset, Config: c.Config, Now: env.Now(),
			})
			if err != nil {
				return workflows.Result{}, err
			}
			m, ref := r.Dataset.Manifest, r.Dataset.Ref()
			return facts("dataset", workflows.Artefact{Type: workflows.Dataset, Ref: ref, Digest: m.Digest}, Ingested{ref, r.Stats, m.Counts})
		},
	}
}

// Ingesting is an ingestion by itself: its documents are where they are, and known by their paths alone.
func Ingesting() workflows.Work[ingestion.Options, ingestion.Result] {
	return workflows.Work[ingestion.Options, ingestion.Result]{
		Name: "ingest", Do: ingestion.Ingest, Config: func(o ingestion.Options) any { return o.Config },
		Tell: func(o ingestion.Options, r ingestion.Result) (used, made []workflows.Artefact) {
			for _, s := range o.Sources {
				used = append(used, workflows.Artefact{Type: workflows.Documents, Ref: s})
			}
			return used, one(workflows.Dataset, r.Dataset.Ref(), r.Dataset.Manifest.Digest)
		},
	}
}
