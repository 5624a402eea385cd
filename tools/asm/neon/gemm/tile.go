package main

import (
	"fmt"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

// tallest is the height of the tallest tile: with 12 columns its 24 accumulators, a row of b and a
// column of a take 29 of the 32 registers.
const tallest = 8

// General registers of a micro-kernel.
const (
	rows = iota
	depth
	a
	aStep
	b
	bStep
	c
	ldc
	start
	row // of c
)

// Vector registers: accumulators from 0 on, row by row.
const (
	bVector = 24 // and 25, 26
	aVector = 27 // and 28
)

// A tileBody emits one height of a micro-kernel that is width vectors wide.
type tileBody struct {
	fn          *neon.Func
	rows, width int
}

// tile emits the micro-kernel that is width vectors wide: a chain of compares picks the body for the
// height. In the loop of the tallest and widest there are 28 instructions for 24 multiply-adds of
// vectors.
func tile(f *neon.File, width int) {
	parameters := []neon.Parameter{
		{Name: "rows", Type: "int"}, {Name: "k", Type: "int"}, {Name: "a", Type: "*float32"}, {Name: "aStep", Type: "int"},
		{Name: "b", Type: "*float32"}, {Name: "bStep", Type: "int"}, {Name: "c", Type: "*float32"}, {Name: "ldc", Type: "int"},
		{Name: "load", Type: "bool"},
	}
	name := fmt.Sprintf("tile%dx%dNEON", tallest, 4*width)
	fn := f.Func(name, fmt.Sprintf("adds a product of depth k to a tile of 1 to %d rows of %d.", tallest, 4*width), parameters, "")
	fn.Load("rows", rows)
	fn.Load("k", depth)
	fn.Load("a", a)
	fn.LoadBytes("aStep", aStep, 4)
	fn.Load("b", b)
	fn.LoadBytes("bStep", bStep, 4)
	fn.Load("c", c)
	fn.LoadBytes("ldc", ldc, 4)
	fn.LoadBool("load", start)
	for r := tallest; r > 1; r-- {
		fn.G("CMP $%d, R%d", r, rows)
		fn.G("BEQ rows%d", r)
	}
	for r := 1; r <= tallest; r++ {
		fn.Label(fmt.Sprintf("rows%d", r))
		tileBody{fn, r, width}.write()
	}
}

func (t tileBody) write() {
	fn := t.fn
	fn.G("MOVD R%d, R%d", c, row)
	fn.G("CBZ R%d, zero%d", start, t.rows)
	t.moveTile("ldr q", "ldp q")
	fn.G("B loop%d", t.rows)
	fn.Label(fmt.Sprintf("zero%d", t.rows))
	for i := range t.rows * t.width {
		fn.V("movi", i)
	}
	fn.Label(fmt.Sprintf("loop%d", t.rows))
	if t.width == 3 {
		fn.V("ld1 3", bVector, bVector+1, bVector+2, b, bStep)
	} else {
		fn.V("ld1 1", bVector, b, bStep)
	}
	t.loadColumn()
	for v := range t.width {
		for i := range t.rows {
			r, lane := t.element(i)
			fn.V("fmla lane", i*t.width+v, bVector+v, r, lane)
		}
	}
	fn.G("SUB $1, R%d", depth)
	fn.G("CBNZ R%d, loop%d", depth, t.rows)
	fn.G("MOVD R%d, R%d", c, row)
	t.moveTile("str q", "stp q")
	fn.G("RET")
}

// loadColumn loads a column of a, of as many elements as there are rows and not one more: it may be
// the last there is in memory.
func (t tileBody) loadColumn() {
	fn := t.fn
	switch t.rows {
	case 8:
		fn.V("ld1 2", aVector, aVector+1, a, aStep)
		return
	case 4:
		fn.V("ld1 1", aVector, a, aStep)
		return
	case 5, 6, 7:
		fn.V("ldr q", aVector, a, 0)
		fn.V("ldur q", aVector+1, a, 4*(t.rows-4)) // overlaps
	case 3:
		fn.V("ldr d", aVector, a, 0)
		fn.V("ldr s", aVector+1, a, 8)
	case 2:
		fn.V("ldr d", aVector, a, 0)
	case 1:
		fn.V("ldr s", aVector, a, 0)
	}
	fn.G("ADD R%d, R%d", aStep, a)
}

// element is where loadColumn has put element i.
func (t tileBody) element(i int) (register, lane int) {
	switch {
	case t.rows == 3 && i == 2:
		return aVector + 1, 0
	case i < 4:
		return aVector, i
	}
	return aVector + 1, i - (t.rows - 4)
}

// moveTile moves the tile between memory and the accumulators, walking the rows of c.
func (t tileBody) moveTile(one, two string) {
	for i := range t.rows {
		acc := i * t.width
		if t.width == 3 {
			t.fn.V(two, acc, acc+1, row, 0)
			t.fn.V(one, acc+2, row, 32)
		} else {
			t.fn.V(one, acc, row, 0)
		}
		if i < t.rows-1 {
			t.fn.G("ADD R%d, R%d", ldc, row)
		}
	}
}

// peak emits a loop of nothing but independent multiply-adds in registers: the bound that the
// benchmarks are compared with.
func peak(f *neon.File) {
	fn := f.Func("peakNEON", "does 24 vector multiply-adds in registers n times.", []neon.Parameter{{Name: "n", Type: "int"}}, "")
	fn.Load("n", 0)
	for i := range 26 {
		fn.V("movi", i)
	}
	fn.Label("loop")
	for i := range 24 {
		fn.V("fmla lane", i, 24, 25, i%4)
	}
	fn.G("SUB $1, R0")
	fn.G("CBNZ R0, loop")
	fn.G("RET")
}
