package trainer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/trainer/objective"
)

// MetricsFile is the name of the log in the output directory: a JSON object a line, of a Step or
// of an evaluation.
const MetricsFile = "metrics.jsonl"

type evalLine struct {
	Step     int     `json:"step"`
	EvalLoss float64 `json:"eval_loss"`
}

// maxMetrics bounds the log of a run, in bytes: millions of lines.
const maxMetrics = 256 << 20

// ReadMetrics reads the log of the run in a directory.
func ReadMetrics(dir string) ([]byte, error) {
	return bounded.ReadFile(filepath.Join(dir, MetricsFile), maxMetrics)
}

// metrics appends lines to metrics.jsonl.
type metrics struct {
	path string
	f    *os.File
}

// openMetrics opens the log of a run that goes on after a step: lines of later steps, which were
// written after the checkpoint, are cut off, since they will be written again.
func openMetrics(path string, step int) (*metrics, error) {
	old, err := bounded.ReadFile(path, maxMetrics)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	kept := keepUpTo(old, step)
	if len(kept) != len(old) || err != nil {
		err = atomicfile.WriteFile(path, func(w io.Writer) error {
			_, err := w.Write(kept)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("write metrics: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("write metrics: %w", err)
	}
	return &metrics{path, f}, nil
}

// keepUpTo returns the whole lines of steps up to step; when a run starts anew, none.
func keepUpTo(log []byte, step int) []byte {
	var kept bytes.Buffer
	sc := bufio.NewScanner(bytes.NewReader(log))
	sc.Buffer(nil, 1<<20)
	for step > 0 && sc.Scan() {
		var line evalLine
		if json.Unmarshal(sc.Bytes(), &line) == nil && line.Step <= step {
			kept.Write(sc.Bytes())
			kept.WriteByte('\n')
		}
	}
	return kept.Bytes()
}

// write appends a line with the objective's metrics behind its own keys.
func (m *metrics) write(line any, own objective.Metrics) error {
	data, err := json.Marshal(line)
	if err == nil {
		data, err = own.Append(data)
	}
	if err == nil {
		_, err = m.f.Write(append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// Close closes the log.
func (m *metrics) Close() error { return m.f.Close() }
