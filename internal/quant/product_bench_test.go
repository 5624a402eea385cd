package quant

import (
	"testing"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// BenchmarkProduct measures what quantised weights cost the products of a training step and of decoding:
// compare the GFLOP/s with those of float32.
func BenchmarkProduct(b *testing.B) {
	const rows, cols = 1536, 576
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(int32(uint32(i)*2654435761)) * 0x1p-31
	}
	four, err := Quantise4Bit(NF4, rows, cols, 64, true, slice(values))
	must(b, err)
	eight, err := QuantiseInt8(rows, cols, slice(values))
	must(b, err)
	packed, err := QuantiseQ8_0(values)
	must(b, err)
	nf4, err := four.Tensor()
	must(b, err)
	rows8, err := eight.Tensor()
	must(b, err)
	q8, err := FromGGUF(Q8_0, rows, cols, packed)
	must(b, err)
	wide := 4 * cols / superBlock * superBlock
	q4k, err := FromGGUF(Q4_K, rows*cols/wide, wide, smoothBlocks(Q4_K, rows*cols/wide*wide/superBlock))
	must(b, err)
	q6k, err := FromGGUF(Q6_K, rows*cols/wide, wide, smoothBlocks(Q6_K, rows*cols/wide*wide/superBlock))
	must(b, err)
	q4, err := FromGGUF(Q4_0, rows, cols, smoothBlocks(Q4_0, rows*cols/32))
	must(b, err)
	for _, w := range []struct {
		name   string
		matrix gemm.Matrix
	}{
		{"F32", gemm.F32(values, rows, cols)}, {"NF4", gemm.Quantised(nf4, rows, cols)}, {"INT8", gemm.Quantised(rows8, rows, cols)},
		{"Q8_0", gemm.Quantised(q8, rows, cols)}, {"Q4_0", gemm.Quantised(q4, rows, cols)}, {"Q4_K", gemm.Quantised(q4k, q4k.Rows, q4k.Cols)}, {"Q6_K", gemm.Quantised(q6k, q6k.Rows, q6k.Cols)},
	} {
		for _, m := range []int{2048, 512, 1} {
			product(b, w.name+"/forward/"+itoa(m), m, w.matrix.T())
		}
		product(b, w.name+"/backward/512", 512, w.matrix)
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// product multiplies m rows by w.
func product(b *testing.B, name string, m int, w gemm.Matrix) {
	x, y := make([]float32, m*w.Rows), make([]float32, m*w.Cols)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			gemm.Gemm(y, w.Cols, gemm.F32(x, m, w.Rows), w, false)
		}
		b.ReportMetric(2*float64(m)*float64(w.Rows)*float64(w.Cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}
