package ops

import "sync"

// loan is scratch memory of one piece of a parallel loop. It comes from a pool, because pieces are
// many and small, and what they threw away would be more than all activations.
type loan struct{ floats []float32 }

var loans = sync.Pool{New: func() any { return new(loan) }}

// borrow lends n floats whose contents are undefined, until release.
func borrow(n int) *loan {
	l := loans.Get().(*loan)
	if cap(l.floats) < n {
		l.floats = make([]float32, n)
	}
	l.floats = l.floats[:n]
	return l
}

func (l *loan) release() { loans.Put(l) }
