package training

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/atomicfile"
)

func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("mine"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
}

// An output directory is empty, absent, or of this run; what else is there belongs to somebody.
func TestClaim(t *testing.T) {
	for _, tt := range []struct {
		name    string
		files   []string
		lineage string // run digest of the one that is there
		restart bool
		want    error
		done    bool
	}{
		{name: "empty"},
		{name: "hidden", files: []string{".DS_Store", ".lineage.json.tmp-X"}},
		{name: "begun", files: []string{"metrics.jsonl"}},
		{name: "killed at the end", files: []string{"checkpoints/step-1/x", "metrics.jsonl", "adapter_config.json", "training_config.json"}},
		{name: "report", files: []string{"report.txt"}, want: ErrForeign},
		{name: "report, restart", files: []string{"report.txt"}, restart: true, want: ErrForeign},
		{name: "another's adapter", files: []string{"adapter_config.json", "adapter_model.safetensors"}, restart: true, want: ErrForeign},
		{name: "begun beside a report", files: []string{"metrics.jsonl", "report.txt"}, want: ErrForeign},
		{name: "done", files: []string{"notes.txt"}, lineage: "this", done: true},
		{name: "other run", files: []string{"notes.txt"}, lineage: "other", want: ErrOtherRun},
		{name: "other run, restart", files: []string{"notes.txt", "checkpoints/step-1/x"}, lineage: "other", restart: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, tt.files...)
			if tt.lineage != "" {
				if err := atomicfile.WriteJSON(filepath.Join(dir, adapters.LineageFile), adapters.Lineage{RunDigest: tt.lineage}); err != nil {
					t.Fatal(err)
				}
			}
			out, err := openOutput(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer out.close()
			old, err := out.claim("this", tt.restart)
			if !errors.Is(err, tt.want) || (old != nil) != tt.done {
				t.Errorf("done %v, error %v, want %v", old != nil, err, tt.want)
			}
			for _, name := range tt.files {
				_, err := os.Stat(filepath.Join(dir, name))
				if gone := err != nil; gone != (tt.restart && tt.want == nil && name != "notes.txt") {
					t.Errorf("%s is gone: %v", name, gone)
				}
			}
		})
	}
}

// Two trainings cannot write to one directory.
func TestOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	first, err := openOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openOutput(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("error is %v", err)
	}
	first.close()
	second, err := openOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	second.close()
}
