package gemm

import (
	"math"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// Few rows of A times Wᵀ, as in decoding, read W once and have no second use for a packed panel. There
// the rows of W go straight into registers, 8 or 16 at a time, and are transposed on the way: outputs are
// lanes, so that each is still one chain.

// dotLine is how many float32 of a row the kernel for few rows takes at a time, a line of the cache.
// What is left of a longer row is padded to it.
const dotLine = 16

// dotDepth is how many elements of a row of blocks are decoded at a time: with 32 rows, what the
// first-level cache holds. Rows are dotStride apart, which is no power of two, so that they lie apart there.
const dotDepth, dotStride = 256, 256 + 16

// dotColumns is the most columns that a block has, dotWidth the most that a kernel of this package takes.
const dotColumns, dotWidth = 64, 32

// FewRows is [Blocks] that can multiply few rows of x themselves, without writing down what they decode.
type FewRows interface {
	Blocks
	// Lanes is how many rows of steps elements, from column col on, Dots takes at a time with 1, 2 or 4
	// rows of x; 0 for none. They are as many as a kernel of this package takes, 32 with 1 or 2 rows and 16
	// with 4, or for AVX-512 always 32, or twice as many.
	Lanes(rows, col, steps int) int
	// Dots continues chains: sums[i·lanes + l] by row i of x times row + l of the blocks, for rows rows
	// of x, of which x has an element each for every step. It reports false, having done nothing,
	// where it cannot. The rows from next on are what it is called for next.
	Dots(sums, x []float32, rows, row, lanes, next int) bool
}

// A dotShape is how a plan for few rows is computed: block columns of C at a time for rows rows of A.
type dotShape struct {
	block, rows int
	wide        bool // by the kernel for AVX-512
}

// dotShape chooses a shape, whose block is 0 when there is none. The first term decides.
func (p *plan) dotShape() dotShape {
	if !hasDots(p.impl) || p.m > 8 {
		return dotShape{}
	}
	b, wide := &p.terms[0].b, p.impl == cpu.AVX512
	if f := b.fewRows(); f != nil {
		rows := min(p.m, 4)
		if rows == 3 {
			rows = 4 // the last is computed for nothing
		}
		if lanes := f.Lanes(rows, b.col, p.terms[0].k); lanes > 0 && lanes <= p.n {
			return dotShape{lanes, rows, wide}
		}
	}
	switch {
	case wide:
		return dotShape{dotWidth, p.m, true}
	case p.m <= 2:
		return dotShape{dotWidth, p.m, false}
	case p.m <= 4:
		return dotShape{16, p.m, false}
	}
	return dotShape{8, p.m, false}
}

// fewRows is the blocks whose rows are lanes, if they multiply themselves.
func (l *lanes) fewRows() FewRows {
	if l.blocks == nil || l.turned {
		return nil
	}
	f, _ := l.blocks.(FewRows)
	return f
}

// dotsSuit reports whether the kernel for few rows computes p sooner than tiles do.
func (p *plan) dotsSuit() bool {
	block := p.dotShape().block
	if block == 0 || p.n < block {
		return false
	}
	for i := range p.terms {
		t := &p.terms[i]
		if t.a.blocks != nil || !t.b.alongRows() || t.k < dotLine {
			return false
		}
	}
	return true
}

// dotsSerialBelow is how many weights are read sooner than another goroutine wakes.
const dotsSerialBelow = 1 << 17

// splitDots chooses tiles, whole blocks of columns: as many for each worker, and so many that one that is
// late leaves the others something to take, but no tile so small that its beginning takes long: for each, A
// is packed, which is little for a single row.
func (p *plan) splitDots(workers int) {
	const minWeights = 1 << 13
	perWorker := 4
	if p.m == 1 {
		perWorker = 16
	}
	block := p.dotShape().block
	p.down, p.across = cut{p.m, p.m, 1}, cut{p.n, block, 1}
	if workers > 1 {
		most := p.n * p.k / minWeights / workers
		p.across.pieces = min(p.across.units(), workers*max(1, min(most, perWorker)))
	}
}

// dots is what one goroutine needs for few rows.
type dots struct {
	x    []float32 // A, rows of a shape by rows, step by step
	w    []float32 // rows of W that are decoded, or padded
	sums [8 * dotColumns]float32
}

// dotTile computes columns j0 to j1 of C.
func (p *plan) dotTile(w *workspace, j0, j1 int) {
	d, s := &w.dots, p.dotShape()
	all := p.packDots(d, s)
	for j := j0; j < j1; j += s.block {
		// The last block begins earlier, rather than end late: what it computes again is not stored.
		at := min(j, p.n-s.block)
		own := span{lane0: j - at, lane1: min(s.block, j1-at)}
		next := min(at+s.block, p.n-s.block)
		x := all
		for i := 0; i < p.m; i += s.rows {
			rows := min(s.rows, p.m-i)
			p.startDots(d, s, i, rows, at, own)
			for k := range p.terms {
				t := &p.terms[k]
				t.dot(s, d, x, at, next)
				x = x[s.rows*roundUp(t.k, dotLine):]
			}
			p.storeDots(d, s, i, rows, at, own)
			next = at // it is on its way
		}
	}
}

// packDots returns the rows of A, of all terms, rows of a shape by rows, step by step: a copy in d, unless a
// single row lies so already. Padding is +0: times the padding of W, -0, it is -0, which added to anything
// leaves it as it is.
func (p *plan) packDots(d *dots, s dotShape) []float32 {
	if a := &p.terms[0].a; p.m == 1 && len(p.terms) == 1 && a.typ == dtype.F32 && a.step == 1 && p.k%dotLine == 0 {
		return a.f32[:p.k]
	}
	size := 0
	for i := range p.terms {
		size += s.rows * roundUp(p.terms[i].k, dotLine)
	}
	size *= ceilDiv(p.m, s.rows)
	if len(d.x) < size+slack {
		d.x = make([]float32, size+slack)
	}
	x := d.x
	for i := 0; i < p.m; i += s.rows {
		rows := min(s.rows, p.m-i)
		for k := range p.terms {
			t := &p.terms[k]
			if s.rows == 1 && t.a.step == 1 {
				t.a.read(x[:t.k], i, 0)
			} else {
				t.a.pack(p.impl, x, s.rows, i, rows, 0, t.k)
			}
			padded := s.rows * roundUp(t.k, dotLine)
			clear(x[s.rows*t.k : padded])
			x = x[padded:]
		}
	}
	return d.x
}

// startDots sets what the sums of the own columns of a block start from, for rows from i on; the others may
// be being written elsewhere.
func (p *plan) startDots(d *dots, s dotShape, i, rows, at int, own span) {
	clear(d.sums[:s.rows*s.block])
	for r := range rows {
		sums := d.sums[r*s.block+own.lane0 : r*s.block+own.lane1]
		switch {
		case p.accumulate:
			copy(sums, p.c[(i+r)*p.ldc+at+own.lane0:])
		case p.bias != nil:
			copy(sums, p.bias[at+own.lane0:])
		}
	}
}

// storeDots stores the own columns of a block, of rows from i on.
func (p *plan) storeDots(d *dots, s dotShape, i, rows, at int, own span) {
	for r := range rows {
		sums := d.sums[r*s.block+own.lane0 : r*s.block+own.lane1]
		if p.scale != 0 && p.scale != 1 {
			for j := range sums {
				sums[j] *= p.scale
			}
		}
		copy(p.c[(i+r)*p.ldc+at+own.lane0:], sums)
	}
}

// dot continues the sums of a block of lanes of W, from lane at on, by x. The block at lane next follows.
func (t *term) dot(s dotShape, d *dots, x []float32, at, next int) {
	if f := t.b.fewRows(); f != nil && f.Lanes(s.rows, t.b.col, t.k) == s.block &&
		f.Dots(d.sums[:s.rows*s.block], x[:s.rows*t.k], s.rows, t.b.row+at, s.block, t.b.row+next) {
		return
	}
	done := 0
	if t.b.blocks == nil {
		done = t.b.dotInPlace(s, d, x, s.rows, at, next, t.k)
	}
	if done == t.k {
		return
	}
	if d.w == nil {
		d.w = make([]float32, dotColumns*dotStride)
	}
	for done < t.k {
		n := min(dotDepth, t.k-done)
		padded := roundUp(n, dotLine)
		for i := range s.block {
			row := d.w[i*dotStride : i*dotStride+padded]
			t.b.read(row[:n], at+i, done)
			for j := n; j < padded; j++ {
				row[j] = negativeZero
			}
		}
		piece := lanes{typ: dtype.F32, f32: d.w, lane: dotStride, step: 1}
		piece.dotInPlace(s, d, x[s.rows*done:], s.rows, 0, 0, padded)
		done += n
	}
}

var negativeZero = float32(math.Copysign(0, -1))
