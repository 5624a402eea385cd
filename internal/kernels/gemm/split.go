package gemm

// A cut divides rows or columns into pieces of whole units, as even as they come.
type cut struct{ size, unit, pieces int }

func (c cut) units() int { return ceilDiv(c.size, c.unit) }

// piece is the range of piece i.
func (c cut) piece(i int) (lo, hi int) {
	n := c.units()
	return i * n / c.pieces * c.unit, min(c.size, (i+1)*n/c.pieces*c.unit)
}

// largest is the size of a piece that has a unit more than others.
func (c cut) largest() int { return ceilDiv(c.units(), c.pieces) * c.unit }

// perWorker bounds the tiles of one worker. Some are needed, so that one that is slower has less to do.
const perWorker = 6

// smallest is the share of what is computed alone that makes a tile at least, as a divisor.
const smallest = 8

// shallow is how short sums are that take less time than writing C, which then stays in whole rows.
const shallow = 64

// narrowest is how many columns of C a tile has at least, where there are as many: with fewer, the rows
// of A would be read too often.
const narrowest = 96

// longPiece is how many columns of C at least a tile has that reads B in place, if others give every
// worker something to do: long pieces of rows are read faster.
const longPiece = 512

// split chooses tiles for a number of workers who have total multiply-adds to do, p's and those of other
// plans: of all ways to cut rows and columns, that by which they are done first.
func (p *plan) split(workers, total int) {
	if p.dots {
		p.splitDots(workers)
		return
	}
	p.down, p.across = p.whole()
	if workers == 1 {
		p.boundTurned()
		return
	}
	maxDown, maxAcross := p.down.units(), max(1, p.across.size/max(narrowest, p.across.unit))
	switch {
	case p.inPlace():
		maxDown, maxAcross = 1, max(1, p.n/longPiece)
		if p.work() > total/workers {
			maxAcross = max(maxAcross, workers)
		}
	case p.m <= 4*p.rows:
		maxDown, maxAcross = 1, p.across.units()
	case p.k <= shallow && maxDown >= perWorker*workers:
		maxAcross = 1
	}
	most := max(1, min(perWorker*workers, smallest*p.work()/p.serialBelow))
	maxDown, maxAcross = min(maxDown, most), min(maxAcross, p.across.units())
	best := -1
	down, across := p.down, p.across
	for down.pieces = 1; down.pieces <= maxDown; down.pieces++ {
		for across.pieces = 1; across.pieces <= min(maxAcross, most/down.pieces); across.pieces++ {
			if c := p.cost(down, across, workers, total); best < 0 || c < best {
				best, p.down, p.across = c, down, across
			}
		}
	}
	p.boundTurned()
}

// whole is a single tile, and the units in which it can be cut.
func (p *plan) whole() (down, across cut) {
	unit := p.wide
	if p.n >= 1024 && p.terms[0].b.blocks != nil {
		unit = roundUp(256, p.wide) // whole blocks of it
	}
	return cut{p.m, p.height(p.n), 1}, cut{p.n, unit, 1}
}

// cost is how long workers take for tiles, in multiply-adds for each step of k: those of C, packing B for
// every tile, and reading A, which comes from memory. To that comes what they wait for each other at the
// end. When p is all there is to do, most is known of that in advance.
func (p *plan) cost(down, across cut, workers, total int) int {
	m, n := down.largest(), across.largest()
	b, a := p.packing, p.packing/4
	if p.terms[0].b.blocks != nil {
		b *= 2
	}
	if !p.strided || p.terms[0].a.blocks != nil || p.terms[0].a.collides(p.rows) {
		a = p.packing
	}
	tile := m*n + b*n + a*m
	tiles := down.pieces * across.pieces
	if p.work() == total {
		return ceilDiv(tiles, workers)*tile + tile/20
	}
	return (tiles*tile + tile*(workers-1)/4) / workers
}

// boundTurned bounds the memory in which a tile of Cᵀ is computed.
func (p *plan) boundTurned() {
	const maxTurned = 1 << 16
	if !p.turned {
		return
	}
	for p.across.pieces < p.across.units() && p.down.largest()*p.across.largest() > maxTurned {
		p.across.pieces++
	}
}

func (p *plan) tiles() int { return p.down.pieces * p.across.pieces }
