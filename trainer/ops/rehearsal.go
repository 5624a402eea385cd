package ops

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/cultivar/cultivar/internal/kernels/attention"
)

// program is what Gorgonia's machine did to compute a tape. Values are named by registers.
type program struct {
	forward, backward []instruction
	registers         int
	params            []slotRegister // of the trainable slots

	input, output, upstream, dinput int // registers

	plan *Plan
}

// instruction is one call of an operator.
type instruction struct {
	op     doer
	inputs []int
	result int
}

// doer is the part of an operator that computes.
type doer interface {
	Do(...gorgonia.Value) (gorgonia.Value, error)
}

// slotRegister says which register a slot's parameter is read from.
type slotRegister struct{ slot, register int }

// errPaused stops Gorgonia's machine between the forward and the backward pass.
var errPaused = errors.New("ops: paused for the upstream gradient")

// recorder writes down what Gorgonia's machine does, and when each result is computed and read. An
// instruction's place in the program is its time.
type recorder struct {
	arena     *Arena
	program   []instruction
	registers map[*tensor.Dense]int
	results   []lifetime
	of        map[*tensor.Dense]int // result by its value
	over      map[int]int           // by result: the one that it may overwrite

	output   *tensor.Dense // of the forward pass; nil before its end
	upstream *tensor.Dense // made up
	paused   int           // length of the program of the forward pass
}

// lifetime is a result's span of time and its floats a row.
type lifetime struct{ from, to, size int }

// register returns the name of a value, a new one if it has none.
func (r *recorder) register(d *tensor.Dense) int {
	n, ok := r.registers[d]
	if !ok {
		n = len(r.registers)
		r.registers[d] = n
	}
	return n
}

// do runs an operator and writes down that it did.
func (r *recorder) do(op doer, inputs []gorgonia.Value) (gorgonia.Value, error) {
	if _, ok := op.(*upstream); ok {
		return r.pause(inputs[0].(*tensor.Dense))
	}
	in := instruction{op: op}
	for _, v := range inputs {
		n, ok := r.registers[v.(*tensor.Dense)]
		if !ok {
			return nil, fmt.Errorf("%v reads what no operator has computed", op)
		}
		in.inputs = append(in.inputs, n)
	}
	out, err := op.Do(inputs...)
	if err != nil {
		return nil, err
	}
	in.result = r.register(out.(*tensor.Dense))
	r.live(inputs, out)
	r.mayOverwrite(op, inputs, out)
	r.program = append(r.program, in)
	return out, nil
}

// pause ends the forward pass the first time that it is called.
func (r *recorder) pause(output *tensor.Dense) (gorgonia.Value, error) {
	if r.output == nil {
		r.output, r.paused = output, len(r.program)
		return nil, errPaused
	}
	return r.upstream, nil
}

// live notes the lifetimes of what an operator read and returned, and took only for itself.
func (r *recorder) live(inputs []gorgonia.Value, out gorgonia.Value) {
	now := len(r.program)
	for len(r.results) < r.arena.next {
		d := r.arena.slots[len(r.results)].dense
		r.of[d] = len(r.results)
		r.results = append(r.results, lifetime{from: now, to: now, size: d.Shape()[1]})
	}
	for _, v := range inputs {
		r.reads(v, now)
	}
	r.reads(out, now)
}

// overwriting is an operator that reads no element of one of its inputs after it has written the
// same element of its result: the result may lie where that input was, if nobody reads it later.
type overwriting interface{ overwrites() int }

func (r *recorder) mayOverwrite(op doer, inputs []gorgonia.Value, out gorgonia.Value) {
	o, ok := op.(overwriting)
	if !ok {
		return
	}
	if i, ok := r.of[inputs[o.overwrites()].(*tensor.Dense)]; ok {
		r.over[r.of[out.(*tensor.Dense)]] = i
	}
}

