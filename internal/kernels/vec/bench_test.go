package vec

import (
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
)

// Each kernel on slices that stay in the first-level cache, for each implementation.
func BenchmarkKernels(b *testing.B) {
	const n = 1024
	for _, name := range []string{"exp", "expSubSum", "sum", "dot", "max", "add", "axpy", "siluMul", "siluMulBackward",
		"geluMul", "geluMulBackward", "tanh", "normApply", "normBackward", "rotate", "adamw"} {
		b.Run(name, func(b *testing.B) {
			for _, impl := range cpu.Available() {
				b.Run(impl.String(), func(b *testing.B) {
					var s [6][]float32
					for i := range s {
						s[i] = values(uint64(i), n)
					}
					for i := range n { // rotations that are none would overflow in the end
						sin, cos := SinCos64(float64(i))
						s[2][i], s[3][i] = float32(cos), float32(sin)
					}
					k := kernelsFor(impl)
					b.SetBytes(4 * n)
					for b.Loop() {
						every[name](k, s)
					}
				})
			}
		})
	}
}

// A block as attention has them, for each implementation: of queries that see all of its keys, and of those
// on the diagonal.
func BenchmarkSoftmaxBlock(b *testing.B) {
	for _, tc := range []struct {
		name string
		band Band
		rows int
	}{{"whole", Band{-128, 64}, 128}, {"diagonal", Band{-128, 1}, 64}} {
		b.Run(tc.name, func(b *testing.B) {
			for _, impl := range cpu.Available() {
				k, s := kernelsFor(impl), newBlocks(1, tc.rows, 0)
				matrix := func(i int) []float32 { return s[i][:tc.rows*SoftmaxWidth] }
				row := func(i int) []float32 { return s[i][:tc.rows] }
				band := tc.band.fit("benchmark", tc.rows)
				measure := func(name string, f func()) {
					b.Run(impl.String()+"/"+name, func(b *testing.B) {
						for b.Loop() {
							f()
						}
						b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tc.rows), "ns/row")
					})
				}
				measure("forward", func() { k.runSoftmaxBlock(matrix(0), row(1), row(2), row(3), band, 0.125) })
				measure("backward", func() {
					k.runSoftmaxBlockBackward(matrix(6), matrix(7), row(4), row(5), band, 0.125, 0.125)
				})
			}
		})
	}
}
