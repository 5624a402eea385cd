// Command gemm generates the micro-kernels and packing routines of internal/kernels/gemm.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	tile(avx2, 6, 2)
	tile(avx2, 12, 1)
	tile(avx512, 14, 2)
	tile(avx512, 14, 1)
	transposes()
	copies()
	dots()
	peak(avx2)
	peak(avx512)
	Generate()
}
