package bases

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/quant"
)

// Weights is where weights come from: an open base, or another that stands in front of it.
type Weights interface {
	// Tensor returns a weight by its published name.
	Tensor(name string) (View, error)
	// Has reports whether the weight exists.
	Has(name string) bool
}

// Quantised is weights of which the linear ones are quantised in memory as they are asked for. It is
// safe for concurrent use.
type Quantised struct {
	from     Weights
	quantise func(rows, cols int, src quant.Source) (*quant.Tensor, error)

	mutex sync.Mutex // one weight at a time, each by all cores
	done  map[string]View
}

// quantisers by the method's name.
var quantisers = map[string]func(rows, cols int, src quant.Source) (*quant.Tensor, error){
	// As QLoRA has it (arXiv:2305.14314): blocks of 64, their scales quantised as well; 4.13 bits a weight.
	"nf4": func(rows, cols int, src quant.Source) (*quant.Tensor, error) {
		q, err := quant.Quantise4Bit(quant.NF4, rows, cols, 64, true, src)
		if err != nil {
			return nil, err
		}
		return q.Tensor()
	},
	"int8": func(rows, cols int, src quant.Source) (*quant.Tensor, error) {
		q, err := quant.QuantiseInt8(rows, cols, src)
		if err != nil {
			return nil, err
		}
		return q.Tensor()
	},
}

// QuantiseMethods lists the methods that Quantise takes, sorted.
func QuantiseMethods() []string { return slices.Sorted(maps.Keys(quantisers)) }

// Quantise puts a quantiser before weights. The matrices of decoder layers become nf4 or int8 (LLM.int8),
// to the byte as bitsandbytes packs them; embeddings, norms, the vocabulary projection, routers of
// experts and what is quantised already stay as they are. A weight is quantised when it is first asked
// for, and kept.
func Quantise(from Weights, method string) (*Quantised, error) {
	q, ok := quantisers[method]
	if !ok {
		return nil, fmt.Errorf("quantise method %.40q is none of %s", method, strings.Join(QuantiseMethods(), ", "))
	}
	return &Quantised{from: from, quantise: q, done: map[string]View{}}, nil
}

// Has reports whether the weight exists.
func (q *Quantised) Has(name string) bool { return q.from.Has(name) }

// Tensor returns a weight, quantised if it is one of those that are.
func (q *Quantised) Tensor(name string) (View, error) {
	v, err := q.from.Tensor(name)
	if err != nil || v.Quant != nil || len(v.Shape) != 2 || !inLayer(name) {
		return v, err
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if quantised, ok := q.done[name]; ok {
		return quantised, nil
	}
	t, err := q.quantise(v.Shape[0], v.Shape[1], v.read)
	if err != nil {
		return View{}, fmt.Errorf("quantise tensor %q: %w", name, err)
	}
	q.done[name] = View{Quant: t, Shape: v.Shape}
	if b, ok := q.from.(*Base); ok {
		b.forget(name)
	}
	return q.done[name], nil
}

// read widens elements from at on; it is the source of a quantiser.
func (v View) read(dst []float32, at int) {
	if v.Type == dtype.F32 {
		copy(dst, v.F32[at:])
		return
	}
	dtype.Widen(v.Type, dst, v.U16[at:at+len(dst)])
}

// routers are the matrices of layers that choose experts: small, and a rounding of theirs would send a
// token elsewhere.
var routers = []string{".mlp.gate.weight", ".block_sparse_moe.gate.weight", ".router.weight", ".shared_expert_gate.weight"}

// inLayer tells by its published name whether a matrix is a linear module of a decoder layer.
func inLayer(name string) bool {
	_, rest, ok := strings.Cut(name, "layers.")
	number, _, _ := strings.Cut(rest, ".")
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" || !strings.HasSuffix(name, weightSuffix) {
		return false
	}
	return !slices.ContainsFunc(routers, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}
