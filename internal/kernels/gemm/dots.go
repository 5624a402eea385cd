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

// dotWideFrom is from how many rows on AVX-512 pays for float32, whose columns are unpacked as fast with
// half the lanes, from half as many rows of W at once. What has to be widened gains from the first on.
const dotWideFrom = 5

// dotColumns is the most columns that a block has.
const dotColumns = 64

// dotBlock is how many columns of C the kernel computes at a time, 0 when there is none, and whether it is
// the one for AVX-512.
func (p *plan) dotBlock() (block int, wide bool) {
	if !hasDots(p.impl) || p.m > 8 {
		return 0, false
	}
	if p.impl == cpu.AVX512 {
		b := &p.terms[0].b
		widened := b.typ != dtype.F32 || b.blocks != nil
		switch {
		case p.m >= dotWideFrom:
			return 32, true
		case widened && p.n >= dotColumns:
			return dotColumns, true
		}
	}
	switch {
	case p.m <= 2:
		return 32, false
	case p.m <= 4:
		return 16, false
	}
	return 8, false
}

// dotsSuit reports whether the kernel for few rows computes p sooner than tiles do.
func (p *plan) dotsSuit() bool {
	block, _ := p.dotBlock()
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
// late leaves the others something to take, but no tile so small that its beginning takes long.
func (p *plan) splitDots(workers int) {
	const perWorker, minWeights = 8, 1 << 13
	block, _ := p.dotBlock()
	p.down, p.across = cut{p.m, p.m, 1}, cut{p.n, block, 1}
	if workers > 1 {
		most := p.n * p.k / minWeights / workers
		p.across.pieces = min(p.across.units(), workers*max(1, min(most, perWorker)))
	}
}

// dots is what one goroutine needs for few rows.
type dots struct {
	x    []float32 // A, step by step
	w    []float32 // rows of W that are decoded, or padded
	sums [8 * 32]float32
}

// dotTile computes columns j0 to j1 of C.
func (p *plan) dotTile(w *workspace, j0, j1 int) {
	d := &w.dots
	p.packDots(d)
	block, wide := p.dotBlock()
	for j := j0; j < j1; j += block {
		// The last block begins earlier, rather than end late: what it computes again is not stored.
		at := min(j, p.n-block)
		own := span{lane0: j - at, lane1: min(block, j1-at)}
		p.startDots(d, at, block, own)
		x := d.x
		for i := range p.terms {
			t := &p.terms[i]
			t.dot(wide, d, x, p.m, at, min(at+block, p.n-block), block)
			x = x[p.m*roundUp(t.k, dotLine):]
		}
		p.storeDots(d, at, block, own)
	}
}

// packDots makes x the rows of A, of all terms. Padding is +0: times the padding of W, -0, it is -0,
// which added to anything leaves it as it is.
func (p *plan) packDots(d *dots) {
	size := 0
	for i := range p.terms {
		size += p.m * roundUp(p.terms[i].k, dotLine)
	}
	if len(d.x) < size+slack {
		d.x = make([]float32, size+slack)
	}
	x := d.x
	for i := range p.terms {
		t := &p.terms[i]
		t.a.pack(p.impl, x, p.m, 0, p.m, 0, t.k)
		padded := p.m * roundUp(t.k, dotLine)
		clear(x[p.m*t.k : padded])
		x = x[padded:]
	}
}

// startDots sets what the sums of the own columns of a block start from; the others may be being
// written elsewhere.
func (p *plan) startDots(d *dots, at, block int, own span) {
	clear(d.sums[:])
	for i := range p.m {
		sums := d.sums[i*block+own.lane0 : i*block+own.lane1]
		switch {
		case p.accumulate:
			copy(sums, p.c[i*p.ldc+at+own.lane0:])
		case p.bias != nil:
			copy(sums, p.bias[at+own.lane0:])
		}
	}
}

// storeDots stores the own columns of a block.
func (p *plan) storeDots(d *dots, at, block int, own span) {
	for i := range p.m {
		sums := d.sums[i*block+own.lane0 : i*block+own.lane1]
		if p.scale != 0 && p.scale != 1 {
			for j := range sums {
				sums[j] *= p.scale
			}
		}
		copy(p.c[i*p.ldc+at+own.lane0:], sums)
	}
}

// dot continues the sums of a block of lanes of W, from lane at on, by x. The block at lane next follows.
func (t *term) dot(wide bool, d *dots, x []float32, m, at, next, block int) {
	done := 0
	if t.b.blocks == nil {
		done = t.b.dotInPlace(wide, d, x, m, at, next, t.k)
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
		for i := range block {
			row := d.w[i*dotStride : i*dotStride+padded]
			t.b.read(row[:n], at+i, done)
			for j := n; j < padded; j++ {
				row[j] = negativeZero
			}
		}
		piece := lanes{typ: dtype.F32, f32: d.w, lane: dotStride, step: 1}
		piece.dotInPlace(wide, d, x[m*done:], m, 0, 0, padded)
		done += n
	}
}

var negativeZero = float32(math.Copysign(0, -1))
