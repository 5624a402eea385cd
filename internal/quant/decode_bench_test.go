package quant

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// A decodeModel is the matrices of a 135M Llama, of which a token is multiplied with every one. No two
// share memory, so that a token finds in the caches what a whole model leaves there.
type decodeModel struct {
	steps   [][]gemm.Matrix // products of one input each
	weights []byte          // all of them
	cols    int             // of the widest matrix, either way
}

// decodeLayers is how many layers there are, decodeHead how many rows the vocabulary projection has.
const decodeLayers, decodeHead = 30, 49152

// decodeShapes is the rows and columns of a layer's products for a hidden size of 576. Blocks of the K
// formats need a multiple of 256: they get 768 columns, and rows in proportion.
func decodeShapes(f string) (layer [][][2]int, head [2]int) {
	const kv, hidden, inner = 192, 576, 1536
	in, narrow := hidden, func(rows int) int { return rows }
	if f == "Q4_K" || f == "Q6_K" {
		in, narrow = 768, func(rows int) int { return rows * hidden / 768 }
	}
	return [][][2]int{
		{{narrow(hidden), in}, {narrow(kv), in}, {narrow(kv), in}},
		{{narrow(hidden), in}},
		{{narrow(inner), in}, {narrow(inner), in}},
		{{hidden, inner}},
	}, [2]int{narrow(decodeHead), in}
}

func newDecodeModel(b *testing.B, format string) *decodeModel {
	layer, head := decodeShapes(format)
	m, size := new(decodeModel), 0
	each := func(f func(step int, shape [2]int)) {
		for l := range decodeLayers {
			for s, shapes := range layer {
				for _, shape := range shapes {
					f(l*len(layer)+s, shape)
				}
			}
		}
		f(decodeLayers*len(layer), head)
	}
	each(func(_ int, shape [2]int) {
		size += decodeBytes(format, shape)
		m.cols = max(m.cols, shape[0], shape[1])
	})
	m.weights = make([]byte, size+64)
	m.weights = m.weights[-uintptr(unsafe.Pointer(&m.weights[0]))&63:][:size]
	m.steps = make([][]gemm.Matrix, decodeLayers*len(layer)+1)
	at := 0
	each(func(step int, shape [2]int) {
		n := decodeBytes(format, shape)
		m.steps[step] = append(m.steps[step], decodeMatrix(b, format, shape, m.weights[at:at+n:at+n]))
		at += n
	})
	return m
}

// decodeBytes is how many bytes the elements of a matrix take, less scales that lie apart from them.
func decodeBytes(format string, shape [2]int) int {
	n := shape[0] * shape[1]
	switch format {
	case "F32":
		return 4 * n
	case "BF16", "F16":
		return 2 * n
	case "INT8":
		return n
	case "NF4":
		return n / 2
	}
	f, _ := Parse(format)
	elements, bytes, _ := GGUFBlock(f)
	return n / elements * bytes
}

// decodeMatrix fills data with weights of a plausible size.
func decodeMatrix(b *testing.B, format string, shape [2]int, data []byte) gemm.Matrix {
	rows, cols := shape[0], shape[1]
	word := unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), len(data)/4)
	half := unsafe.Slice((*uint16)(unsafe.Pointer(&data[0])), len(data)/2)
	scales := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = 0x1p-5
		}
		return s
	}
	var q *Tensor
	var err error
	switch f, _ := Parse(format); format {
	case "F32":
		for i := range word {
			word[i] = float32(i%1021)*0x1p-12 - 0x1p-4
		}
		return gemm.F32(word, rows, cols)
	case "BF16", "F16":
		for i := range half {
			half[i] = 0x3c00 ^ uint16(i*40503&0x80ff)
		}
		t := dtype.BF16
		if format == "F16" {
			t = dtype.F16
		}
		return gemm.U16(t, half, rows, cols)
	case "INT8":
		copyPattern(data)
		q, err = RowInt8{Rows: rows, Cols: cols, Codes: data, Scale: scales(rows)}.Tensor()
	case "NF4":
		copyPattern(data)
		q, err = FourBit{Format: NF4, Rows: rows, Cols: cols, Block: 64, Packed: data, Absmax: scales(rows * cols / 64)}.Tensor()
	default:
		elements, _, _ := GGUFBlock(f)
		copy(data, smoothBlocks(f, rows*cols/elements))
		q, err = FromGGUF(f, rows, cols, data)
	}
	must(b, err)
	return gemm.Quantised(q, rows, cols)
}

func copyPattern(data []byte) {
	for i := range data {
		data[i] = byte(i * 2654435761 >> 11)
	}
}

// token multiplies the rows of x with everything.
func (m *decodeModel) token(x, y []float32, rows int) {
	var products [3]gemm.Product
	var terms [3]gemm.Term
	for _, step := range m.steps {
		out := y
		for i, w := range step {
			terms[i] = gemm.Term{A: gemm.F32(x, rows, w.Cols), B: w.T()}
			products[i] = gemm.Product{C: out, Stride: w.Rows, Terms: terms[i : i+1]}
			out = out[rows*w.Rows:]
		}
		gemm.Group(products[:len(step)]...)
	}
}

// probe reads the weights as fast as they can be: what decoding can reach.
func (m *decodeModel) probe() {
	words := unsafe.Slice((*float32)(unsafe.Pointer(&m.weights[0])), len(m.weights)/4)
	const piece = 1 << 16
	sums := make([]float32, ceilDiv(len(words), piece))
	parallel.For(len(words), piece, func(lo, hi int) { sums[lo/piece] = vec.Sum(words[lo:hi]) })
}

// BenchmarkDecode multiplies a token with all weights of a model that are stored in each type, and reads
// the same weights in turns with it. GB/s is of weights as they are stored; % is of what reading reaches.
func BenchmarkDecode(b *testing.B) {
	for _, format := range []string{"F32", "BF16", "F16", "INT8", "Q8_0", "Q6_K", "Q4_K", "Q4_0", "NF4"} {
		b.Run(format, func(b *testing.B) {
			m := newDecodeModel(b, format)
			x, y := make([]float32, 8*m.cols), make([]float32, 8*m.cols)
			for i := range x {
				x[i] = float32(i%17)*0x1p-3 - 1
			}
			for _, rows := range []int{1, 4} {
				for _, threads := range []int{1, 2} {
					b.Run(fmt.Sprintf("rows=%d/threads=%d", rows, threads), func(b *testing.B) {
						cputest.EachImplementationB(b, func(b *testing.B) {
							defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
							m.measure(b, x, y, rows)
						})
					})
				}
			}
		})
	}
}

func (m *decodeModel) measure(b *testing.B, x, y []float32, rows int) {
	if cpu.Current() == cpu.Generic {
		b.Skip("too slow to say anything")
	}
	m.token(x, y, rows)
	var ours, bound []float64
	for b.Loop() {
		began := time.Now()
		m.token(x, y, rows)
		between := time.Now()
		m.probe()
		bound = append(bound, time.Since(between).Seconds())
		ours = append(ours, between.Sub(began).Seconds())
	}
	slices.Sort(ours)
	slices.Sort(bound)
	bytes := float64(len(m.weights)) / 1e9
	b.ReportMetric(bytes/ours[len(ours)/2], "GB/s")
	b.ReportMetric(bytes/bound[len(bound)/2], "probe-GB/s")
	b.ReportMetric(100*bound[len(bound)/2]/ours[len(ours)/2], "%")
	b.ReportMetric(0, "ns/op")
}
