package quant

import "sync"

// A dotJob is some rows of a tensor times few rows of x, as gemm.FewRows defines it: lanes rows of the
// storage, step apart from row on.
type dotJob struct {
	sums, x          []float32
	rows             int // of x
	row, step, lanes int
	next             int // the row that comes next
}

// dotter is storage that has kernels for few rows of x.
type dotter interface {
	// canDot reports whether there is a kernel for its blocks.
	canDot() bool
	// dots computes a job, or reports false if its numbers are out of the kernel's range.
	dots(j *dotJob, s *dotSpace) bool
}

// Lanes is how many rows Dots takes at a time with rows rows of x, in columns col to col+steps; 0 when it
// takes none (gemm.FewRows).
func (t *Tensor) Lanes(rows, col, steps int) int {
	lanes := dotLanes(rows)
	if lanes == 0 || col != 0 || steps != t.Cols || t.Rows < lanes {
		return 0
	}
	if d, ok := t.storage.(dotter); !ok || !d.canDot() {
		return 0
	}
	return lanes
}

// Dots continues the chains sums[i·lanes + l] by row i of x times row + l of t. It reports false, having
// done nothing, where it cannot (gemm.FewRows).
func (t *Tensor) Dots(sums, x []float32, rows, row, lanes, next int) bool {
	if row < 0 || row+lanes > t.Rows || next < 0 || next >= t.Rows || lanes != dotLanes(rows) {
		return false
	}
	s := dotSpaces.Get().(*dotSpace)
	defer s.release()
	s.job = dotJob{sums: sums[:rows*lanes], x: x[:rows*t.Cols], rows: rows, row: row, step: 1, lanes: lanes, next: next}
	if t.order != nil && !s.job.follow(t.order) {
		return false
	}
	return t.storage.(dotter).dots(&s.job, s)
}

// follow finds the rows in the storage, if these are equally far apart: those of a rotary head in GGUF are
// every other one.
func (j *dotJob) follow(order []int) bool {
	rows := order[j.row : j.row+j.lanes]
	j.step = rows[1] - rows[0]
	for i, row := range rows {
		if row != rows[0]+i*j.step || j.step < 1 {
			return false
		}
	}
	j.row, j.next = rows[0], order[j.next]
	return true
}

// A dotSpace is the memory of a kernel: scales, minima, a table and codes, for all lanes, as
// tools/asm/quantdots lays them out.
type dotSpace struct {
	words  []uint32
	absmax []float32 // scales that were nested
	job    dotJob    // the one that it is used for: so none is allocated
}

func (s *dotSpace) release() {
	s.job, s.absmax = dotJob{}, s.absmax[:0]
	dotSpaces.Put(s)
}

// Words have an allocation of their own, of a size that begins at a page, so that no vector lies across two
// lines of the cache.
var dotSpaces = sync.Pool{New: func() any { return &dotSpace{words: make([]uint32, 4096)} }}
