// Package scratch makes new models: all parameters trainable, started at random, and their way to a
// base directory. It exists so that the project can train the base that it ships.
package scratch

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/model/llama"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Weights are the parameters of a new model, by published name.
type Weights struct {
	params []*ops.Param
	byName map[string]*ops.Param
}

// New starts the weights of a Llama model: matrices normal with the configuration's
// initializer_range, norms one. Each weight has a random stream of its own, keyed by its name.
func New(c *bases.Config, seed uint64) *Weights {
	w := &Weights{byName: make(map[string]*ops.Param)}
	for _, s := range llama.Weights(c) {
		p := ops.NewParam(s.Name, s.Rows, s.Cols)
		draw := rng.New(seed, "weight "+s.Name).At(0, 0)
		for i := range p.Value {
			if s.Rows == 1 {
				p.Value[i] = 1
			} else {
				p.Value[i] = draw.Normal() * float32(c.InitializerRange)
			}
		}
		w.params = append(w.params, p)
		w.byName[s.Name] = p
	}
	return w
}

// Params lists the parameters.
func (w *Weights) Params() []*ops.Param { return w.params }

// Count is the number of scalar parameters.
func (w *Weights) Count() int {
	n := 0
	for _, p := range w.params {
		n += len(p.Value)
	}
	return n
}

// Attachment makes every weight of a model trainable.
func (w *Weights) Attachment() model.Attachment {
	return model.Attachment{Param: func(name string) *ops.Param { return w.byName[name] }}
}

// Tensor implements model.Source; every weight is a parameter, so it is asked only for what is not there.
func (w *Weights) Tensor(name string) (bases.View, error) {
	return bases.View{}, fmt.Errorf("%w: %q", bases.ErrNoTensor, name)
}

// Has implements model.Source.
func (w *Weights) Has(name string) bool { return w.byName[name] != nil }

// Round makes every weight what it will be once it is stored as bfloat16.
func (w *Weights) Round() {
	for _, p := range w.params {
		bits := make([]uint16, len(p.Value))
		dtype.Round(dtype.BF16, bits, p.Value)
		dtype.Widen(dtype.BF16, p.Value, bits)
	}
}

// Files are what stands beside the weights in a base directory, by name.
type Files map[string][]byte

// Save writes a base directory with the weights in bfloat16. config is the configuration as JSON.
func (w *Weights) Save(dir string, config map[string]any, files Files) error {
	return atomicfile.WriteDir(dir, func(tmp string) error {
		text, err := json.MarshalIndent(config, "", "  ")
		if err != nil {
			return err
		}
		if err := put(tmp, "config.json", append(text, '\n')); err != nil {
			return err
		}
		for name, data := range files {
			if err := put(tmp, name, data); err != nil {
				return err
			}
		}
		var entries []safetensors.Entry
		for _, p := range w.params {
			entries = append(entries, entry(p))
		}
		return safetensors.WriteFile(filepath.Join(tmp, safetensors.SingleName), map[string]string{"format": "pt"}, entries)
	})
}

func put(dir, name string, data []byte) error {
	return atomicfile.WriteFile(filepath.Join(dir, name), func(f io.Writer) error {
		_, err := f.Write(data)
		return err
	})
}

func entry(p *ops.Param) safetensors.Entry {
	shape := []int{p.Rows, p.Cols}
	if p.Rows == 1 {
		shape = shape[1:]
	}
	bits := make([]uint16, len(p.Value))
	dtype.Round(dtype.BF16, bits, p.Value)
	data := make([]byte, 0, 2*len(bits))
	for _, b := range bits {
		data = binary.LittleEndian.AppendUint16(data, b)
	}
	return safetensors.Entry{Name: p.Name, DType: safetensors.BF16, Shape: shape, Data: data}
}
