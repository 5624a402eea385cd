package attention

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// A chain is the columns of a key head of a segment. A column is what a block of keys has to do with the
// queries of all heads that share the key head; its rows are blocks of queries, head by head. A column adds
// to dk and dv of its keys in the order of the rows. To dq of a row, columns add in their order. So several
// goroutines can work on the columns of one chain, each at least a row behind the one before it.
type chain struct {
	seg, kvHead int
	columns     int
	begun       int // columns
	busy        int // goroutines at work on one
	first       int // index in chains.done of the first column
}

// chains hands out columns. A goroutine goes from column to column of a chain of its own, whose rows are in
// the caches of its core, and joins others only when no chain is left without a goroutine.
type chains struct {
	mu   sync.Mutex
	list []chain
	done []atomic.Int64 // up to where the rows of each column are done
}

// set makes c the chains of segments with so many key heads.
func (c *chains) set(segs []Segment, kvHeads int) {
	c.list, c.done = c.list[:0], c.done[:0]
	columns := 0
	for i, s := range segs {
		for head := range kvHeads {
			c.list = append(c.list, chain{seg: i, kvHead: head, columns: s.keyBlocks(), first: columns})
			columns += s.keyBlocks()
		}
	}
	if cap(c.done) < columns {
		c.done = make([]atomic.Int64, columns)
	}
	c.done = c.done[:columns]
	for i := range c.done {
		c.done[i].Store(0)
	}
}

// next hands out a column to a goroutine that has finished one of the chain own, or had none yet when own is
// negative. There is none left when the result is negative.
func (c *chains) next(own int) (chain, column int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own >= 0 {
		c.list[own].busy--
	}
	best := -1
	for i := range c.list {
		at := (max(own, 0) + i) % len(c.list)
		switch l := &c.list[at]; {
		case l.begun == l.columns:
		case l.busy == 0:
			return at, c.begin(at)
		case best < 0 || l.left() > c.list[best].left():
			best = at
		}
	}
	if best < 0 {
		return -1, 0
	}
	return best, c.begin(best)
}

func (l *chain) left() int { return l.columns - l.begun }

func (c *chains) begin(at int) (column int) {
	l := &c.list[at]
	l.busy++
	l.begun++
	return l.begun - 1
}

// await returns when a row of the column before is done, or will never be. That column has been begun, by a
// goroutine that is at work on it.
func (c *chains) await(chain, column, row int) {
	if column == 0 {
		return
	}
	before := &c.done[c.list[chain].first+column-1]
	for before.Load() <= int64(row) {
		runtime.Gosched()
	}
}

// finish says that a row of a column is done, and all before it.
func (c *chains) finish(chain, column, row int) {
	c.done[c.list[chain].first+column].Store(int64(row) + 1)
}

// end says that all rows of a column are done, or that they never will be.
func (c *chains) end(chain, column int) {
	c.done[c.list[chain].first+column].Store(math.MaxInt64)
}
