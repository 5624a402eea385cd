package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

func hasDots(impl cpu.Implementation) bool { return impl != cpu.Generic }

// dotInPlace continues the sums by as many steps as make whole lines, and returns how many that were.
// Meanwhile as many lanes are fetched from lane next on.
func (l *lanes) dotInPlace(wide bool, d *dots, x []float32, m, lane, next, steps int) int {
	line := 64 / l.typ.Size()
	n := steps / line
	if n == 0 {
		return 0
	}
	at, then := lane*l.lane, next*l.lane
	switch {
	case l.typ == dtype.F32 && wide:
		dotsF32AVX512(&d.sums[0], &l.f32[at], l.lane, &x[0], m, n, &l.f32[then])
	case l.typ == dtype.F32:
		dotsF32AVX2(&d.sums[0], &l.f32[at], l.lane, &x[0], m, n, &l.f32[then])
	case l.typ == dtype.BF16 && wide:
		dotsBF16AVX512(&d.sums[0], &l.u16[at], l.lane, &x[0], m, n, &l.u16[then])
	case l.typ == dtype.BF16:
		dotsBF16AVX2(&d.sums[0], &l.u16[at], l.lane, &x[0], m, n, &l.u16[then])
	case wide:
		dotsF16AVX512(&d.sums[0], &l.u16[at], l.lane, &x[0], m, n, &l.u16[then])
	default:
		dotsF16AVX2(&d.sums[0], &l.u16[at], l.lane, &x[0], m, n, &l.u16[then])
	}
	return n * line
}

// The kernels for few rows: acc is rows × a block, x has rows elements a step, and lines of 64 bytes are
// taken from each row of w, wRow elements apart. What begins at next is fetched into the cache.

//go:noescape
func dotsF32AVX2(acc *float32, w *float32, wRow int, x *float32, rows, lines int, next *float32)

//go:noescape
func dotsBF16AVX2(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16)

//go:noescape
func dotsF16AVX2(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16)

//go:noescape
func dotsF32AVX512(acc *float32, w *float32, wRow int, x *float32, rows, lines int, next *float32)

//go:noescape
func dotsBF16AVX512(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16)

//go:noescape
func dotsF16AVX512(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16)
