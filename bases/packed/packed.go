// Package packed reads checkpoints of which weights are stored in fewer bits, each in tensors of its own.
package packed

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// Checkpoint is what of a checkpoint is stored in fewer bits. Such a weight is several tensors; they
// are hidden, and in their place stands one under the name that the weight has in other checkpoints.
// A nil Checkpoint is a checkpoint of plain tensors.
type Checkpoint struct {
	method  string
	parts   parts
	weights map[string]entry // by the weight's name, NAME.weight
	names   []string         // of all tensors as others see them, sorted
}

// entry is one weight. Its parts are checked when it is opened and not before: most are
// views of the mapped file, but some are copies.
type entry struct {
	packed  string // the tensor that holds the codes
	stacked bool   // several matrices, whose rows are outputs
	open    func() (*quant.Tensor, error)
}

// A method finds the weights of a checkpoint and what tensors are parts of them.
type method func(about *keys.Keys, p parts) (weights map[string]entry, hidden map[string]bool, err error)

// methods by the names in config.json (transformers/utils/quantization_config.py,
// QuantizationMethod).
var methods = map[string]method{
	"awq":          awqWeights,
	"bitsandbytes": bitsandbytesWeights,
	"gptq":         gptqWeights,
	"mxfp4":        mxfp4Weights,
}

// Open reads what config.json's quantization_config says about the tensors of w; nil when it says nothing.
func Open(raw json.RawMessage, w *safetensors.Sharded) (*Checkpoint, error) {
	if raw == nil {
		return nil, nil
	}
	q, err := openMethod(raw, parts{w})
	if err != nil {
		return nil, fmt.Errorf("config.json: quantization_config: %w", err)
	}
	return q, nil
}

func openMethod(raw json.RawMessage, p parts) (*Checkpoint, error) {
	about, err := keys.Parse(raw)
	if err != nil {
		return nil, err
	}
	name := about.String("quant_method", "")
	if name == "" && (about.Bool("load_in_4bit") || about.Bool("load_in_8bit")) {
		name = "bitsandbytes" // configurations from before there were other methods
	}
	if about.Err() != nil {
		return nil, about.Err()
	}
	find, ok := methods[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		return nil, fmt.Errorf("quant_method %.40q is not supported (supported: %s)", name, known)
	}
	weights, hidden, err := find(about, p)
	if err != nil {
		return nil, err
	}
	if len(weights) == 0 {
		return nil, fmt.Errorf("no weight is stored as %s has it: remove quantization_config if the checkpoint is not quantised", name)
	}
	q := &Checkpoint{method: name, parts: p, weights: weights}
	for _, t := range p.w.Tensors() {
		if _, ok := weights[t]; !ok && !hidden[t] {
			q.names = append(q.names, t)
		}
	}
	q.names = append(q.names, slices.Collect(maps.Keys(weights))...)
	slices.Sort(q.names)
	return q, nil
}

// Method names how weights are stored, "" where all are plain.
func (q *Checkpoint) Method() string {
	if q == nil {
		return ""
	}
	return q.method
}

// Names lists all tensors as others see them, sorted.
func (q *Checkpoint) Names() []string { return q.names }

// Has reports whether there is a weight of that name that is stored in fewer bits.
func (q *Checkpoint) Has(name string) bool {
	if q == nil {
		return false
	}
	_, ok := q.weights[name]
	return ok
}

// Weight opens such a weight. Where it is transposed the last two dimensions stand the other way round
// than in a checkpoint of plain tensors.
func (q *Checkpoint) Weight(name string) (t *quant.Tensor, shape []int, transposed bool, err error) {
	w := q.weights[name]
	if t, err = w.open(); err != nil {
		return nil, nil, false, err
	}
	if !w.stacked {
		return t, []int{t.Rows, t.Cols}, false, nil
	}
	codes, _ := q.parts.w.Tensor(w.packed)
	return t, stackedShape(codes, t), true, nil
}

// Tensor returns a tensor by a name that others see. That of a weight in fewer bits is the one that holds
// its codes.
func (q *Checkpoint) Tensor(name string) (safetensors.Tensor, bool) {
	if _, found := slices.BinarySearch(q.names, name); !found {
		return safetensors.Tensor{}, false
	}
	if w, ok := q.weights[name]; ok {
		return q.parts.w.Tensor(w.packed)
	}
	return q.parts.w.Tensor(name)
}

// parts reads the tensors that a quantised weight is made of.
type parts struct{ w *safetensors.Sharded }

// errNoPart means that a weight lacks one of its tensors.
var errNoPart = errors.New("part is missing")

// get returns a tensor that must be of one of the types and have so many dimensions.
func (p parts) get(name string, dims int, types ...string) (safetensors.Tensor, error) {
	t, ok := p.w.Tensor(name)
	if !ok {
		return t, fmt.Errorf("%w: tensor %q", errNoPart, name)
	}
	if !slices.Contains(types, t.DType) {
		return t, fmt.Errorf("tensor %q is %s, want %s", name, t.DType, strings.Join(types, " or "))
	}
	if len(t.Shape) != dims {
		return t, fmt.Errorf("tensor %q has %d dimensions, want %d", name, len(t.Shape), dims)
	}
	return t, nil
}

// vector returns the elements of an F32 vector.
func (p parts) vector(name string) ([]float32, error) {
	t, err := p.get(name, 1, safetensors.F32)
	if err != nil {
		return nil, err
	}
	return safetensors.ViewF32(t)
}
