package gemm

import "time"

// Rate measures the best rate of some products of 512×512 matrices, in operations a second, for about as long as
// budget says.
func Rate(budget time.Duration) float64 {
	const n = 512
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range a {
		a[i], b[i] = float32(i%7), float32(i%5)
	}
	best := time.Duration(1<<63 - 1)
	for began := time.Now(); time.Since(began) < budget; {
		start := time.Now()
		Gemm(c, n, F32(a, n, n), F32(b, n, n), false)
		best = min(best, time.Since(start))
	}
	return 2 * n * n * n / best.Seconds()
}
