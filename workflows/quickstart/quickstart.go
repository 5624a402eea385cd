// Package quickstart is the whole job on what the program carries: the sample documents become a
// dataset, an adapter is fitted to it on the embedded base, measured, published, pulled back, and
// asked a question that the base cannot answer. It is a workflow like any other.
package quickstart

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/internal/embedded/base"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/ingestion"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/reports"
	"github.com/cultivar/cultivar/workflows/run"
)

// Name of the dataset and of the adapter that the quickstart makes.
const Name = "halden"

// Alias that it sets.
const Alias = "prod"

// The stages, which are called as their kinds.
const (
	stageBase      = "unpack base"
	stageDocuments = "unpack documents"
	stageIngest    = "ingest"
	stageTrain     = "train"
	stageEvaluate  = "evaluate"
	stagePublish   = "publish"
	stagePull      = "pull"
	stageAsk       = "ask"
)

// Dirs says where everything goes, below one directory.
type Dirs struct{ Root string }

// Base is where the base is put at the end.
func (d Dirs) Base() string { return filepath.Join(d.Root, "base", base.Name) }

// Adapter is where the adapter is put at the end.
func (d Dirs) Adapter() string { return filepath.Join(d.Root, "adapter") }

// Home holds the dataset, the registry and history.
func (d Dirs) Home() string { return filepath.Join(d.Root, "home") }

// Reports are the pages to look at that the stages left.
func (d Dirs) Reports(q Report) []string {
	list := []string{}
	name, version, _ := strings.Cut(q.Ingested.Ref, "@")
	for _, path := range []string{
		filepath.Join(d.Home(), "datasets", name, "v"+version, reports.File), filepath.Join(d.Adapter(), reports.File),
	} {
		if _, err := os.Stat(path); err == nil {
			list = append(list, path)
		}
	}
	return list
}

// Scratch is what the stages work in.
func (d Dirs) Scratch() string { return filepath.Join(d.Root, "work") }

// Workflow returns the quickstart.
func Workflow() (workflows.Workflow, error) {
	carriedBase, err := kinds.CarriedBase()
	if err != nil {
		return workflows.Workflow{}, err
	}
	carriedDocuments, err := kinds.CarriedDocuments()
	if err != nil {
		return workflows.Workflow{}, err
	}
	w := workflows.Workflow{Name: "quickstart"}
	for _, s := range []struct {
		name   string
		config any
		inputs map[string]string
	}{
		{stageBase, carriedBase, nil},
		{stageDocuments, carriedDocuments, nil},
		{stageIngest, ingestConfig(), map[string]string{"documents": "unpack documents.documents"}},
		{stageTrain, trainConfig(), map[string]string{"base": "unpack base.base", "data": "ingest.dataset"}},
		{stageEvaluate, kinds.EvaluateConfig{Split: "test"}, map[string]string{
			"base": "unpack base.base", "data": "ingest.dataset", "adapter": "train.adapter"}},
		{stagePublish, kinds.PublishConfig{Name: Name, Alias: Alias, Why: "quickstart"}, map[string]string{"adapter": "train.adapter"}},
		{stagePull, struct{}{}, map[string]string{"version": "publish.version"}},
		{stageAsk, struct{}{}, map[string]string{"base": "unpack base.base", "adapter": "pull.adapter"}},
	} {
		config, err := workflows.Encode(s.config)
		if err != nil {
			return w, err
		}
		w.Stages = append(w.Stages, workflows.Stage{Name: s.name, Kind: s.name, Inputs: s.inputs, Config: config})
	}
	return w, nil
}

// ingestConfig holds back a tenth of the documents to measure with, and cuts passages to the base's
// short context.
func ingestConfig() kinds.IngestConfig {
	c := ingestion.DefaultConfig()
	c.Split.Validation, c.Split.Test = 0, 0.1
	c.Examples.MaxChars = 1400
	return kinds.IngestConfig{Dataset: Name, Config: c}
}

// trainConfig fits the facts of the documents into the adapter within a minute on two cores.
func trainConfig() trainer.Config {
	c := trainer.DefaultConfig()
	c.MaxSeqLength, c.BatchSize, c.MicroBatchSize = 512, 8, 8
	c.NumEpochs, c.LearningRate, c.WarmupSteps = 24, 4e-3, 10
	c.EvalFraction, c.EvalSteps, c.SaveSteps = 0, 0, 25
	return c
}

// Report is what came of the quickstart: what was measured in the run that made each result.
type Report struct {
	Dir       string          `json:"dir"`
	Seconds   float64         `json:"seconds"`
	Reused    []string        `json:"reused"` // stages whose results were there and still right
	Ingested  kinds.Ingested  `json:"ingested"`
	Trained   kinds.Trained   `json:"trained"`
	Evaluated kinds.Evaluated `json:"evaluated"`
	Published kinds.Published `json:"published"`
	Answers   kinds.Answers   `json:"answers"`
	Adapter   string          `json:"adapter_digest"`
	Dataset   string          `json:"dataset_digest"`
	Reports   []string        `json:"reports"` // files of pages to look at
}

// Read makes the report of a run.
func Read(r run.Run) (Report, error) {
	q := Report{Reused: append([]string{}, r.Reused...), Seconds: r.Took().Seconds()}
	into := map[string]any{
		stageIngest: &q.Ingested, stageTrain: &q.Trained, stageEvaluate: &q.Evaluated, stagePublish: &q.Published, stageAsk: &q.Answers,
	}
	for _, s := range r.Stages {
		switch s.Stage {
		case stageIngest:
			q.Dataset = s.Result.Outputs["dataset"].Digest
		case stageTrain:
			q.Adapter = s.Result.Outputs["adapter"].Digest
		}
		if v := into[s.Stage]; v != nil {
			if err := json.Unmarshal(s.Result.Facts, v); err != nil {
				return q, fmt.Errorf("read the record of %s: %w", s.Stage, err)
			}
		}
	}
	return q, nil
}

// Finish writes what the stages made to directories with names that people find, out of the home, and
// removes what they worked in.
func Finish(ctx context.Context, env workflows.Env, d Dirs, r run.Run) error {
	dirs := map[string]string{
		stageBase: d.Base(), stageDocuments: filepath.Join(d.Root, "documents"),
		stageTrain: d.Adapter(), stagePull: filepath.Join(d.Root, "pulled"),
	}
	for _, s := range r.Stages {
		dir, ok := dirs[s.Stage]
		if !ok {
			continue
		}
		for _, a := range s.Result.Outputs {
			if err := kinds.Checkout(ctx, env, a, dir); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(d.Scratch())
}
