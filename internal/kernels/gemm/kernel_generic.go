package gemm

import "github.com/cultivar/cultivar/internal/kernels/fma"

//go:generate go -C ../../../tools/asm run ./neon/gemm -out ../../internal/kernels/gemm/kernel_arm64.s -stubs ../../internal/kernels/gemm/stubs_arm64.go

// multiplyGeneric is the micro-kernel by which the others are judged: it adds the product of two
// panels, steps deep, to a tile of C of rows × width elements, width a multiple of 4. Without load
// the tile starts from 0 instead of what C holds.
func multiplyGeneric(rows, width, steps int, a, b *panel, c []float32, ldc int, load bool) {
	for i := range rows {
		for j := 0; j < width; j += 4 {
			out := c[i*ldc+j : i*ldc+j+4]
			if !load {
				clear(out)
			}
			multiply4(out, steps, a.data[i:], a.step, b.data[j:], b.step)
		}
	}
}

// multiply4 continues the chains of four elements of C; four, because the steps of one chain wait
// for each other.
func multiply4(c []float32, steps int, a []float32, aStep int, b []float32, bStep int) {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for s := range steps {
		x, y := a[s*aStep], b[s*bStep:s*bStep+4]
		c0 = fma.FMA32(x, y[0], c0)
		c1 = fma.FMA32(x, y[1], c1)
		c2 = fma.FMA32(x, y[2], c2)
		c3 = fma.FMA32(x, y[3], c3)
	}
	c[0], c[1], c[2], c[3] = c0, c1, c2, c3
}
