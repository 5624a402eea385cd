package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

func hasDots(impl cpu.Implementation) bool { return impl != cpu.Generic }

// dotFetched is how many bytes are fetched at most while as many are computed: a fraction of the
// second-level cache, where both are.
const dotFetched = 1 << 18

// dotInPlace continues the sums by as many steps as make whole lines, and returns how many that were.
// Meanwhile lanes from next on are fetched, or what follows in these, where that is too much.
func (l *lanes) dotInPlace(s dotShape, d *dots, x []float32, m, lane, next, steps int) int {
	line := 64 / l.typ.Size()
	lines := steps / line
	if lines == 0 {
		return 0
	}
	if s.block <= dotWidth {
		l.dotBlock(s, d.sums[:], x, m, lane, next, lines)
		return lines * line
	}
	// Blocks of columns that multiply themselves can be wider than the kernels here, which are then for other
	// terms, and for numbers that those of the columns do not take.
	for at := 0; at < s.block; at += dotWidth {
		for i := range m {
			copy(d.part[i*dotWidth:(i+1)*dotWidth], d.sums[i*s.block+at:])
		}
		l.dotBlock(dotShape{dotWidth, m, s.wide}, d.part[:], x, m, lane+at, next+at, lines)
		for i := range m {
			copy(d.sums[i*s.block+at:], d.part[i*dotWidth:(i+1)*dotWidth])
		}
	}
	return lines * line
}

// dotBlock continues the sums of a block by lines.
func (l *lanes) dotBlock(s dotShape, sums, x []float32, m, lane, next, lines int) {
	line := 64 / l.typ.Size()
	piece, step := lines, s.block*line
	if 64*lines*s.block > dotFetched {
		pieces := ceilDiv(lines, s.block)
		piece, step = ceilDiv(lines, pieces), l.lane
	}
	for i := 0; i < lines; i += piece {
		n, then := min(piece, lines-i), lane*l.lane+(i+piece)*line
		if i+piece >= lines {
			then = next * l.lane
		}
		l.dotLines(s.wide, sums, x[i*line*m:], m, lane*l.lane+i*line, n, then, step)
	}
}

// dotLines continues the sums by lines from at on, while it fetches what begins at next.
func (l *lanes) dotLines(wide bool, sums, x []float32, m, at, lines, next, step int) {
	switch {
	case l.typ == dtype.F32 && wide:
		dotsF32AVX512(&sums[0], &l.f32[at], l.lane, &x[0], m, lines, &l.f32[next], step)
	case l.typ == dtype.F32:
		dotsF32AVX2(&sums[0], &l.f32[at], l.lane, &x[0], m, lines, &l.f32[next], step)
	case l.typ == dtype.BF16 && wide:
		dotsBF16AVX512(&sums[0], &l.u16[at], l.lane, &x[0], m, lines, &l.u16[next], step)
	case l.typ == dtype.BF16:
		dotsBF16AVX2(&sums[0], &l.u16[at], l.lane, &x[0], m, lines, &l.u16[next], step)
	case wide:
		dotsF16AVX512(&sums[0], &l.u16[at], l.lane, &x[0], m, lines, &l.u16[next], step)
	default:
		dotsF16AVX2(&sums[0], &l.u16[at], l.lane, &x[0], m, lines, &l.u16[next], step)
	}
}

// The kernels for few rows: acc is rows × a block, x has rows elements a step, and lines of 64 bytes are
// taken from each row of w, wRow elements apart. For each, a line for every column of the block is fetched into
// the cache from next on, which goes on by nextStep elements.

//go:noescape
func dotsF32AVX2(acc *float32, w *float32, wRow int, x *float32, rows, lines int, next *float32, nextStep int)

//go:noescape
func dotsBF16AVX2(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16, nextStep int)

//go:noescape
func dotsF16AVX2(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16, nextStep int)

//go:noescape
func dotsF32AVX512(acc *float32, w *float32, wRow int, x *float32, rows, lines int, next *float32, nextStep int)

//go:noescape
func dotsBF16AVX512(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16, nextStep int)

//go:noescape
func dotsF16AVX512(acc *float32, w *uint16, wRow int, x *float32, rows, lines int, next *uint16, nextStep int)
