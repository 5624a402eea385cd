package machine

import (
	"time"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// Rate measures the best rate of some products of 512×512 matrices in float32, on all threads, in operations a
// second, for about as long as budget says.
func Rate(budget time.Duration) float64 {
	const n = 512
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range a {
		a[i], b[i] = float32(i%7), float32(i%5)
	}
	best := time.Duration(1<<63 - 1)
	for began := time.Now(); time.Since(began) < budget; {
		start := time.Now()
		gemm.Gemm(c, n, gemm.F32(a, n, n), gemm.F32(b, n, n), false)
		best = min(best, time.Since(start))
	}
	return 2 * n * n * n / best.Seconds()
}
