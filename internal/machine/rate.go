package machine

import (
	"time"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// Rate measures how fast products of 512×512 matrices in float32 are on all threads, in operations a second, for
// about as long as budget says: on average, so that whoever else is at work counts.
func Rate(budget time.Duration) float64 {
	const n = 512
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range a {
		a[i], b[i] = float32(i%7), float32(i%5)
	}
	multiply := func() { gemm.Gemm(c, n, gemm.F32(a, n, n), gemm.F32(b, n, n), false) }
	multiply() // touches the memory
	products, began := 0, time.Now()
	for products == 0 || time.Since(began) < budget {
		multiply()
		products++
	}
	return 2 * n * n * n * float64(products) / time.Since(began).Seconds()
}
