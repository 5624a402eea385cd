package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/datasets/probe"
	"github.com/cultivar/cultivar/internal/report"
	"github.com/cultivar/cultivar/pipeline"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/objective"
)

var update = flag.Bool("update", false, "write the golden pages")

// golden compares a page with the one that somebody has looked at, and returns it.
func golden(t *testing.T, name string, p report.Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, p); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s is another page: look at it in a browser, then go test -update", name)
	}
	return b.String()
}

func number(v float64) *float64 { return &v }

func training() Training {
	config := func(rate float64, seed int) any {
		return struct {
			Rate float64        `json:"learning_rate"`
			LoRA map[string]any `json:"lora"`
			Seed int            `json:"seed"`
		}{rate, map[string]any{"r": 16, "target_modules": []string{"q_proj"}}, seed}
	}
	var log bytes.Buffer
	for i := range 50 {
		step := map[string]float64{"step": float64(i + 1), "loss": 1 + 4/float64(i+2), "grad_norm": 0.5, "learning_rate": 4e-3,
			"tokens": float64(100 * (i + 1)), "trained_tokens": float64(90 * (i + 1)), "tokens_per_second": 200, "rewards/margins": float64(i) / 10}
		line, _ := json.Marshal(step)
		log.Write(append(line, '\n'))
		if i%25 == 0 {
			fmt.Fprintf(&log, "{\"step\":%d,\"eval_loss\":2.5}\n", i+1)
		}
	}
	log.WriteString(`{"step":51,"lo`) // killed here
	return Training{
		Name: "handbook-adapter", Config: config(4e-3, 3), Defaults: config(2e-4, 17), Origins: map[string]string{"learning_rate": "train.yaml", "seed": "--seed"}, Log: log.Bytes(), Unit: "nats per token",
		Adapter: adapters.Config{Rank: 16},
		Lineage: adapters.Lineage{Base: adapters.BaseRef{Name: "seedling", Digest: "sha256:00"}, Datasets: []adapters.DatasetRef{{Name: "handbook", Version: 3, Digest: "sha256:01"}},
			Tool: "cultivar/0", Metrics: adapters.Metrics{Steps: 50, Tokens: 5000, TrainedTokens: 4500, TrainLoss: 1.08, EvalLossBefore: number(3), EvalLossAfter: number(1.25)}},
		Digest: "sha256:02", AdapterDigest: "sha256:03", Trainable: 244000, Rows: 98, HeldOut: 8, Sequences: 47, Windowed: 2, Dropped: 1,
		Samples: []report.Sample{{Name: "row-1", Prompt: "The limit is", Answers: []report.Answer{{By: "base", Text: " the", Short: true}, {By: "with the adapter", Text: " ten days."}}}},
		Cost:    Cost{PeakMemory: 304 << 20, WeightBytes: 4 << 20, Joules: 7200, ResumedAt: 25},
	}
}

