package gemm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/parallel"
)

// BenchmarkBandwidth reads memory on all cores, and as fast as they can: the bound of decoding.
func BenchmarkBandwidth(b *testing.B) {
	data := make([]float32, 1<<24)
	clear(data) // pages that were never written are all the same one
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data))
	b.SetBytes(int64(len(raw)))
	const piece = 1 << 16
	for b.Loop() {
		parallel.For(len(raw)/piece, 1, func(lo, hi int) {
			if bytes.IndexByte(raw[lo*piece:hi*piece], 1) >= 0 {
				b.Error("found what is not there")
			}
		})
	}
}

// BenchmarkFewRows multiplies few rows by the transpose of weights, as decoding does, where these lie in
// the second-level cache and where they do not: MB/s are those of weights as they are stored.
func BenchmarkFewRows(b *testing.B) {
	for _, l := range []layout{{}, {typ: dtype.BF16}, {typ: dtype.F16}, {blocks: true}} {
		for _, shape := range [][2]int{{1536, 576}, {4096, 4096}} {
			for _, m := range []int{1, 2, 4, 6, 8} {
				l.transposed = true
				b.Run(fmt.Sprintf("%v/%dx%d/%d", l, shape[0], shape[1], m), func(b *testing.B) {
					cputest.EachImplementationB(b, func(b *testing.B) { multiplyFewRows(b, l, m, shape[0], shape[1]) })
				})
			}
		}
	}
}

func multiplyFewRows(b *testing.B, l layout, m, n, k int) {
	if cpu.Current() == cpu.Generic {
		b.Skip("too slow to say anything")
	}
	size := l.typ.Size()
	if l.blocks {
		size = 1
	}
	r := rand.New(rand.NewPCG(1, 1))
	x, w := layout{}.matrix(r, m, k, normal), l.matrix(r, k, n, normal)
	c := make([]float32, m*n)
	b.SetBytes(int64(n * k * size))
	for b.Loop() {
		Gemm(c, n, x, w, false)
	}
}
