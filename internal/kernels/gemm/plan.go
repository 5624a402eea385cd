package gemm

import (
	"sync"

	"github.com/cultivar/cultivar/internal/cpu"
)

// depth is how many steps along k are packed at a time. A panel of B of that depth, 16 or 32 columns
// wide, stays in the first-level cache while the panels of A pass by.
const depth = 256

// A geometry is the shape of an implementation's micro-kernel and of the tiles made from it.
type geometry struct {
	impl         cpu.Implementation
	rows         int // of C in the tallest micro-kernel
	wide, narrow int // columns of C in either micro-kernel
	tileRows     int // a packed tile of A, tileRows × depth, stays in the second-level cache
	tileCols     int // bounds how often A is packed again: once for every tileCols columns
	serialBelow  int // multiply-adds that are done sooner than another goroutine wakes
}

func geometryOf(impl cpu.Implementation) geometry {
	switch impl {
	case cpu.AVX512:
		return geometry{impl: impl, rows: 14, wide: 32, narrow: 16, tileRows: 560, tileCols: 1024, serialBelow: 1 << 19}
	case cpu.AVX2:
		return geometry{impl: impl, rows: 6, wide: 16, narrow: 8, tileRows: 384, tileCols: 1024, serialBelow: 1 << 19}
	case cpu.NEON:
		return geometry{impl: impl, rows: 8, wide: 12, narrow: 4, tileRows: 256, tileCols: 1020, serialBelow: 1 << 18}
	default:
		return geometry{impl: cpu.Generic, rows: 4, wide: 8, narrow: 4, tileRows: 128, tileCols: 512, serialBelow: 1 << 13}
	}
}

// A plan is one product, cut into tiles of C. A tile is computed by one goroutine, all of k in
// order, from panels that it packs itself: packing again for every tile costs a few percent, and in
// return there is nothing to wait for and the panels are in the caches of the core that uses them.
type plan struct {
	geometry
	c          []float32
	cRow, cCol int // strides of C
	accumulate bool
	m, n, k    int
	a, b       lanes

	rowTiles, colTiles     int
	rowsOfTile, colsOfTile int
}

// thin is the width of C up to which the transposed product is computed instead: LoRA's smallest
// ranks would leave most lanes of a micro-kernel idle, but are a good height for one.
const thin = 8

// transpose makes p the plan of Cᵀ = Bᵀ·Aᵀ, the same chains with the factors of each term exchanged.
func (p *plan) transpose() {
	p.m, p.n = p.n, p.m
	p.a, p.b = p.b, p.a
	p.cRow, p.cCol = p.cCol, p.cRow
}

// split chooses tiles: no larger than the geometry allows, and enough of them to keep the workers
// busy to the end.
func (p *plan) split(workers int) {
	const perWorker = 4
	p.rowTiles = ceilDiv(p.m, p.tileRows)
	p.colTiles = ceilDiv(p.n, p.tileCols)
	for workers > 1 && p.rowTiles*p.colTiles < perWorker*workers {
		rows, cols := ceilDiv(p.m, p.rowTiles), ceilDiv(p.n, p.colTiles)
		if cols >= rows && cols > 2*p.wide {
			p.colTiles++
		} else if rows > 2*p.rows {
			p.rowTiles++
		} else {
			break
		}
	}
	p.rowsOfTile = roundUp(ceilDiv(p.m, p.rowTiles), p.rows)
	p.colsOfTile = roundUp(ceilDiv(p.n, p.colTiles), p.wide)
	p.rowTiles = ceilDiv(p.m, p.rowsOfTile)
	p.colTiles = ceilDiv(p.n, p.colsOfTile)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
func roundUp(a, b int) int { return ceilDiv(a, b) * b }

func (p *plan) serial() {
	p.split(1)
	p.tiles(0, p.rowTiles*p.colTiles)
}

// tiles computes tiles lo to hi of C, counted along rows.
func (p *plan) tiles(lo, hi int) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	for t := lo; t < hi; t++ {
		i, j := t/p.colTiles*p.rowsOfTile, t%p.colTiles*p.colsOfTile
		p.tile(w, i, min(p.m, i+p.rowsOfTile), j, min(p.n, j+p.colsOfTile))
	}
}

// tile computes rows i0 to i1 and columns j0 to j1 of C. A panel of B stays in the first-level cache
// while all of A passes by.
func (p *plan) tile(w *workspace, i0, i1, j0, j1 int) {
	height := p.height(i1 - i0)
	if i1-i0 <= height {
		p.strip(w, i0, i1, j0, j1)
		return
	}
	for at := 0; at < p.k; at += depth {
		steps := min(depth, p.k-at)
		w.a.fill(p.impl, &p.a, span{i0, i1, at, steps}, height, 0, j1-j0 <= p.wide)
		for j := j0; j < j1; j += p.wide {
			w.b.fill(p.impl, &p.b, span{j, min(j1, j+p.wide), at, steps}, p.wide, p.narrow, false)
			i := i0
			for r := range w.a.list {
				p.multiply(w, &w.a.list[r], steps, i, min(height, i1-i), j, p.accumulate || at > 0)
				i += height
			}
		}
	}
}

// strip is tile for no more rows than one panel has. Then nearly all the time goes into reading B,
// which is done along k to the end for the sake of prefetching, from all of A packed once.
func (p *plan) strip(w *workspace, i0, i1, j0, j1 int) {
	w.a.fill(p.impl, &p.a, span{i0, i1, 0, p.k}, i1-i0, 0, true)
	for j := j0; j < j1; j += p.wide {
		for at := 0; at < p.k; at += depth {
			steps := min(depth, p.k-at)
			w.b.fill(p.impl, &p.b, span{j, min(j1, j+p.wide), at, steps}, p.wide, p.narrow, true)
			a := w.a.list[0].from(at)
			p.multiply(w, &a, steps, i0, i1-i0, j, p.accumulate || at > 0)
		}
	}
}

// height divides m rows evenly into as few panels as there can be.
func (p *plan) height(m int) int { return ceilDiv(m, ceilDiv(m, p.rows)) }

// multiply adds the product of a and the panel of B in w to the tile of C at (i, j). A tile that
// sticks out of C, or that is stored by columns, goes through scratch memory.
func (p *plan) multiply(w *workspace, a *panel, steps, i, rows, j int, load bool) {
	b := &w.b.list[0]
	c, cols := p.c[i*p.cRow+j*p.cCol:], min(b.width, p.n-j)
	if cols == b.width && p.cCol == 1 {
		multiplyPanels(p.impl, rows, b.width, steps, a, b, c, p.cRow, load)
		return
	}
	if load {
		move(w.scratch[:], b.width, 1, c, p.cRow, p.cCol, rows, cols)
	}
	multiplyPanels(p.impl, rows, b.width, steps, a, b, w.scratch[:], b.width, load)
	move(c, p.cRow, p.cCol, w.scratch[:], b.width, 1, rows, cols)
}

// move copies rows × cols elements from src to dst, each with its row and column strides.
func move(dst []float32, dstRow, dstCol int, src []float32, srcRow, srcCol, rows, cols int) {
	for i := range rows {
		for j := range cols {
			dst[i*dstRow+j*dstCol] = src[i*srcRow+j*srcCol]
		}
	}
}

// A workspace is what one goroutine needs to compute tiles.
type workspace struct {
	a       panels // of a tile
	b       panels // a single one
	scratch [14 * 32]float32
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}