func TestTraining(t *testing.T) {
	page := golden(t, "training.html", training().Page())
	for _, want := range []string{"learning_rate</td><td>0.004</td><td>train.yaml", "seed</td><td>3</td><td>--seed", "25s", "2 Wh", "report_samples: 0"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	var none bytes.Buffer
	bare := Training{NoSamples: "no rows were held out."}
	if err := report.Write(&none, bare.Page()); err != nil || !strings.Contains(none.String(), "No samples: no rows were held out.") {
		t.Errorf("a run of which nothing is known: %v", err)
	}
}

func TestSeconds(t *testing.T) {
	if got := readCurves(training().Log).seconds(); math.Abs(got-25) > 1e-9 {
		t.Errorf("%v s in steps, want 25", got)
	}
}

// TestIngest: everything is counted, and no text of a document is in the page.
func TestIngest(t *testing.T) {
	const secret = "SECRET TEXT OF A DOCUMENT"
	tally := NewTally()
	for i, uri := range []string{"a/x.md", "a/y.md", "a/z.PDF", "rows.jsonl.gz#3", "a/no-type"} {
		tally.Document(datasets.Document{SourceURI: uri, NChars: 90 * (i + 1) * (i + 1), Lang: []string{"en", ""}[i%2], Text: secret, Title: secret,
			Metadata: map[string]string{secret: secret}}, datasets.Train)
	}
	tally.Exclusion(datasets.Exclusion{SourceURI: "a/b.exe", Stage: "extract", Rule: "unsupported", Start: -1})
	tally.Exclusion(datasets.Exclusion{SourceURI: "a/c.md", Stage: "dedup", Rule: "near", Value: 0.91, Start: -1})
	tally.Exclusion(datasets.Exclusion{SourceURI: "a/d.md", Stage: "dedup", Rule: "near", Value: 1, Start: -1})
	tally.Exclusion(datasets.Exclusion{SourceURI: "a/x.md", Stage: "filter", Rule: "boilerplate", Start: 3, End: 9})
	for _, doc := range []string{"1", "1", "2"} {
		tally.Redaction(datasets.Redaction{DocID: doc, Entity: "EMAIL", Detector: "email", Replacement: "[EMAIL]"})
	}
	in := Ingest{Tally: tally, Ref: "handbook@3", Stats: pipeline.Stats{Files: 7, Bytes: 12345, Flagged: map[string]int64{"min_words": 1}},
		Manifest: catalog.Manifest{Digest: "sha256:00", ConfigDigest: "sha256:01", ToolVersion: "0", Sources: []catalog.Source{{URI: "a", Documents: 4}},
			Counts: catalog.Counts{Input: 8, Documents: 5, Dropped: 3, Chars: 4950, Examples: 6, RedactedBy: map[string]int64{"EMAIL": 3}, Splits: map[string]int64{"train": 6}}},
		Config: map[string]any{"pipeline": map[string]any{"workers": 2}, "split": 0.1}, Defaults: map[string]any{"pipeline": map[string]any{"workers": 2}},
		Origins: map[string]string{"split": "--split"},
	}
	page := golden(t, "ingest.html", in.Page())
	if strings.Contains(page, secret) {
		t.Error("the page has the text of a document")
	}
	for _, want := range []string{"in 2 documents", ">.jsonl<", ">.pdf<", ">others<", "a/b.exe", ">workers<", "unsupported"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestEvaluation: rows are listed by their ids, the worst first, and those without a token are not.
func TestEvaluation(t *testing.T) {
	e := Evaluation{Base: "seedling", Adapter: "handbook-adapter", Data: "handbook", Split: "test", Objective: "clm", Unit: "nats per token",
		Loss: number(1.5), Tokens: 5, Count: 4, Windowed: 1, IDs: []string{"good", "bad", "none", "equal"},
		Rows: []eval.Row{{Logprobs: []float64{-0.5, -1.5}}, {Logprobs: []float64{-4}}, {}, {Logprobs: []float64{-1, -1}}}}
	page := golden(t, "evaluation.html", e.Page())
	bad, good, equal := strings.Index(page, ">bad<"), strings.Index(page, ">good<"), strings.Index(page, ">equal<")
	if bad < 0 || good < bad || equal < good || strings.Contains(page, ">none<") {
		t.Errorf("rows stand at %d, %d, %d", bad, good, equal)
	}
	var b bytes.Buffer
	pairs := Evaluation{Base: "seedling", Data: "pairs.jsonl", Objective: "dpo", Loss: number(0.69), Metrics: []objective.Metric{{Name: "rewards/margins", Value: 0.25}}}
	if err := report.Write(&b, pairs.Page()); err != nil || !strings.Contains(b.String(), "rewards/margins") {
		t.Errorf("pairs: %v", err)
	}
}

func TestAdapter(t *testing.T) {
	tr := training()
	tr.Lineage.Config = json.RawMessage(`{"learning_rate":0.004}`)
	a := Adapter{Manifest: registry.Manifest{Name: "handbook", Version: 3, Digest: "sha256:02", CreatedBy: "ann", CreatedAt: time.Unix(1e9, 0),
		Files: []registry.File{{Path: "adapter_config.json", Digest: "sha256:05", Size: 1200}}},
		Aliases: []string{"prod"}, Config: adapters.Config{Rank: 16, Alpha: 32, TargetModules: []string{"q_proj", "v_proj"}}, Lineage: &tr.Lineage, Log: tr.Log}
	page := golden(t, "adapter.html", a.Page())
	for _, want := range []string{"handbook@3", "served as prod", "learning_rate</td><td>0.004", "q_proj, v_proj", "2001-09-09"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	var b bytes.Buffer
	if err := report.Write(&b, Adapter{Manifest: registry.Manifest{Name: "x", Version: 1}}.Page()); err != nil {
		t.Error(err)
	}
}

func TestSizeBin(t *testing.T) {
	for size, want := range map[int]float64{0: 0, 99: 0, 100: 100, 199: 100, 999: 500, 1000: 1000, 123456: 100000} {
		if got := sizeBin(size); got != want {
			t.Errorf("%d is in bin %v, want %v", size, got, want)
		}
	}
}

// TestWrite: the file is its owner's alone.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	for range 2 {
		if err := Write(path, report.Page{Title: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// What is known of documents is told by document and by directory, and what was taken for false is quoted.
func TestKnowledgePage(t *testing.T) {
	score := func(first, second float64) probe.Score {
		return probe.Score{Estimate: probe.Estimate{Accuracy: 0.625, Low: 0.5, High: 0.75}, Documents: []probe.DocumentScore{
			{DocID: "a", SourceURI: "docs/hr/<leave>.md", Comparisons: 4, Accuracy: first},
			{DocID: "b", SourceURI: "docs/it/keys.md", Comparisons: 4, Accuracy: second},
		}}
	}
	with := score(0.25, 1)
	var b bytes.Buffer
	k := Knowledge{Base: "base", Adapter: "adapter", Data: "d@1", Documents: 3, Statements: 5, Comparisons: 8, Alone: score(0.5, 0.5), With: &with,
		Confused: []Confused{{Source: "docs/hr/<leave>.md", True: "Leave is 30 days.", Altered: "Leave is 12 & days.", Nats: 1.5}}}
	if err := report.Write(&b, k.Page()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"0.625", "0.500 to 0.750", "1 other without a statement", "docs/hr/&lt;leave&gt;.md", ">hr<", ">it<", ">0.25<", "Leave is 12 &amp; days."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if list := page[:strings.Index(page, "By source")]; strings.Contains(list, "keys.md") {
		t.Error("a document that is known is listed as not learnt")
	}
}
