// Command gemm generates the micro-kernels and packing routines of internal/kernels/gemm.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	tile(avx2, 2)
	tile(avx2, 1)
	tile(avx512, 2)
	tile(avx512, 1)
	transposes()
	copies()
	peak(avx2)
	peak(avx512)
	Generate()
}
