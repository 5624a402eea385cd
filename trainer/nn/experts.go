package nn

import (
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Experts is the size of a mixture of experts.
type Experts struct {
	Count, TopK int
	Normalise   bool // see [ops.Mixture]
	Gate        ops.Gate
	Sigmoid     *SigmoidRouter // nil for a softmax
	// Module is where transformers 5 has the experts in a layer, as two stacked parameters, and Router the
	// module that picks them, whatever a checkpoint calls them: the names by which an adapter targets them.
	Module, Router string
}

// ReadExperts reads the number of experts under the first of the given keys that is there, and how
// many a token is sent to.
func ReadExperts(c *bases.Config, count ...string) (Experts, error) {
	gate, err := Gate(c)
	if err != nil {
		return Experts{}, err
	}
	keys := c.Keys()
	e := Experts{Gate: gate, Module: "mlp.experts", Router: "mlp.gate", TopK: keys.Int("num_experts_per_tok", 0, 0, 1<<16)}
	for _, key := range count {
		if keys.Has(key) {
			e.Count = keys.Int(key, 0, 0, 1<<16)
			break
		}
	}
	if err := keys.Err(); err != nil {
		return Experts{}, fmt.Errorf("config.json: %w", err)
	}
	if e.Count < 1 || e.TopK < 1 || e.TopK > e.Count {
		return Experts{}, fmt.Errorf("config.json: %d experts of %d for each token", e.TopK, e.Count)
	}
	return e, nil
}

// share is the part of the experts' weights that a token needs.
func (e Experts) share() float64 { return float64(e.TopK) / float64(e.Count) }

// routed is the part that all layers of experts have.
func (e Experts) routed(router ops.Affine) ops.Mixture {
	return ops.Mixture{Router: router, TopK: e.TopK, Normalise: e.Normalise, Gate: e.Gate}
}

// mixture applies experts with what is attached to them.
func (l *Layer) mixture(x *Node, e Experts, m ops.Mixture) *Node {
	down := m.Experts[0].Down.Weight
	hidden, inner := down.Rows, down.Cols
	m.RouterLoRA = l.Weights.Update(l.Builder, e.Router, 0, e.Count, hidden, 0)
	m.GateUpLoRA = l.Weights.Update(l.Builder, e.Module+".gate_up_proj", e.Count, 2*inner, hidden, e.share())
	m.DownLoRA = l.Weights.Update(l.Builder, e.Module+".down_proj", e.Count, hidden, inner, e.share())
	return l.Builder.Mixture(x, m)
}

// Mixture applies experts that are modules of their own: names holds the format strings, by expert,
// of the projections that are called gate, up and down, without their ".weight".
func (l *Layer) Mixture(x *Node, e Experts, router, gate, up, down string) *Node {
	matrix := func(format string, i int) ops.Affine {
		return ops.Affine{Weight: l.Weights.Matrix(l.Builder, fmt.Sprintf(format, i)+".weight", e.share())}
	}
	m := e.routed(ops.Affine{Weight: l.Weights.Matrix(l.Builder, router, 0)})
	m.Sigmoid = l.sigmoid(e)
	for i := range e.Count {
		m.Experts = append(m.Experts, ops.Expert{GateUp: []ops.Affine{matrix(gate, i), matrix(up, i)}, Down: matrix(down, i)})
	}
	return l.mixture(x, e, m)
}

// StackedMixture applies experts that are stacked in tensors: gateUp (experts, 2·inner, hidden) and
// down (experts, hidden, inner). Granite's checkpoints have other names for them than its modules.
func (l *Layer) StackedMixture(x *Node, e Experts, router, gateUp, down string) *Node {
	if block, ok := strings.CutSuffix(gateUp, ".input_linear.weight"); ok {
		e.Module, e.Router = block+".experts", block+".router"
	}
	m := e.routed(ops.Affine{Weight: l.Weights.Matrix(l.Builder, router, 0)})
	for i := range e.Count {
		m.Experts = append(m.Experts, ops.Expert{
			GateUp: []ops.Affine{{Weight: l.Weights.Stacked(l.Builder, gateUp, Stack{Index: i}, e.share())}},
			Down:   ops.Affine{Weight: l.Weights.Stacked(l.Builder, down, Stack{Index: i}, e.share())},
		})
	}
	return l.mixture(x, e, m)
}

// InterleavedMixture applies gpt-oss's experts: matrices are stacked transposed (those of MXFP4 are not,
// see [bases.View]), gate and up alternate among the outputs, and everything has a bias.
func (l *Layer) InterleavedMixture(x *Node, e Experts, router, experts string) *Node {
	e.Module, e.Router = strings.TrimSuffix(experts, "."), router
	affine := func(name string, s Stack) ops.Affine {
		bias := s
		bias.Transposed = false
		return ops.Affine{
			Weight: l.Weights.Stacked(l.Builder, experts+name, s, e.share()),
			Bias:   l.Weights.Stacked(l.Builder, experts+name+"_bias", bias, 0),
		}
	}
	m := e.routed(ops.Affine{
		Weight: l.Weights.Matrix(l.Builder, router+".weight", 0),
		Bias:   l.Weights.Vector(l.Builder, router+".bias"),
	})
	m.Interleaved = true
	for i := range e.Count {
		half := func(n int) Stack { return Stack{Index: i, Transposed: true, Every: 2, From: n} }
		m.Experts = append(m.Experts, ops.Expert{
			GateUp: []ops.Affine{affine("gate_up_proj", half(0)), affine("gate_up_proj", half(1))},
			Down:   affine("down_proj", Stack{Index: i, Transposed: true}),
		})
	}
	return l.mixture(x, e, m)
}
