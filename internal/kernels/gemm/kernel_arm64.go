package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// multiplyPanels runs the micro-kernel of impl that is width columns wide.
func multiplyPanels(impl cpu.Implementation, rows, width, steps int, a, b *panel, c []float32, ldc int, load bool) {
	switch {
	case impl == cpu.NEON && width == 12:
		tile8x12NEON(rows, steps, &a.data[0], a.step, &b.data[0], b.step, &c[0], ldc, load)
	case impl == cpu.NEON:
		tile8x4NEON(rows, steps, &a.data[0], a.step, &b.data[0], b.step, &c[0], ldc, load)
	default:
		multiplyGeneric(rows, width, steps, a, b, c, ldc, load)
	}
}

// packVector packs the first steps of a panel and returns how many.
func (l *lanes) packVector(dst []float32, width, at, n, steps int) int {
	switch {
	case l.lane == 1:
		return l.packAdjacent(dst, width, at, n, steps)
	case l.step == 1:
		return l.packRows(dst, width, at, n, steps)
	}
	return 0
}

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

// packRows packs lanes that are rows in memory, 4 at a time, in the order of packAdjacent and for the
// same reason.
func (l *lanes) packRows(dst []float32, width, at, n, steps int) int {
	if l.typ == dtype.F32 {
		steps &^= 3
	} else {
		steps &^= 7
	}
	if steps == 0 {
		return 0
	}
	for first := (n - 1) &^ 3; first >= 0; first -= 4 {
		rows, from := min(4, n-first), at+first*l.lane
		switch l.typ {
		case dtype.F32:
			transposeF32(&dst[first], width, &l.f32[from], l.lane, rows, steps)
		case dtype.BF16:
			transposeBF16(&dst[first], width, &l.u16[from], l.lane, rows, steps)
		case dtype.F16:
			transposeF16(&dst[first], width, &l.u16[from], l.lane, rows, steps)
		}
	}
	return steps
}
