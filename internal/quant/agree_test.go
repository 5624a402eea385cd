package quant

import (
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
)

// anyTensor makes a tensor of each format out of arbitrary bytes: scales may be NaN, infinite or
// denormal. Rows are 512 elements wide, and what bytes are missing are 0.
func anyTensor(t testing.TB, f Format, data []byte) *Tensor {
	t.Helper()
	const rows, cols = 2, 512
	take := func(n int) []byte {
		part := make([]byte, n)
		data = data[copy(part, data):]
		return part
	}
	scales := func(n int) []float32 {
		s := make([]float32, n)
		for i, b := range take(n) {
			s[i] = anyFloat(b)
		}
		return s
	}
	var q *Tensor
	var err error
	switch f {
	case NF4, FP4:
		q, err = FourBit{Format: f, Rows: rows, Cols: cols, Block: 64, Packed: take(rows * cols / 2), Absmax: scales(rows * cols / 64)}.Tensor()
	case Int8:
		q, err = RowInt8{Rows: rows, Cols: cols, Codes: take(rows * cols), Scale: scales(rows)}.Tensor()
	case GPTQ, AWQ:
		p := GroupedParts{Rows: 8, Cols: cols, Bits: 4, GroupSize: 128, Weight: take(8 * cols / 2), Zeros: take(16), Scales: scales(32)}
		if f == GPTQ {
			q, err = FromGPTQ(p)
		} else {
			q, err = FromAWQ(p)
		}
	default:
		elements, bytes, _ := GGUFBlock(f)
		q, err = FromGGUF(f, rows, cols, take(rows*cols/elements*bytes))
	}
	if err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	return q
}

// anyFloat is one of 256 floats, from NaN and infinities to denormals.
func anyFloat(b byte) float32 {
	return half([]byte{b << 6, b})
}

// checkAgree holds every implementation against the generic one, at any offset and length.
func checkAgree(t *testing.T, f Format, data []byte, at, n int) {
	t.Helper()
	q := anyTensor(t, f, data)
	at %= q.Cols
	n = min(n, q.Cols-at)
	decode := func(impl cpu.Implementation) []float32 {
		defer cpu.Use(impl)()
		dst := make([]float32, n)
		q.Decode(dst, q.Rows-1, at)
		return dst
	}
	want := decode(cpu.Generic)
	for _, impl := range cpu.Available()[1:] {
		for i, got := range decode(impl) {
			if !sameBits(got, want[i]) {
				t.Fatalf("%v, %v [%d:%d]: element %d is %v, generic %v", f, impl, at, at+n, i, got, want[i])
			}
		}
	}
}

func TestImplementationsAgree(t *testing.T) {
	state := uint32(1)
	data := make([]byte, 1<<12)
	for f := range names {
		for round := range 40 {
			for i := range data {
				state = state*1664525 + 1013904223
				data[i] = byte(state >> 24)
			}
			checkAgree(t, Format(f), data, 37*round, 512)
		}
		for n := range 130 {
			checkAgree(t, Format(f), data, int(state>>8)+n, n)
		}
	}
}

func FuzzImplementationsAgree(f *testing.F) {
	f.Add(uint8(Q4_K), []byte{0xff, 0x7f, 1, 0, 255}, 3, 300)
	f.Add(uint8(NF4), []byte{1, 2, 3}, 1, 31)
	f.Fuzz(func(t *testing.T, format uint8, data []byte, at, n int) {
		if at < 0 || n < 0 {
			return
		}
		checkAgree(t, Format(format)%Format(len(names)), data, at, n)
	})
}
