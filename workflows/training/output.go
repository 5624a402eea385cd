package training

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/card"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/reports"
)

// What the output directory may be instead of this run's.
var (
	// ErrOtherRun means that it holds the result of another run.
	ErrOtherRun = errors.New("the output directory holds another run")
	// ErrForeign means that it holds what no training has written.
	ErrForeign = errors.New("the output directory holds other files")
	// ErrBusy means that another training is writing to it.
	ErrBusy = errors.New("another training is writing to the output directory")
)

// configFile is the resolved configuration beside the adapter.
const configFile = "training_config.json"

// The files of a run: those that are there from its beginning, and those that are there at its end.
var (
	early = []string{trainer.MetricsFile, trainer.CheckpointDir}
	late  = []string{adapters.LineageFile, "adapter_config.json", "adapter_model.safetensors", configFile, card.Name, reports.File}
)

// output is the directory that a run writes to, and nobody else.
type output struct {
	dir   string
	close func()
}

// openOutput makes the directory and locks it. The lock is the system's: it ends with the process.
func openOutput(dir string) (*output, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create output directory: %w", err)
	}
	release, err := atomicfile.HoldDir(dir)
	if errors.Is(err, atomicfile.ErrHeld) {
		return nil, fmt.Errorf("%s: %w", dir, ErrBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("open output directory: %w", err)
	}
	return &output{dir, release}, nil
}

// claim returns the lineage of the run if the directory holds its result, nil if the run is still to be
// done there. What another run has left is discarded when restart says so, and an error otherwise.
func (o *output) claim(runDigest string, restart bool) (*adapters.Lineage, error) {
	old, err := publish.ReadLineage(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := o.foreign(); err != nil || !restart {
			return nil, err
		}
		return nil, o.discard()
	}
	switch {
	case err != nil:
		return nil, err
	case old.RunDigest == runDigest:
		return &old, nil
	case !restart:
		return nil, fmt.Errorf("%s: %w", o.dir, ErrOtherRun)
	}
	return nil, o.discard()
}

// foreign refuses a directory with files that a run which is not done does not have. Those of a run's end
// may be there if its checkpoints are.
func (o *output) foreign() error {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return fmt.Errorf("read output directory: %w", err)
	}
	begun := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return slices.Contains(early, e.Name()) })
	for _, e := range entries {
		name := e.Name()
		ours := slices.Contains(early, name) || begun && slices.Contains(late, name)
		if !ours && !strings.HasPrefix(name, ".") { // hidden files are the system's, and files that were not finished
			return fmt.Errorf("%s: %w, such as %q", o.dir, ErrForeign, name)
		}
	}
	return nil
}

// discard removes what a run leaves in its directory, and nothing else.
func (o *output) discard() error {
	for _, name := range slices.Concat(late, early) {
		if name == card.Name {
			continue // perhaps somebody's own; ours is replaced
		}
		if err := os.RemoveAll(filepath.Join(o.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// write writes what is trained, as an adapter, into a directory; the lineage comes last, since its presence means
// that all is there.
func (s *session) write(dir string, r trainer.Result) error {
	a, l := s.factors.Adapter(), s.lineage
	l.Metrics = metricsOf(r)
	if err := atomicfile.WriteJSON(filepath.Join(dir, configFile), s.resolved()); err != nil {
		return err
	}
	if err := peft.Write(dir, a); err != nil {
		return err
	}
	if err := card.Write(dir, card.Of("", a, peft.Digest(a), l)); err != nil {
		return err
	}
	return atomicfile.WriteJSON(filepath.Join(dir, adapters.LineageFile), l)
}

// metricsOf is what a lineage says of a training's result.
func metricsOf(r trainer.Result) adapters.Metrics {
	return adapters.Metrics{
		Steps: r.Steps, Tokens: r.Tokens, TrainedTokens: r.TrainedTokens, TrainLoss: r.Loss,
		EvalLossBefore: r.EvalBefore, EvalLossAfter: r.EvalAfter,
	}
}
