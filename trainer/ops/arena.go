package ops

import (
	"gorgonia.org/tensor"

	"github.com/cultivar/cultivar/internal/hugepage"
)

// Arena is memory for what one replay of a tape computes: the results of its operators, in the
// order in which they run, and what operators keep for their derivatives. A replay runs the same
// operators in the same order, so the n-th request of a replay gets the same place, and nothing is
// allocated after the first one.
//
// With a [Plan], results that the backward pass reads lie in memory of the arena's own, and all
// others in a [Scratch] that many arenas share, at places that are used again as soon as a result
// has had its last reader. Without one, every result has memory of its own.
//
// An arena serves one machine at a time.
type Arena struct {
	plan    *Plan
	scratch *Scratch
	results []float32 // planned results that the backward pass reads
	kept    map[string][]float32

	next  int // results handed out in this replay
	slots []slotOfArena
	out   []float32 // where the tape's output goes
	dx    []float32 // where the gradient of its input goes
}

// slotOfArena is what the n-th request was given last time.
type slotOfArena struct {
	dense  *tensor.Dense
	memory []float32 // without a plan: perhaps longer than the result
}

// NewArena returns an empty arena. Plan and scratch may be nil.
func NewArena(plan *Plan, scratch *Scratch) *Arena {
	if scratch == nil {
		scratch = new(Scratch)
	}
	return &Arena{plan: plan, scratch: scratch, kept: make(map[string][]float32)}
}

// Reserve takes the planned memory for up to rows rows.
func (a *Arena) Reserve(rows int) {
	a.results = grow(a.results, a.plan.kept*planRows(rows))
	a.scratch.Reserve(a.plan.scratch * planRows(rows))
}

func (a *Arena) rewind() { a.next = 0 }

// matrix returns a rows×cols block whose contents are undefined.
func (a *Arena) matrix(rows, cols int) *tensor.Dense {
	n := a.next
	a.next++
	if n == len(a.slots) {
		a.slots = append(a.slots, slotOfArena{})
	}
	s := &a.slots[n]
	data := a.place(n, s, rows, cols)
	if s.dense == nil || s.dense.Shape()[0] != rows || s.dense.Shape()[1] != cols || &s.dense.Float32s()[0] != &data[0] {
		s.dense = newDense(rows, cols, data)
	}
	return s.dense
}

// place finds memory for the n-th result.
func (a *Arena) place(n int, s *slotOfArena, rows, cols int) []float32 {
	size := rows * cols
	if a.plan == nil {
		if len(s.memory) < size {
			s.memory = hugepage.Floats(size)
		}
		return s.memory[:size:size]
	}
	p := a.plan.places[n]
	at := p.offset * planRows(rows)
	switch p.where {
	case inOutput:
		return a.out[:size:size]
	case inInputGradient:
		return a.dx[:size:size]
	case inArena:
		a.results = grow(a.results, a.plan.kept*planRows(rows))
		return a.results[at : at+size : at+size]
	default:
		a.scratch.Reserve(a.plan.scratch * planRows(rows))
		return a.scratch.memory[at : at+size : at+size]
	}
}

// grow returns x, or new memory when x is shorter than n. What x held is lost: memory grows only
// between replays, when nothing in it is needed.
func grow(x []float32, n int) []float32 {
	if len(x) >= n {
		return x
	}
	return hugepage.Floats(n)
}

// keep returns n floats that stay as they are until the owner of key asks again.
func (a *Arena) keep(key string, n int) []float32 {
	if k := a.kept[key]; len(k) >= n {
		return k[:n]
	}
	k := hugepage.Floats(n)
	a.kept[key] = k
	return k
}

// temporary returns n floats of the scratch, which are the caller's until a machine with another arena
// runs. Planned results lie there, so that it is for arenas without a plan.
func (a *Arena) temporary(n int) []float32 {
	if a.plan != nil {
		panic("ops: temporary memory in an arena with a plan")
	}
	a.scratch.Reserve(n)
	return a.scratch.memory[:n]
}

// recall returns what keep gave out in this replay.
func (a *Arena) recall(key string, n int) []float32 { return a.kept[key][:n] }

// Bytes is the memory the arena holds, a shared scratch not counted.
func (a *Arena) Bytes() int64 {
	n := int64(len(a.results))
	for _, s := range a.slots {
		n += int64(len(s.memory))
	}
	for _, k := range a.kept {
		n += int64(len(k))
	}
	return 4 * n
}

// Scratch is memory that results share which no backward pass reads. The machines of one trainer
// run one after the other and share one.
type Scratch struct{ memory []float32 }

// Reserve takes memory for n floats.
func (s *Scratch) Reserve(n int) { s.memory = grow(s.memory, n) }

// Bytes is the memory the scratch holds.
func (s *Scratch) Bytes() int64 { return 4 * int64(len(s.memory)) }

func newDense(rows, cols int, data []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))
}
