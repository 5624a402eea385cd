package main

import (
	"fmt"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

// An element is a stored type that packing widens to float32.
type element struct {
	name   string // as in the name of the routine
	goType string
	size   int
	// Widening the low and the high four of eight elements.
	low, high string
}

var elements = []element{
	{"F32", "float32", 4, "", ""},
	{"BF16", "uint16", 2, "shll", "shll2"},
	{"F16", "uint16", 2, "fcvtl", "fcvtl2"},
}

// General registers of the packing routines.
const (
	dst = iota
	width
	src
	stride
	count  // of vectors or lanes
	left   // steps
	second // rows; the first is src
	third
	fourth
)

// begin opens a routine for one type of elements; counted is the name of its fifth parameter.
func begin(f *neon.File, e element, name, doc, counted string) *neon.Func {
	fn := f.Func(name+e.name, doc, []neon.Parameter{
		{Name: "dst", Type: "*float32"}, {Name: "width", Type: "int"}, {Name: "src", Type: "*" + e.goType}, {Name: "stride", Type: "int"},
		{Name: counted, Type: "int"}, {Name: "steps", Type: "int"},
	}, "")
	fn.Load("dst", dst)
	fn.LoadBytes("width", width, 4)
	fn.Load("src", src)
	fn.LoadBytes("stride", stride, e.size)
	fn.Load(counted, count)
	fn.Load("steps", left)
	return fn
}

// copies emits, for each element type, the packing of lanes that are adjacent in memory: a strided
// copy of rows of 4, 8 or 12 elements.
func copies(f *neon.File) {
	for _, e := range elements {
		fn := begin(f, e, "copy", "widens steps rows of vecs × 4 elements; vecs is 1, 2 or 3.", "vecs")
		fn.G("CMP $2, R%d", count)
		fn.G("BEQ copy2")
		fn.G("BGT copy3")
		for n := 1; n <= 3; n++ {
			fn.Label(fmt.Sprintf("copy%d", n))
			e.loadRow(fn, n)
			if n > 1 {
				fn.V("stp q", 0, 1, dst, 0)
			}
			if n != 2 {
				fn.V("str q", n-1, dst, 16*(n-1))
			}
			fn.G("ADD R%d, R%d", stride, src)
			fn.G("ADD R%d, R%d", width, dst)
			fn.G("SUB $1, R%d", left)
			fn.G("CBNZ R%d, copy%d", left, n)
			fn.G("RET")
		}
	}
}

// loadRow loads and widens n × 4 elements into vectors 0 to n − 1.
func (e element) loadRow(fn *neon.Func, n int) {
	if e.size == 4 {
		if n > 1 {
			fn.V("ldp q", 0, 1, src, 0)
		}
		if n != 2 {
			fn.V("ldr q", n-1, src, 16*(n-1))
		}
		return
	}
	if n > 1 {
		fn.V("ldr q", 3, src, 0)
		fn.V(e.low, 0, 3)
		fn.V(e.high, 1, 3)
	}
	if n != 2 {
		fn.V("ldr d", 4, src, 8*(n-1))
		fn.V(e.low, n-1, 4)
	}
}

// transposes emits, for each element type, the packing of lanes that are rows in memory. Each turn
// reads 16 bytes of four rows and writes 4 steps, or 8 where an element is half as large.
func transposes(f *neon.File) {
	for _, e := range elements {
		n := 16 / e.size
		doc := fmt.Sprintf("packs lanes rows, 1 to 4, always writing 4 lanes; steps is a multiple of %d.", n)
		fn := begin(f, e, "transpose", doc, "lanes")
		rowPointers(fn)
		fn.Label("loop")
		for i, r := range []int{src, second, third, fourth} {
			fn.V("ldr q", i, r, 0)
			fn.G("ADD $16, R%d", r)
		}
		if e.size == 4 {
			transposeWords(fn)
		} else {
			transposeHalves(fn, e)
		}
		fn.G("SUBS $%d, R%d", n, left)
		fn.G("BNE loop")
		fn.G("RET")
	}
}

// rowPointers sets the addresses of four rows; those past the last lane repeat the last one, so that
// nothing outside the operand is read.
func rowPointers(fn *neon.Func) {
	for i, r := range []int{src, second, third} {
		next := second + i
		fn.G("ADD R%d, R%d, R%d", stride, r, next)
		fn.G("CMP $%d, R%d", i+1, count)
		fn.G("CSEL GT, R%d, R%d, R%d", next, r, next)
	}
}

// transposeWords stores the columns of the four rows in vectors 0 to 3.
func transposeWords(fn *neon.Func) {
	fn.V("zip1", 4, 0, 1) // elements 0 and 1 of rows 0 and 1
	fn.V("zip2", 5, 0, 1)
	fn.V("zip1", 6, 2, 3)
	fn.V("zip2", 7, 2, 3)
	for i := range 2 {
		fn.V("zip1 2d", 0, 4+i, 6+i)
		fn.V("zip2 2d", 1, 4+i, 6+i)
		storeSteps(fn, 0, 1)
	}
}

// transposeHalves widens and stores the columns of the four rows of halves in vectors 0 to 3.
func transposeHalves(fn *neon.Func, e element) {
	fn.V("zip1 8h", 4, 0, 1) // elements 0 to 3 of rows 0 and 1
	fn.V("zip2 8h", 5, 0, 1)
	fn.V("zip1 8h", 6, 2, 3)
	fn.V("zip2 8h", 7, 2, 3)
	for i := range 2 {
		fn.V("zip1", 0, 4+i, 6+i) // two columns
		fn.V("zip2", 1, 4+i, 6+i)
		for pair := range 2 {
			fn.V(e.low, 2, pair)
			fn.V(e.high, 3, pair)
			storeSteps(fn, 2, 3)
		}
	}
}

// storeSteps stores vectors as consecutive steps.
func storeSteps(fn *neon.Func, vectors ...int) {
	for _, v := range vectors {
		fn.V("str q", v, dst, 0)
		fn.G("ADD R%d, R%d", width, dst)
	}
}
