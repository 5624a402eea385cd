package ops

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Tape is a compiled graph with one data input and one output, forward or forward and backward.
//
// The backward of the graph is derived by gorgonia.Backpropagate from a node that stands for the
// gradient of the output. That node pauses the machine: Forward returns there with the output, and
// Backward goes on from the same instruction once the gradient is known. Between the two, whatever
// the operators computed stays in the machine's arena. Running many machines of one tape keeps the
// activations of every layer; running one machine again keeps those of one layer, which is
// activation checkpointing. The result is the same to the bit.
type Tape struct {
	Run     *Run
	Weights []*Weight

	input    *gorgonia.Node
	output   *gorgonia.Node
	dinput   *gorgonia.Node // nil when the gradient of the input is not asked for
	backward bool
	compile  func(*engine) gorgonia.VM
}

var errPaused = errors.New("ops: paused for the upstream gradient")

// upstream stands for the gradient of the graph's output.
type upstream struct {
	derivative
	run *Run
}

// Do implements gorgonia.Op.
func (o *upstream) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	if o.run.upstream == nil {
		o.run.output = inputs[0].(*tensor.Dense)
		o.run.paused = true
		return nil, errPaused
	}
	return o.run.upstream, nil
}

// Gradients says which gradients a tape computes.
type Gradients int

// The choices.
const (
	NoGradients    Gradients = iota // forward only: trainable slots are read like frozen ones
	OfWeights                       // of every trainable slot
	OfWeightsInput                  // of the input too
)

// Compile finishes the graph.
func (b *Builder) Compile(x, y *gorgonia.Node, g Gradients) (*Tape, error) {
	t := &Tape{Run: b.run, Weights: b.weights, input: x, output: y, backward: g != NoGradients}
	if t.backward {
		if err := b.differentiate(t, x, y, g == OfWeightsInput); err != nil {
			return nil, fmt.Errorf("derive backward: %w", err)
		}
	}
	prog, locations, err := gorgonia.Compile(b.graph)
	if err != nil {
		return nil, fmt.Errorf("compile graph: %w", err)
	}
	t.compile = func(e *engine) gorgonia.VM {
		return gorgonia.NewTapeMachine(b.graph, gorgonia.WithPrecompiled(prog, locations), gorgonia.WithEngine(e))
	}
	return t, nil
}

// differentiate adds the backward pass to the graph.
func (b *Builder) differentiate(t *Tape, x, y *gorgonia.Node, ofInput bool) error {
	up := b.apply(&upstream{derivative{base{name: "upstream", arity: 1, cols: y.Shape()[1]}}, b.run}, y)
	var wrt gorgonia.Nodes
	if ofInput {
		wrt = append(wrt, x)
	}
	for _, w := range b.weights {
		if w.Trainable() {
			wrt = append(wrt, w.node)
		}
	}
	if len(wrt) == 0 {
		return errors.New("nothing is trained")
	}
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{y}, gorgonia.Nodes{up}, wrt)
	if err == nil && ofInput {
		t.dinput = grads[0]
	}
	return err
}

// Machine runs a tape. Machines of one tape share its slots and its Run: one runs at a time.
type Machine struct {
	tape  *Tape
	vm    gorgonia.VM
	arena *Arena
}

// NewMachine returns a machine whose results live in arena.
func (t *Tape) NewMachine(arena *Arena) *Machine {
	return &Machine{tape: t, vm: t.compile(&engine{run: t.Run}), arena: arena}
}

// Tape returns the tape that the machine runs.
func (m *Machine) Tape() *Tape { return m.tape }

// Forward runs the graph on x (rows, cols) and returns its output (rows, cols of the output): out
// when the arena has a plan, or else memory of the arena, valid until the next Forward in it. The
// slots must be bound; x must stay as it is until Backward.
func (m *Machine) Forward(x, out []float32) ([]float32, error) {
	run, shape := m.tape.Run, m.tape.input.Shape()
	if err := gorgonia.Let(m.tape.input, newDense(shape[0], shape[1], x)); err != nil {
		return nil, fmt.Errorf("bind input: %w", err)
	}
	m.arena.rewind()
	m.arena.out = out
	m.vm.Reset()
	run.arena, run.upstream, run.paused = m.arena, nil, false
	err := m.vm.RunAll()
	switch {
	case run.paused:
		return run.output.Float32s(), nil
	case err != nil:
		return nil, err
	case m.tape.backward:
		return nil, errors.New("ops: the tape did not pause for its gradient")
	}
	run.output = m.tape.output.Value().(*tensor.Dense)
	return run.output.Float32s(), nil
}

// Backward goes on after Forward: dy is the gradient of its output. It adds the gradients of the
// trainable slots, which must be bound as they were, to their parameters, and returns the gradient
// of the input, if the tape computes it: in dx when the arena has a plan, which must not be where
// dy lives, or else in memory of the arena.
func (m *Machine) Backward(dy, dx []float32) ([]float32, error) {
	run, shape := m.tape.Run, m.tape.output.Shape()
	m.arena.dx = dx
	run.arena = m.arena
	run.upstream = newDense(shape[0], shape[1], dy)
	if err := m.vm.RunAll(); err != nil {
		return nil, err
	}
	if m.tape.dinput == nil {
		return nil, nil
	}
	return floats(m.tape.dinput.Value()), nil
}