func (r *recorder) reads(v gorgonia.Value, now int) {
	if i, ok := r.of[v.(*tensor.Dense)]; ok {
		r.results[i].to = now
	}
}

// recorded lets a rehearsal watch an operator.
type recorded struct {
	op
	run *Run
}

// op is what every operator here is: differentiable, if only in name.
type op interface {
	gorgonia.Op
	gorgonia.SDOp
}

// Do implements gorgonia.Op.
func (o *recorded) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.run.rehearsal.do(o.op, inputs)
}

// oneRow is the layout of a rehearsal.
var oneRow = Layout{Positions: []int32{0}, Segments: []attention.Segment{{Q0: 0, Q1: 1, K0: 0, K1: 1}}}

// Rehearse lets Gorgonia run the tape forward and backward, on one made-up row, writes down how it
// does that, and plans the memory. The slots must be bound, and rotary tables have a row; gradients
// are not touched.
func (t *Tape) Rehearse() error {
	actual := *t.Run
	defer func() { *t.Run = actual }()
	r := &recorder{
		arena: NewArena(nil, nil), registers: make(map[*tensor.Dense]int), of: make(map[*tensor.Dense]int),
		over:     make(map[int]int),
		upstream: newDense(1, t.output.Shape()[1], make([]float32, t.output.Shape()[1])),
	}
	*t.Run = Run{
		Layout: oneRow, Rope: actual.Rope, Training: t.backward,
		Picked: []int32{0}, Labels: []int32{0}, NLL: []float64{0},
		builder: actual.builder, arena: r.arena, rehearsal: r,
	}
	p, err := t.record(r)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	t.program = p
	return nil
}

func (t *Tape) record(r *recorder) (*program, error) {
	cols := t.input.Shape()[1]
	x := newDense(1, cols, make([]float32, cols))
	for i := range x.Float32s() {
		x.Float32s()[i] = 1
	}
	p := &program{input: r.register(x), upstream: r.register(r.upstream)}
	for i, w := range t.Weights {
		if w.Trainable() {
			actual := w.param
			defer func() { w.param = actual }()
			w.param = actual.rehearsed()
			if err := gorgonia.Let(w.node, w.param.dense); err != nil {
				return nil, fmt.Errorf("bind %s: %w", w.Name, err)
			}
			p.params = append(p.params, slotRegister{i, r.register(w.param.dense)})
		}
	}
	if err := gorgonia.Let(t.input, x); err != nil {
		return nil, fmt.Errorf("bind input: %w", err)
	}
	output, dinput, err := t.perform(r)
	if err != nil {
		return nil, err
	}
	p.forward, p.backward = r.program[:r.paused], r.program[r.paused:]
	p.output = r.registers[output]
	p.plan = r.plan(r.arena, output, dinput)
	if dinput != nil {
		p.dinput = r.registers[dinput]
	}
	p.registers = len(r.registers)
	return p, nil
}

// perform runs the graph in Gorgonia's machine and returns the output and the gradient of the input.
func (t *Tape) perform(r *recorder) (output, dinput *tensor.Dense, err error) {
	vm := gorgonia.NewTapeMachine(t.graph, gorgonia.WithEngine(&engine{run: t.Run}))
	defer func() { _ = vm.Close() }()
	err = vm.RunAll()
	if !t.backward {
		r.paused = len(r.program)
		return denseOf(t.output), nil, err
	}
	if r.output == nil {
		return nil, nil, errors.Join(errors.New("the machine did not pause for the gradient"), err)
	}
	if err := vm.RunAll(); err != nil {
		return nil, nil, err
	}
	return r.output, denseOf(t.dinput), nil
}

// denseOf is the value of a node, nil if there is none.
func denseOf(n *gorgonia.Node) *tensor.Dense {
	if n == nil {
		return nil
	}
	d, _ := n.Value().(*tensor.Dense)
	return d
}

// Plan is the memory plan of a rehearsed tape.
func (t *Tape) Plan() *Plan { return t.program.plan }
