package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// Whatever tiles are chosen, each element of C is in one of them, and none is empty.
func TestTilesCoverC(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	size := func() int { return 1 + r.IntN(1<<(1+r.IntN(11))) }
	for range 3000 {
		m, n, k := size(), size(), size()
		workers := 1 + r.IntN(20)
		impl := []cpu.Implementation{cpu.Generic, cpu.AVX2, cpu.AVX512, cpu.NEON}[r.IntN(4)]
		p := plan{geometry: geometryOf(impl), m: m, n: n, k: k, turned: r.IntN(4) == 0}
		p.terms = []term{{a: lanes{typ: dtype.F32, lane: k, step: 1}, b: lanes{typ: dtype.F32, lane: 1, step: n}, k: k}}
		if r.IntN(2) == 0 {
			p.terms[0].b.lane, p.terms[0].b.step = k, 1
		}
		p.split(workers, p.work()+r.IntN(2)*5000)
		if most := perWorker * workers; p.tiles() > most && !p.turned {
			t.Errorf("%v, %d×%d×%d: %d tiles for %d workers", impl, m, n, k, p.tiles(), workers)
		}
		checkCut(t, p.down, m)
		checkCut(t, p.across, n)
		if t.Failed() {
			t.Fatalf("%v, %d×%d×%d, %d workers: %+v by %+v", impl, m, n, k, workers, p.down, p.across)
		}
	}
}

// checkCut requires pieces one behind the other, of which none is larger than is said.
func checkCut(t *testing.T, c cut, size int) {
	t.Helper()
	at := 0
	for i := range c.pieces {
		lo, hi := c.piece(i)
		if lo != at || hi <= lo || hi-lo > c.largest() {
			t.Errorf("piece %d is from %d to %d, behind %d", i, lo, hi, at)
		}
		at = hi
	}
	if at != size {
		t.Errorf("pieces end at %d, want %d", at, size)
	}
}

// The products of a training step: tiles are as nearly square as packing B and reading A demand, and a
// gradient's factors are read in rows as long as can be.
func TestTilesOfAStep(t *testing.T) {
	for _, c := range []struct {
		m, n, k, workers int
		inRows           bool // B
		down, across     int
	}{
		{m: 2048, n: 576, k: 576, workers: 2, down: 2, across: 2},
		{m: 512, n: 49152, k: 576, workers: 2, down: 1, across: 12},
		{m: 2048, n: 1536, k: 16, workers: 2, down: 2, across: 1},
		{m: 16, n: 1536, k: 2048, workers: 2, inRows: true, down: 1, across: 2},
		{m: 2048, n: 576, k: 576, workers: 1, down: 1, across: 1},
	} {
		p := plan{geometry: geometryOf(cpu.AVX512), m: c.m, n: c.n, k: c.k}
		p.terms = []term{{a: lanes{typ: dtype.F32, lane: c.k, step: 1}, b: lanes{typ: dtype.F32, lane: c.k, step: 1}, k: c.k}}
		if c.inRows {
			p.terms[0].b.lane, p.terms[0].b.step = 1, c.n
		}
		p.split(c.workers, p.work())
		if p.down.pieces != c.down || p.across.pieces != c.across {
			t.Errorf("%d×%d×%d, %d workers: %d×%d tiles, want %d×%d",
				c.m, c.n, c.k, c.workers, p.down.pieces, p.across.pieces, c.down, c.across)
		}
	}
}
