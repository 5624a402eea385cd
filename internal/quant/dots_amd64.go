package quant

import (
	"unsafe"

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
type dotKernel func(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

// The byte offsets in a dotSpace of a table of 16 float32 and of one of 16 int8.
const dotTable, dotBytes = 6144, 6208

// aligned is the space from a line of the cache on, so that no vector lies across two.
func (s *dotSpace) aligned() *[16384]byte {
	at := -uintptr(unsafe.Pointer(&s.bytes)) & 63
	return (*[16384]byte)(s.bytes[at:])
}

// floats is n float32 of the space from a byte on.
func (s *dotSpace) floats(at, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(&s.aligned()[at])), n)
}

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
	scratch := s.aligned()
	sums, w, x, next := &j.sums[0], &g.data[j.row*g.stride], &j.x[0], &g.data[j.next*g.stride]
	stride := j.step * g.stride
	switch g.format {
	case Q8_0:
		pick(dotsQ8_0AVX512, dotsQ8_0AVX2)(sums, w, stride, x, j.rows, blocks, next, &scratch[0])
	case Q4_K:
		pick(dotsQ4KAVX512, dotsQ4KAVX2)(sums, w, stride, x, j.rows, blocks, next, &scratch[0])
	case Q6_K:
		pick(dotsQ6KAVX512, dotsQ6KAVX2)(sums, w, stride, x, j.rows, blocks, next, &scratch[0])
	default:
		table := s.floats(dotTable, 16)
		for i := range table {
			table[i] = float32(i - 8)
			if g.format == IQ4_NL {
				table[i] = valuesIQ4[i]
			}
			scratch[dotBytes+i] = byte(int8(table[i]))
		}
		pick(dotsQ4_0AVX512, dotsQ4_0AVX2)(sums, w, stride, x, j.rows, blocks, next, &scratch[0])
	}
	return true
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
	copy(s.floats(dotTable, 16), q.table[:])
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
	kernel(sums, w, j.step*stride, x, j.rows, blocks, next, &s.aligned()[0], absmax, absmaxRow)
	return true
}

func (q *rowInt8) canDot() bool { return q.Cols%64 == 0 }

func (q *rowInt8) dots(j *dotJob, s *dotSpace) bool {
	scales := s.floats(0, j.lanes)
	for l := range scales {
		scales[l] = q.Scale[j.row+l*j.step]
		if !within24(scales[l]) {
			return false
		}
	}
	kernel := pick(dotsInt8AVX512, dotsInt8AVX2)
	kernel(&j.sums[0], &q.Codes[j.row*q.Cols], j.step*q.Cols, &j.x[0], j.rows, q.Cols/64, &q.Codes[j.next*q.Cols], &s.aligned()[0])
	return true
}

//go:noescape
func dotsQ8_0AVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ8_0AVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ4_0AVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ4_0AVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsInt8AVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsInt8AVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ4KAVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ4KAVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ6KAVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsQ6KAVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte)

//go:noescape
func dotsNibblesAVX2(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte, absmax *float32, absmaxRow int)

//go:noescape
func dotsNibblesAVX512(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next, scratch *byte, absmax *float32, absmaxRow int)
