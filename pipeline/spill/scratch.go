// Package spill holds more than fits in memory: a log of records that is written once and read again
// from its start, a sort of fixed-size records, and a table of them by number. Each keeps its share
// of a budget in memory and puts the rest into scratch files; what comes out does not depend on the
// budget.
//
// A scratch file has no name: it is removed right after it was made, and the system frees it when it
// is closed or the process dies, however it does. Blocks are compressed and carry a checksum, since
// a corpus passes through them on its way into an audited dataset.
package spill

import (
	"errors"
	"fmt"
	"os"
)

// Scratch is where records go that do not fit, and how much fits.
type Scratch struct {
	dir   string
	share int // bytes of one holder
}

// holders is how many logs, sorts and tables a run fills at the same time, at most: the log of the
// barrier before, that of this one, the table of its signatures, and one sort.
const holders = 4

// New returns a scratch in a folder, "" for the system's own, that keeps about budget bytes in memory.
func New(dir string, budget int64) *Scratch {
	return &Scratch{dir: dir, share: int(max(budget/holders, 1))}
}

// blockBytes is the size of a block before compression. A merge holds one block of each run.
func (s *Scratch) blockBytes() int { return min(256<<10, max(s.share/64, 1<<10)) }

// create opens a nameless file.
func (s *Scratch) create() (*os.File, error) {
	f, err := os.CreateTemp(s.dir, "cultivar-scratch-*")
	if err != nil {
		return nil, fmt.Errorf("create scratch file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("create scratch file: %w", err), f.Close())
	}
	return f, nil
}
