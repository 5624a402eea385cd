package gemm

import (
	"unsafe"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// tileArgs is a row of tiles as the assembly reads it: as a strip, with distances in elements.
// tools/asm/neon/gemm knows the order of the fields. A is packed: its lanes are adjacent.
type tileArgs struct {
	a             *float32
	aStep         int
	b             *float32
	bStep, bPanel int
	c             *float32
	cRow          int
	from          *float32
	fromRow       int
	steps, panels int // at least 1
	rows          int
	scaled        int // by scale; 0 for not
	scale         float32
}

// run computes the tiles, whose panels of B are 12 or 4 columns wide.
func (t *tileArgs) run(width int) {
	if width == 12 {
		tile8x12NEON(t)
	} else {
		tile8x4NEON(t)
	}
}

// vector computes the strip, if there is assembly for it. A last tile that sticks out of C goes
// through scratch memory.
func (s *strip) vector(impl cpu.Implementation) bool {
	if impl != cpu.NEON {
		return false
	}
	whole := s.panels
	if s.last < s.width {
		whole--
	}
	if whole > 0 {
		t := tileArgs{
			a: &s.a[0], aStep: s.aStep, b: &s.b[0], bStep: s.bStep, bPanel: s.bPanel, c: &s.c[0], cRow: s.ldc,
			from: unsafe.SliceData(s.from), fromRow: s.fromRow, steps: s.steps, panels: whole, rows: s.rows, scale: s.scale,
		}
		if s.scale != 0 && s.scale != 1 {
			t.scaled = 1
		}
		t.run(s.width)
	}
	if whole < s.panels {
		var scratch [8 * 12]float32
		s.tile(impl, scratch[:], whole*s.width, whole*s.bPanel, s.last)
	}
	return true
}

// multiplyPanels runs the micro-kernel of impl that is width columns wide on a single tile.
func multiplyPanels(impl cpu.Implementation, rows, width, steps int, a, b *panel, c []float32, ldc int, load bool) {
	if impl != cpu.NEON {
		multiplyGeneric(rows, width, steps, a, b, c, ldc, load)
		return
	}
	t := tileArgs{
		a: &a.data[0], aStep: a.step, b: &b.data[0], bStep: b.step, c: &c[0], cRow: ldc,
		steps: steps, panels: 1, rows: rows,
	}
	if load {
		t.from, t.fromRow = t.c, ldc
	}
	t.run(width)
}

// packLanes is how many lanes a vector of the packing routines holds.
const packLanes = 4

// packAdjacent packs lanes that are adjacent in memory, 12 at a time. It loads whole vectors, so it
// leaves over the steps where these would reach beyond the data. The last lanes come first: what they
// write beyond the panel is made good by the lanes before.
func (l *lanes) packAdjacent(dst []float32, width, at, n, steps int) int {
	room := max(len(l.f32), len(l.u16)) - at - roundUp(n, 4)
	if room < 0 {
		return 0
	}
	if l.step > 0 {
		steps = min(steps, room/l.step+1)
	}
	for first := (n - 1) / 12 * 12; first >= 0; first -= 12 {
		vecs, from := ceilDiv(min(12, n-first), 4), at+first
		switch l.typ {
		case dtype.F32:
			copyF32(&dst[first], width, &l.f32[from], l.step, vecs, steps)
		case dtype.BF16:
			copyBF16(&dst[first], width, &l.u16[from], l.step, vecs, steps)
		case dtype.F16:
			copyF16(&dst[first], width, &l.u16[from], l.step, vecs, steps)
		}
	}
	return steps
}
