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
