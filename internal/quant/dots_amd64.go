package quant

import (
	"math"
	"slices"

	"github.com/cultivar/cultivar/internal/cpu"
)

//go:generate go -C ../../tools/asm run ./quantdots -out ../../internal/quant/dots_amd64.s

// dotLanes is how many rows the kernels take at a time, for rows rows of x; 0 when there are none.
func dotLanes(rows int) int {
	switch impl := cpu.Current(); {
	case rows != 1 && rows != 2 && rows != 4:
		return 0
	case impl == cpu.AVX512 && rows == 1, impl == cpu.AVX2 && rows == 2, impl == cpu.AVX2 && rows == 1:
		return 32
	case impl == cpu.AVX512:
		return 64
	case impl == cpu.AVX2:
		return 16
	}
	return 0
}

// A dotKernel is how the kernels are called: next is fetched into the cache meanwhile.
type dotKernel func(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

// Where a dotSpace has a table of 16 float32 and one of 16 int8.
const dotTable, dotBytes = 6144 / 4, 6208 / 4

func (g *ggml) canDot() bool {
	switch g.format {
	case Q8_0, Q4_0, IQ4_NL, Q4_K, Q6_K:
		return true
	}
	return false
}

func (g *ggml) dots(j *dotJob, s *dotSpace) bool {
	block := ggmlBlock[g.format].bytes
	blocks := g.stride / block
	sums, w, x, next := &j.sums[0], &g.data[j.row*g.stride], &j.x[0], &g.data[j.next*g.stride]
	stride := j.step * g.stride
	switch g.format {
	case Q8_0:
		pick(dotsQ8_0AVX512, dotsQ8_0AVX2)(sums, w, stride, x, j.rows, blocks, next, &s.words[0])
	case Q4_K:
		pick(dotsQ4KAVX512, dotsQ4KAVX2)(sums, w, stride, x, j.rows, blocks, next, &s.words[0])
	case Q6_K:
		pick(dotsQ6KAVX512, dotsQ6KAVX2)(sums, w, stride, x, j.rows, blocks, next, &s.words[0])
	default:
		table := &valuesQ4_0
		if g.format == IQ4_NL {
			table = &valuesIQ4
		}
		s.setTable(table)
		clear(s.words[dotBytes : dotBytes+4])
		for i, v := range table {
			s.words[dotBytes+i/4] |= uint32(uint8(int8(v))) << (i % 4 * 8)
		}
		pick(dotsQ4_0AVX512, dotsQ4_0AVX2)(sums, w, stride, x, j.rows, blocks, next, &s.words[0])
	}
	return true
}

// valuesQ4_0 is what the codes of Q4_0 stand for.
var valuesQ4_0 = [16]float32{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7}

func (s *dotSpace) setTable(t *[16]float32) {
	for i, v := range t {
		s.words[dotTable+i] = math.Float32bits(v)
	}
}

func pick(avx512, avx2 dotKernel) dotKernel {
	if cpu.Current() == cpu.AVX512 {
		return avx512
	}
	return avx2
}

func (q *fourBit) canDot() bool { return q.Block == 64 && q.Cols%64 == 0 }

func (q *fourBit) dots(j *dotJob, s *dotSpace) bool {
	blocks := q.Cols / q.Block
	stride := q.Cols / 2
	s.setTable(q.table)
	sums, w, x, next := &j.sums[0], &q.Packed[j.row*stride], &j.x[0], &q.Packed[j.next*stride]
	absmax, absmaxRow := (*float32)(nil), 4*j.step*blocks
	if q.Nested != nil {
		s.nested(q.Nested, j, blocks)
		absmax, absmaxRow = &s.absmax[0], 4*blocks
	} else {
		absmax = &q.Absmax[j.row*blocks]
	}
	kernel := dotsNibblesAVX2
	if cpu.Current() == cpu.AVX512 {
		kernel = dotsNibblesAVX512
	}
	kernel(sums, w, j.step*stride, x, j.rows, blocks, next, &s.words[0], absmax, absmaxRow)
	return true
}

func (q *rowInt8) canDot() bool { return q.Cols%64 == 0 }

func (q *rowInt8) dots(j *dotJob, s *dotSpace) bool {
	for l := range j.lanes {
		scale := q.Scale[j.row+l*j.step]
		if !within24(scale) {
			return false
		}
		s.words[l] = math.Float32bits(scale)
	}
	kernel := pick(dotsInt8AVX512, dotsInt8AVX2)
	kernel(&j.sums[0], &q.Codes[j.row*q.Cols], j.step*q.Cols, &j.x[0], j.rows, q.Cols/64, &q.Codes[j.next*q.Cols], &s.words[0])
	return true
}

// nested makes absmax the scales of a job's rows, blocks each.
func (s *dotSpace) nested(n *Nested, j *dotJob, blocks int) {
	s.absmax = slices.Grow(s.absmax[:0], j.lanes*blocks)[:j.lanes*blocks]
	values := (*[256]float32)(n.Map)
	for l := range j.lanes {
		at := (j.row + l*j.step) * blocks
		outer, left := at/n.Block, n.Block-at%n.Block
		scales := s.absmax[l*blocks:][:blocks]
		for i, code := range n.Codes[at : at+blocks] {
			if left == 0 {
				outer, left = outer+1, n.Block
			}
			scales[i] = float32(values[code]*n.Absmax[outer]) + n.Offset
			left--
		}
	}
}

// within24 reports whether a scale may be multiplied by 2²⁴ times a code and by 1/127 without leaving the
// range in which the rounding is the same.
func within24(scale float32) bool {
	const low, high = 127 - 90, 127 + 90
	exponent := math.Float32bits(scale) >> 23 & 0xff
	return scale == 0 || exponent == 0xff || low <= exponent && exponent <= high
}

//go:noescape
func dotsQ8_0AVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ8_0AVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ4_0AVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ4_0AVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsInt8AVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsInt8AVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ4KAVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ4KAVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ6KAVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsQ6KAVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32)

//go:noescape
func dotsNibblesAVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32, absmax *float32, absmaxRow int)

//go:noescape
func dotsNibblesAVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32, absmax *float32, absmaxRow int)
