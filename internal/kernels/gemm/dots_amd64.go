package gemm

import (
	"unsafe"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

func hasDots(impl cpu.Implementation) bool { return impl != cpu.Generic }

// dotInPlace continues the sums by as many steps as make whole lines, and returns how many that were.
// Meanwhile lanes from next on are fetched.
func (l *lanes) dotInPlace(s dotShape, d *dots, x []float32, m, lane, next, steps int) int {
	line := 64 / l.typ.Size()
	lines := steps / line
	switch {
	case lines == 0:
	case s.block > dotWidth:
		l.dotParts(s, d, x, m, lane, next, lines)
	default:
		l.dotBlock(s, d.sums[:], x, m, lane, next, lines)
	}
	return lines * line
}

// dotParts is dotBlock for a block that is wider than the kernels here, as those of columns that multiply
// themselves can be: for other terms, and for numbers that the columns do not take.
func (l *lanes) dotParts(s dotShape, d *dots, x []float32, m, lane, next, lines int) {
	for at := 0; at < s.block; at += dotWidth {
		var part [4 * dotWidth]float32
		for i := range m {
			copy(part[i*dotWidth:(i+1)*dotWidth], d.sums[i*s.block+at:])
		}
		l.dotBlock(dotShape{dotWidth, m, s.wide}, part[:], x, m, lane+at, next+at, lines)
		for i := range m {
			copy(d.sums[i*s.block+at:], part[i*dotWidth:(i+1)*dotWidth])
		}
	}
}

// page is how far processors look ahead in what is read in order.
const page = 4096

// dotBlock continues the sums of a block by lines. Where a page has several rows, which confuses the
// processor, the block at next is fetched meanwhile; otherwise it would only be in the way.
func (l *lanes) dotBlock(s dotShape, sums, x []float32, m, lane, next, lines int) {
	fetch, step := unsafe.Pointer(&x[0]), 0 // what is there already
	if l.lane*l.typ.Size() < page {
		fetch, step = l.address(next), 64*s.block
	}
	f, w := (*byte)(fetch), l.address(lane)
	switch {
	case l.typ == dtype.F32 && s.wide:
		dotsF32AVX512(&sums[0], (*float32)(w), l.lane, &x[0], m, lines, f, step)
	case l.typ == dtype.F32:
		dotsF32AVX2(&sums[0], (*float32)(w), l.lane, &x[0], m, lines, f, step)
	case l.typ == dtype.BF16 && s.wide:
		dotsBF16AVX512(&sums[0], (*uint16)(w), l.lane, &x[0], m, lines, f, step)
	case l.typ == dtype.BF16:
		dotsBF16AVX2(&sums[0], (*uint16)(w), l.lane, &x[0], m, lines, f, step)
	case s.wide:
		dotsF16AVX512(&sums[0], (*uint16)(w), l.lane, &x[0], m, lines, f, step)
	default:
		dotsF16AVX2(&sums[0], (*uint16)(w), l.lane, &x[0], m, lines, f, step)
	}
}

// address is where a lane begins.
func (l *lanes) address(lane int) unsafe.Pointer {
	if l.typ == dtype.F32 {
		return unsafe.Pointer(&l.f32[lane*l.lane])
	}
	return unsafe.Pointer(&l.u16[lane*l.lane])
}

// The kernels for few rows: acc is rows × a block, x has rows elements a step, and lines of 64 bytes are
// taken from each row of w, wRow elements apart. For each, a line for every column of the block is fetched
// into the cache from next on, which goes on by nextStep bytes.

//go:noescape
func dotsF32AVX2(acc *float32, w *float32, wRow int, x *float32, rows, lines int, next *byte, nextStep int)

//go:noescape
func dotsBF16AVX2(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *byte, nextStep int)

//go:noescape
func dotsF16AVX2(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *byte, nextStep int)

//go:noescape
func dotsF32AVX512(acc *float32, w *float32, wRow int, x *float32, rows, lines int, next *byte, nextStep int)

//go:noescape
func dotsBF16AVX512(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *byte, nextStep int)

//go:noescape
func dotsF16AVX512(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *byte, nextStep int)
