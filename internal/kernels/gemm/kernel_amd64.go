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

// rowArgs is a strip as the assembly reads it: addresses, and distances in bytes. Addresses are not
// pointers because they end up behind what they walk along. tools/asm/gemm knows the offsets.
type rowArgs struct {
	a                         uintptr
	aRow, aStep               int
	b                         uintptr
	bStep, bPanel             int
	c                         uintptr
	cRow                      int
	from                      uintptr
	fromRow                   int
	ahead                     uintptr // what comes next, of A or, where there is an aheadStep, of B
	aheadStep, aheadPanel     int
	steps, panels, rows, last int
	scaled                    int
	nextC                     uintptr // row of C below the strip
	scale                     float32
}

// vector computes the strip, if there is assembly for it.
func (s *strip) vector(impl cpu.Implementation) bool {
	if impl == cpu.Generic {
		return false
	}
	r := &rowArgs{
		a: address(s.a), aRow: 4 * s.aRow, aStep: 4 * s.aStep,
		b: address(s.b), bStep: 4 * s.bStep, bPanel: 4 * s.bPanel,
		c: address(s.c), cRow: 4 * s.ldc, from: address(s.from), fromRow: 4 * s.fromRow,
		steps: s.steps, panels: s.panels, rows: s.rows, last: s.last, scale: s.scale,
	}
	if s.scale != 0 && s.scale != 1 {
		r.scaled = 1
	}
	r.ahead, r.nextC = r.a, r.c+uintptr(s.rows*r.cRow)
	switch {
	case s.direct: // the same steps of the next panel of B, which are not adjacent
		r.ahead, r.aheadStep, r.aheadPanel = r.b+uintptr(4*s.width), r.bStep, 4*s.width
	case s.follows: // two rows with each panel of B
		r.ahead, r.aheadPanel = r.a+uintptr(s.rows*r.aRow), 2*r.aRow
	}
	r.tiles(impl, s.width)
	return true
}

// tiles runs the micro-kernel whose panels of B are width columns wide along the strip.
func (r *rowArgs) tiles(impl cpu.Implementation, width int) {
	switch {
	case impl == cpu.AVX512 && width == 32:
		tile14x32AVX512(r)
	case impl == cpu.AVX512:
		tile14x16AVX512(r)
	case width == 16:
		tile6x16AVX2(r)
	default:
		tile12x8AVX2(r)
	}
}

// address is where x begins. What the assembly is given stays reachable through the plan.
func address(x []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

// packLanes is how many lanes a vector of the packing routines holds. They are AVX2 under AVX-512 too:
// packing is bound by memory.
const packLanes = 8

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
