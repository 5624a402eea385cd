package gemm

import (
	"unsafe"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

//go:generate go -C ../../../tools/asm run ./gemm -out ../../internal/kernels/gemm/kernel_amd64.s

// multiplyPanels is the micro-kernel for one tile, which is only needed for the reference: the others
// take a whole strip.
func multiplyPanels(_ cpu.Implementation, rows, width, steps int, a, b *panel, c []float32, ldc int, load bool) {
	multiplyGeneric(rows, width, steps, a, b, c, ldc, load)
}

// vector computes the strip, if there is assembly for it.
func (s *strip) vector(impl cpu.Implementation) bool {
	if impl == cpu.Generic {
		return false
	}
	r := &s.registers
	*r = rowArgs{
		a: address(s.a), aRow: 4 * s.aRow, aStep: 4 * s.aStep,
		b: address(s.b), bStep: 4 * s.bStep, bPanel: 4 * s.bPanel,
		c: address(s.c), cRow: 4 * s.ldc, from: address(s.from), fromRow: 4 * s.fromRow,
		steps: s.steps, panels: s.panels, rows: s.rows, last: s.last, scale: s.scale,
	}
	if s.scale != 0 && s.scale != 1 {
		r.scaled = 1
	}
	r.ahead = r.a
	switch {
	case s.direct: // the same steps of the next panel of B, which are not adjacent
		r.ahead, r.aheadStep, r.aheadPanel = r.b+uintptr(4*s.width), r.bStep, 4*s.width
	case s.follows: // the rows that are next, while the first panel of B passes by
		r.ahead, r.aheadStep, r.panels = r.a+uintptr(4*s.rows*s.aRow), 4*s.rows, 1
		if s.panels == 1 {
			break
		}
		r.last = s.width
		s.tiles(impl)
		r.ahead, r.aheadStep, r.panels, r.last = r.a, 0, s.panels-1, s.last
	}
	s.tiles(impl)
	return true
}

// tiles runs the micro-kernel along the strip.
func (s *strip) tiles(impl cpu.Implementation) {
	switch {
	case impl == cpu.AVX512 && s.width == 32:
		tile14x32AVX512(&s.registers)
	case impl == cpu.AVX512:
		tile14x16AVX512(&s.registers)
	case s.width == 16:
		tile6x16AVX2(&s.registers)
	default:
		tile12x8AVX2(&s.registers)
	}
}

// address is where x begins. What the assembly is given stays reachable through the plan.
func address(x []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

// packVector packs the first steps of a panel and returns how many. It uses AVX2 under AVX-512 too:
// packing is bound by memory.
func (l *lanes) packVector(dst []float32, width, at, n, steps int) int {
	switch {
	case l.lane == 1:
		return l.packAdjacent(dst, width, at, n, steps)
	case l.step == 1:
		return l.packRows(dst, width, at, n, steps)
	}
	return 0
}

// packAdjacent packs lanes that are adjacent in memory. It loads whole vectors, so it leaves over the
// steps where these would reach beyond the data.
func (l *lanes) packAdjacent(dst []float32, width, at, n, steps int) int {
	vecs := 4
	if n <= 8 {
		vecs = 1
	} else if n <= 16 {
		vecs = 2
	}
	room := max(len(l.f32), len(l.u16)) - at - 8*vecs
	if room < 0 {
		return 0
	}
	if l.step > 0 {
		steps = min(steps, room/l.step+1)
	}
	switch l.typ {
	case dtype.F32:
		copyF32(&dst[0], width, &l.f32[at], l.step, vecs, steps)
	case dtype.BF16:
		copyBF16(&dst[0], width, &l.u16[at], l.step, vecs, steps)
	case dtype.F16:
		copyF16(&dst[0], width, &l.u16[at], l.step, vecs, steps)
	}
	return steps
}

// packRows packs lanes that are rows in memory, 8 at a time. The last rows come first: where the
// panel is not a multiple of 8 wide, what they write beyond it is made good by the rows before.
func (l *lanes) packRows(dst []float32, width, at, n, steps int) int {
	if l.typ == dtype.F32 {
		steps &^= 7
	} else {
		steps &^= 15
	}
	if steps == 0 {
		return 0
	}
	for first := (n - 1) &^ 7; first >= 0; first -= 8 {
		rows, from := min(8, n-first), at+first*l.lane
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

// The micro-kernels. They move the addresses in args to the end of the strip.

//go:noescape
func tile6x16AVX2(args *rowArgs)

//go:noescape
func tile12x8AVX2(args *rowArgs)

//go:noescape
func tile14x32AVX512(args *rowArgs)

//go:noescape
func tile14x16AVX512(args *rowArgs)

// The packing routines. Steps must be positive; width and stride are in elements.

//go:noescape
func copyF32(dst *float32, width int, src *float32, stride, vecs, steps int)

//go:noescape
func copyBF16(dst *float32, width int, src *uint16, stride, vecs, steps int)

//go:noescape
func copyF16(dst *float32, width int, src *uint16, stride, vecs, steps int)

//go:noescape
func transposeF32(dst *float32, width int, src *float32, stride, lanes, steps int)

//go:noescape
func transposeBF16(dst *float32, width int, src *uint16, stride, lanes, steps int)

//go:noescape
func transposeF16(dst *float32, width int, src *uint16, stride, lanes, steps int)

// The benchmarks' upper bound: 12 vector multiply-adds in registers, n times.

func peakAVX2(n int)

func peakAVX512(n int)
