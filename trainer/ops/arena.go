package ops

import (
	"gorgonia.org/tensor"
)

// Arena is memory for the results of operators, in the order in which they run, and for what
// operators keep for their derivatives. A replay runs the same operators in the same order, so the
// n-th request of a replay gets the same block and nothing is allocated after the first one; a
// graph for another number of tokens reuses the memory where it is large enough. An arena serves
// one machine at a time.
type Arena struct {
	blocks []*tensor.Dense
	memory [][]float32 // of each block, perhaps longer than it
	next   int
	kept   map[string][]float32
}

// NewArena returns an empty arena.
func NewArena() *Arena { return &Arena{kept: make(map[string][]float32)} }

func (a *Arena) rewind() { a.next = 0 }

// matrix returns a rows×cols block whose contents are undefined.
func (a *Arena) matrix(rows, cols int) *tensor.Dense {
	if a.next == len(a.blocks) {
		a.blocks = append(a.blocks, nil)
		a.memory = append(a.memory, nil)
	}
	d := a.blocks[a.next]
	if d == nil || d.Shape()[0] != rows || d.Shape()[1] != cols {
		if len(a.memory[a.next]) < rows*cols {
			a.memory[a.next] = make([]float32, rows*cols)
		}
		d = newDense(rows, cols, a.memory[a.next][:rows*cols:rows*cols])
		a.blocks[a.next] = d
	}
	a.next++
	return d
}

// keep returns n floats that stay as they are until the owner of key asks again.
func (a *Arena) keep(key string, n int) []float32 {
	if k := a.kept[key]; len(k) >= n {
		return k[:n]
	}
	k := make([]float32, n)
	a.kept[key] = k
	return k
}

// recall returns what keep gave out in this replay.
func (a *Arena) recall(key string, n int) []float32 { return a.kept[key][:n] }

// Bytes is the memory the arena holds.
func (a *Arena) Bytes() int64 {
	var n int64
	for _, m := range a.memory {
		n += 4 * int64(len(m))
	}
	for _, k := range a.kept {
		n += 4 * int64(len(k))
	}
	return n
}

func newDense(rows, cols int, data []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))
}
