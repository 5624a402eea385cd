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

// load writes the loads of parameters into general registers. Those in bytes are counted in elements
// by the caller.
func load(fn *neon.Func, registers map[string]int, bytes map[string]int, names ...string) {
	for _, name := range names {
		r := registers[name]
		fn.Load(name, "", fmt.Sprintf("R%d", r))
		switch bytes[name] {
		case 2:
			fn.G("LSL $1, R%d, R%d", r, r)
		case 4:
			fn.G("LSL $2, R%d, R%d", r, r)
		}
	}
}
