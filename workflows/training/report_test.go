package training_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/training"
)

// page reads a report, which its owner alone may do.
func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
	}
	return string(text)
}

// TestTrainLeavesAReport: it is no part of what was made, and is written again when it is lost.
func TestTrainLeavesAReport(t *testing.T) {
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), texts(6, 2)...)
	r, out := train(t, b, data, config(nil))
	if r.Report != filepath.Join(out, "report.html") || !strings.Contains(page(t, r.Report), "no rows were held out") {
		t.Errorf("the report is %q", r.Report)
	}
	if err := os.Remove(r.Report); err != nil {
		t.Fatal(err)
	}
	if digest, err := publish.ContentDigest(t.Context(), out); err != nil || digest != r.Digest {
		t.Errorf("without the report the digest is %s, was %s: %v", digest, r.Digest, err)
	}
	o := training.Options{Home: t.TempDir(), Base: b, Data: data, Config: config(nil), OutDir: out}
	again, err := training.Train(context.Background(), o)
	if err != nil || !again.Reused || again.Digest != r.Digest || !strings.Contains(page(t, again.Report), "was done before") {
		t.Errorf("called again: %v, %v", again.Report, err)
	}
	before := page(t, again.Report)
	if again, err = training.Train(context.Background(), o); err != nil || page(t, again.Report) != before {
		t.Errorf("called a third time: %v", err)
	}
}

// TestSamples: a run that trained enough shows held-out prompts answered before and after; a short one, and
// one that is told so, quotes nothing.
func TestSamples(t *testing.T) {
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), talks(60)...)
	for name, c := range map[string]struct {
		samples, epochs int
		want            string
	}{
		"long":   {1, 20, "with the adapter"},
		"short":  {1, 1, "they are taken of runs over at least"},
		"silent": {0, 1, "report_samples is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := train(t, b, data, config(func(cfg *trainer.Config) {
				cfg.Objective, cfg.MaxSteps, cfg.NumEpochs, cfg.EvalFraction, cfg.MaxSeqLength = "sft", 0, float64(c.epochs), 0.2, 64
				cfg.ReportSamples, cfg.LearningRate = c.samples, 4e-3
			}))
			text := page(t, r.Report)
			quoted := strings.Contains(text, "Where is key") && strings.Contains(text, "On hook")
			if !strings.Contains(text, c.want) || quoted != (name == "long") {
				t.Errorf("quoted is %v, and the page does not say %q after %d tokens", quoted, c.want, r.Tokens)
			}
		})
	}
}

// TestEvalReport: the page is where it was asked for and quotes nothing.
func TestEvalReport(t *testing.T) {
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), texts(3, 2)...)
	o := training.EvalOptions{Home: t.TempDir(), Base: b, Data: data, Split: "test", LeaveReport: true}
	r, err := training.Eval(t.Context(), o)
	if err != nil || len(r.IDs) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if filepath.Dir(r.Report) != filepath.Join(o.Home, "reports") || !strings.HasPrefix(filepath.Base(r.Report), "eval-rows.jsonl-test-seedling-") {
		t.Errorf("the report goes to %q", r.Report)
	}
	text := page(t, r.Report)
	for i := range 3 {
		if strings.Contains(text, fmt.Sprintf("Room %d", i)) {
			t.Error("the page quotes a row")
		}
	}
	if !strings.Contains(text, ">"+r.IDs[0]+"<") {
		t.Errorf("the page does not name row %q", r.IDs[0])
	}
	o.Report = t.TempDir() // a directory
	if _, err := training.Eval(t.Context(), o); err == nil {
		t.Error("a report that was asked for was not written, without an error")
	}
	o.Report, o.LeaveReport = "", false
	if r, err := training.Eval(t.Context(), o); err != nil || r.Report != "" {
		t.Errorf("nobody asked for %q: %v", r.Report, err)
	}
}
