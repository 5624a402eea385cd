package ops

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Tape is a graph with one data input and one output, forward or forward and backward, written out
// as the list of operators that compute it.
//
// The graph says nothing of the number of rows. [gorgonia.Backpropagate] derives its backward pass,
// and Gorgonia's tape machine runs all of it once, on one row (Rehearse): what it does is written
// down, and machines do the same for any number of rows and any layer's weights
// (docs/decisions/0006).
type Tape struct {
	Run     *Run
	Weights []*Weight

	graph  *gorgonia.ExprGraph
	input  *gorgonia.Node
	output *gorgonia.Node
	dinput *gorgonia.Node // nil when the gradient of the input is not asked for

	backward bool
	program  *program // nil before the rehearsal
}

// Gradients says which gradients a tape computes.
type Gradients int

// The choices.
const (
	NoGradients    Gradients = iota // forward only: trainable slots are read like frozen ones
	OfWeights                       // of every trainable slot
	OfWeightsInput                  // of the input too
)

// Compile finishes the graph. Before a machine can run the tape, it must be rehearsed.
func (b *Builder) Compile(x, y *gorgonia.Node, g Gradients) (*Tape, error) {
	t := &Tape{Run: b.run, Weights: b.weights, graph: b.graph, input: x, output: y, backward: g != NoGradients}
	if t.backward {
		if err := b.differentiate(t, g == OfWeightsInput); err != nil {
			return nil, fmt.Errorf("derive backward: %w", err)
		}
	}
	return t, nil
}

// differentiate adds the backward pass to the graph, from a node that stands for the gradient of the
// output.
func (b *Builder) differentiate(t *Tape, ofInput bool) error {
	up := b.apply(&upstream{derivative{base{name: "upstream", arity: 1, cols: t.output.Shape()[1]}}}, t.output)
	b.readers[t.output] = append(b.readers[t.output], up)
	b.findPastNorms()
	var wrt gorgonia.Nodes
	if ofInput {
		wrt = append(wrt, t.input)
	}
	for _, w := range b.weights {
		if w.Trainable() {
			wrt = append(wrt, w.node)
		}
	}
	if len(wrt) == 0 {
		return errors.New("nothing is trained")
	}
	for _, n := range wrt {
		b.want(n)
	}
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{t.output}, gorgonia.Nodes{up}, wrt)
	if err == nil && ofInput {
		t.dinput = grads[0]
	}
	return err
}

// want notes that the gradient of n is asked for.
func (b *Builder) want(n *gorgonia.Node) {
	if !b.wanted[n] {
		b.wanted[n] = true
		for _, r := range b.readers[n] {
			b.want(r)
		}
	}
}

// upstream stands for the gradient of the graph's output. It reads the output, so that the whole
// forward pass comes before it.
type upstream struct{ derivative }

// Do implements gorgonia.Op.
func (*upstream) Do(...gorgonia.Value) (gorgonia.Value, error) {
	panic("ops: the upstream gradient is not computed")
}

// Machine runs a tape in an arena. Machines of one tape share its slots and its Run: one runs at a
// time. Many machines with an arena each keep the activations of many layers; one machine run again
// keeps those of one layer, which is activation checkpointing. The result is the same to the bit.
type Machine struct {
	tape   *Tape
	arena  *Arena
	values []gorgonia.Value // registers
	args   []gorgonia.Value
}

// NewMachine returns a machine whose results live in arena. The tape must have been rehearsed.
func (t *Tape) NewMachine(arena *Arena) *Machine {
	return &Machine{tape: t, arena: arena, values: make([]gorgonia.Value, t.program.registers)}
}

// Tape returns the tape that the machine runs.
func (m *Machine) Tape() *Tape { return m.tape }

// Forward runs the tape on x (rows, cols) and returns its output (rows, cols of the output): out
// when the arena has a plan, or else memory of the arena, valid until the next Forward in it. The
// slots must be bound; x must stay as it is until Backward.
func (m *Machine) Forward(x, out []float32) ([]float32, error) {
	p := m.tape.program
	cols := m.tape.input.Shape()[1]
	m.arena.rewind()
	m.arena.out = out
	m.set(p.input, len(x)/cols, cols, x)
	if err := m.play(p.forward); err != nil {
		return nil, err
	}
	return floats(m.values[p.output]), nil
}

// Backward goes on after Forward: dy is the gradient of its output. It adds the gradients of the
// trainable slots, which must be bound as they were, to their parameters, and returns the gradient
// of the input, if the tape computes it: in dx when the arena has a plan, which must not be where
// dy lives, or else in memory of the arena.
func (m *Machine) Backward(dy, dx []float32) ([]float32, error) {
	p := m.tape.program
	m.arena.dx = dx
	rows, cols := dims(m.values[p.output])
	m.set(p.upstream, rows, cols, dy)
	if err := m.play(p.backward); err != nil {
		return nil, err
	}
	if m.tape.dinput == nil {
		return nil, nil
	}
	return floats(m.values[p.dinput]), nil
}

// set fills a register with memory of the caller's.
func (m *Machine) set(register, rows, cols int, data []float32) {
	if d, ok := m.values[register].(*tensor.Dense); ok {
		if s := d.Shape(); s[0] == rows && s[1] == cols && &d.Float32s()[0] == &data[0] {
			return
		}
	}
	m.values[register] = newDense(rows, cols, data)
}

// play runs instructions with the parameters that are bound now.
func (m *Machine) play(list []instruction) error {
	m.tape.Run.arena = m.arena
	for _, w := range m.tape.program.params {
		m.values[w.register] = m.tape.Weights[w.slot].param.dense
	}
	for _, in := range list {
		m.args = m.args[:0]
		for _, r := range in.inputs {
			m.args = append(m.args, m.values[r])
		}
		v, err := in.op.Do(m.args...)
		if err != nil {
			return fmt.Errorf("%v: %w", in.op, err)
		}
		m.values[in.result] = v
	}
	return nil
}
