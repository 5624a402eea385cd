// Command dtype generates the NEON conversions of internal/dtype.
package main

import (
	"fmt"
	"os"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

func main() {
	f := neon.NewFile("go run ./neon/dtype", "dtype")
	widen(f, "widenBF16", "shifts each element into the upper half of a float32.", "shll", "shll2")
	widen(f, "widenF16", "converts as the processor does.", "fcvtl", "fcvtl2")
	roundF16(f)
	roundBF16(f)
	if err := f.Write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// General registers.
const (
	dst     = 0
	src     = 1
	n       = 2
	scratch = 3
)

// begin opens a function that converts n elements from src to dst.
func begin(f *neon.File, name, doc, to, from string) *neon.Func {
	fn := f.Func(name, doc, []neon.Parameter{{Name: "dst", Type: "*" + to}, {Name: "src", Type: "*" + from}, {Name: "n", Type: "int"}}, "")
	fn.Load("dst", dst)
	fn.Load("src", src)
	fn.Load("n", n)
	return fn
}

// loop writes the loop around body, which converts 16 elements, and returns from the function.
// toSize and fromSize are the bytes of an element.
func loop(fn *neon.Func, toSize, fromSize int, body func()) {
	fn.Label("loop")
	body()
	fn.G("ADD $%d, R%d", 16*fromSize, src)
	fn.G("ADD $%d, R%d", 16*toSize, dst)
	fn.G("SUBS $16, R%d", n)
	fn.G("BNE loop")
	fn.G("RET")
}

// widen emits the conversion to float32 by an instruction for the low and one for the high elements
// of a vector.
func widen(f *neon.File, name, doc, low, high string) {
	fn := begin(f, name, doc, "float32", "uint16")
	loop(fn, 4, 2, func() {
		fn.V("ldp q", 0, 1, src, 0)
		for i := range 2 {
			fn.V(low, 2+2*i, i)
			fn.V(high, 3+2*i, i)
		}
		fn.V("stp q", 2, 3, dst, 0)
		fn.V("stp q", 4, 5, dst, 32)
	})
}

func roundF16(f *neon.File) {
	fn := begin(f, "roundF16", "converts as the processor does.", "uint16", "float32")
	loop(fn, 2, 4, func() {
		fn.V("ldp q", 0, 1, src, 0)
		fn.V("ldp q", 2, 3, src, 32)
		fn.V("fcvtn", 4, 0)
		fn.V("fcvtn2", 4, 1)
		fn.V("fcvtn", 5, 2)
		fn.V("fcvtn2", 5, 3)
		fn.V("stp q", 4, 5, dst, 0)
	})
}

// roundBF16 adds to the bits of a float32 what carries into the upper half when the lower is more
// than half a unit, or half of one and the upper odd; see F32ToBF16.
func roundBF16(f *neon.File) {
	const half, one, quiet = 16, 17, 18 // registers
	fn := begin(f, "roundBF16", "rounds in integers.", "uint16", "float32")
	for _, c := range []struct{ v, bits int }{{half, 0x7fff}, {one, 1}, {quiet, 1 << 22}} {
		fn.G("MOVD $0x%x, R%d", c.bits, scratch)
		fn.V("dup", c.v, scratch)
	}
	loop(fn, 2, 4, func() {
		fn.V("ldp q", 0, 1, src, 0)
		fn.V("ldp q", 2, 3, src, 32)
		for x := range 4 {
			sum, odd, number := x+4, x+8, x+12
			fn.V("ushr", odd, x, 16)
			fn.V("and", odd, odd, one)
			fn.V("add", sum, x, half)
			fn.V("add", sum, sum, odd)
			fn.V("fcmeq", number, x, x)
			fn.V("orr", x, x, quiet)
			fn.V("bit", x, sum, number)
		}
		fn.V("uzp2", 0, 0, 1) // the upper halves
		fn.V("uzp2", 1, 2, 3)
		fn.V("stp q", 0, 1, dst, 0)
	})
}
