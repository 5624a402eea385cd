package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/parallel"
)

// BenchmarkPeak measures multiply-adds in registers on one core: what %peak is of.
func BenchmarkPeak(b *testing.B) {
	cputest.EachImplementationB(b, func(b *testing.B) {
		if peakRate() == 0 {
			b.Skip("no probe")
		}
		const rounds = 10_000
		for b.Loop() {
			probePeak(rounds)
		}
		b.ReportMetric(2*rounds*float64(probePeak(1)*b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}

// BenchmarkGemm covers squares, and the products of a small model's forward (x·Wᵀ), input gradient
// (dy·W) and weight gradient (dyᵀ·x) passes, of LoRA factors, of attention and of decoding.
func BenchmarkGemm(b *testing.B) {
	const f32, bf16, f16 = dtype.F32, dtype.BF16, dtype.F16
	for _, c := range []struct {
		name    string
		m, n, k int
		a, b    layout
	}{
		{"512x512x512", 512, 512, 512, layout{}, layout{}},
		{"1024x1024x1024", 1024, 1024, 1024, layout{}, layout{}},
		{"2048x2048x2048", 2048, 2048, 2048, layout{}, layout{}},
		{"512x576x1536", 512, 576, 1536, layout{}, layout{}},
		{"forward/f32/512x1536x576", 512, 1536, 576, layout{}, layout{typ: f32, transposed: true}},
		{"forward/bf16/512x1536x576", 512, 1536, 576, layout{}, layout{typ: bf16, transposed: true}},
		{"forward/f16/512x1536x576", 512, 1536, 576, layout{}, layout{typ: f16, transposed: true}},
		{"backward/bf16/512x576x1536", 512, 576, 1536, layout{}, layout{typ: bf16}},
		{"weights/1536x576x512", 1536, 576, 512, layout{transposed: true}, layout{}},
		{"lora-down/512x8x576", 512, 8, 576, layout{}, layout{transposed: true}},
		{"lora-up/512x576x8", 512, 576, 8, layout{}, layout{transposed: true}},
		{"lora-grad/8x576x512", 8, 576, 512, layout{transposed: true}, layout{}},
		{"scores/64x64x64", 64, 64, 64, layout{}, layout{transposed: true}},
		{"decode/bf16/1x1536x576", 1, 1536, 576, layout{}, layout{typ: bf16, transposed: true}},
		{"decode/bf16/1x4096x4096", 1, 4096, 4096, layout{}, layout{typ: bf16, transposed: true}},
		{"decode/f32/4x1536x576", 4, 1536, 576, layout{}, layout{transposed: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			cputest.EachImplementationB(b, func(b *testing.B) {
				if cpu.Current() == cpu.Generic && c.m*c.n*c.k > 1<<20 {
					b.Skip("too slow to say anything")
				}
				r := rand.New(rand.NewPCG(1, 1))
				x, y := c.a.matrix(r, c.m, c.k, normal), c.b.matrix(r, c.k, c.n, normal)
				out := make([]float32, c.m*c.n)
				b.ReportAllocs()
				for b.Loop() {
					Gemm(out, c.n, x, y, false)
				}
				flops := 2 * float64(c.m) * float64(c.n) * float64(c.k) * float64(b.N)
				rate := flops / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(rate, "GFLOP/s")
				if peak := peakRate(); peak > 0 {
					b.ReportMetric(100*rate/(peak*float64(parallel.Workers())), "%peak")
				}
			})
		})
	}
}

// peakRate is the best of a few runs of the probe on one core, in GFLOP/s, or 0 if there is none.
func peakRate() float64 {
	const rounds = 20_000
	var best float64
	for range 5 {
		start := time.Now()
		flops := 2 * rounds * probePeak(rounds)
		best = max(best, float64(flops)/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// BenchmarkPack measures packing alone, in elements.
func BenchmarkPack(b *testing.B) {
	for _, l := range []layout{{}, {typ: dtype.BF16}, {typ: dtype.F16},
		{transposed: true}, {typ: dtype.BF16, transposed: true}, {typ: dtype.F16, transposed: true}} {
		b.Run(fmt.Sprint(l), func(b *testing.B) {
			cputest.EachImplementationB(b, func(b *testing.B) {
				const n, k = 512, depth
				g := geometryOf(cpu.Current())
				operand := lanesOf(l.matrix(rand.New(rand.NewPCG(1, 1)), k, n, normal).T())
				var v panels
				for b.Loop() {
					v.fill(g.impl, &operand, span{0, n, 0, k}, g.wide, 0, false)
				}
				b.ReportMetric(float64(n*k*b.N)/b.Elapsed().Seconds()/1e9, "Gelem/s")
			})
		})
	}
}
