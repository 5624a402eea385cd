package bases

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// quantised is what of a checkpoint is stored in fewer bits. Such a weight is several tensors; they
// are hidden, and in their place stands one under the name that the weight has in other checkpoints.
// A nil quantised is a checkpoint of plain tensors.
type quantised struct {
	method  string
	weights map[string]quantisedWeight // by the weight's name, NAME.weight
	names   []string                   // of all tensors as others see them, sorted
}

// quantisedWeight is one weight. Its parts are checked when it is opened and not before: most are
// views of the mapped file, but some are copies.
type quantisedWeight struct {
	packed  string // the tensor that holds the codes
	stacked bool   // several matrices, whose rows are outputs
	open    func() (*quant.Tensor, error)
}

// A quantMethod finds the weights of a checkpoint and what tensors are parts of them.
type quantMethod func(about *reader, p parts) (weights map[string]quantisedWeight, hidden map[string]bool, err error)

// quantMethods by the names in config.json (transformers/utils/quantization_config.py,
// QuantizationMethod).
var quantMethods = map[string]quantMethod{
	"awq":          awqWeights,
	"bitsandbytes": bitsandbytesWeights,
	"gptq":         gptqWeights,
	"mxfp4":        mxfp4Weights,
}

// readQuantised reads what config.json's quantization_config says about the tensors of w.
func readQuantised(c *Config, w *safetensors.Sharded) (*quantised, error) {
	raw, ok := c.Raw["quantization_config"]
	if !ok {
		return nil, nil
	}
	q, err := openMethod(raw, parts{w})
	if err != nil {
		return nil, fmt.Errorf("%s: quantization_config: %w", configName, err)
	}
	return q, nil
}

func openMethod(raw json.RawMessage, p parts) (*quantised, error) {
	about, err := newReader(raw)
	if err != nil {
		return nil, err
	}
	name := about.string("quant_method", "")
	if name == "" && (about.bool("load_in_4bit") || about.bool("load_in_8bit")) {
		name = "bitsandbytes" // configurations from before there were other methods
	}
	if about.err != nil {
		return nil, about.err
	}
	method, ok := quantMethods[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(quantMethods)), ", ")
		return nil, fmt.Errorf("quant_method %.40q is not supported (supported: %s)", name, known)
	}
	weights, hidden, err := method(about, p)
	if err != nil {
		return nil, err
	}
	if len(weights) == 0 {
		return nil, fmt.Errorf("no weight is stored as %s has it: remove quantization_config if the checkpoint is not quantised", name)
	}
	q := &quantised{method: name, weights: weights}
	for _, t := range p.w.Tensors() {
		if _, ok := weights[t]; !ok && !hidden[t] {
			q.names = append(q.names, t)
		}
	}
	q.names = append(q.names, slices.Collect(maps.Keys(weights))...)
	slices.Sort(q.names)
	return q, nil
}

// weight returns the quantised weight of that name.
func (q *quantised) weight(name string) (quantisedWeight, bool) {
	if q == nil {
		return quantisedWeight{}, false
	}
	w, ok := q.weights[name]
	return w, ok
}

// has reports whether a name of the files is one that others see.
func (q *quantised) has(name string) bool {
	_, found := slices.BinarySearch(q.names, name)
	return found
}

// view opens the weight, of which packed is the part that holds the codes.
func (w quantisedWeight) view(packed safetensors.Tensor) (View, error) {
	t, err := w.open()
	if err != nil {
		return View{}, err
	}
	if w.stacked {
		return View{Quant: t, Shape: stackedShape(packed, t), Transposed: true}, nil
	}
	return View{Quant: t, Shape: []int{t.Rows, t.Cols}}, nil
}

// storedNames lists the tensors of the files, those that make up a quantised weight as one.
func (d *directory) storedNames() []string {
	if d.packed != nil {
		return d.packed.names
	}
	return d.weights.Tensors()
}

// storedTensor returns a tensor by its name in the files. That of a quantised weight is the one that
// holds its codes.
func (d *directory) storedTensor(name string) (safetensors.Tensor, bool) {
	if d.packed == nil {
		return d.weights.Tensor(name)
	}
	if !d.packed.has(name) {
		return safetensors.Tensor{}, false
	}
	if w, ok := d.packed.weight(name); ok {
		return d.weights.Tensor(w.packed)
	}
	return d.weights.Tensor(name)
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
