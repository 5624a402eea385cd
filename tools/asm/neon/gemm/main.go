// Command gemm generates the NEON micro-kernels and packing routines of internal/kernels/gemm.
package main

import (
	"fmt"
	"os"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

func main() {
	f := neon.NewFile("go run ./neon/gemm", "gemm")
	tile(f, 3)
	tile(f, 1)
	transposes(f)
	copies(f)
	peak(f)
	if err := f.Write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
