package main

import (
	"fmt"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

// tallest is the height of the tallest tile: with 12 columns its 24 accumulators, a row of b and a
// column of a take 29 of the 32 registers.
const tallest = 8

// General registers of a micro-kernel, named by the fields of tileArgs in internal/kernels/gemm in
// whose order they are, and those that walk along what begins there.
const (
	aBase = 1 + iota
	aStep
	bBase
	bStep
	bPanel
	c
	cRow
	from
	fromRow
	steps
	panels
	rows
	scaled

	args = 0
	a    = 14
	b    = 15
	k    = 19
	row  = 20
)

// scaleOffset is the place of the last field, which is no integer.
const scaleOffset = 8 * scaled

// Vector registers: accumulators from 0 on, row by row.
const (
	bVector = 24 // and 25, 26
	aVector = 27 // and 28
	scale   = 29
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
	name := fmt.Sprintf("tile%dx%dNEON", tallest, 4*width)
	doc := fmt.Sprintf("adds products to a row of tiles, 1 to %d rows of %d each.", tallest, 4*width)
	fn := f.Func(name, doc, []neon.Parameter{{Name: "args", Type: "*tileArgs"}}, "")
	fn.Load("args", args)
	for r := aBase; r <= scaled; r++ {
		fn.G("MOVD %d(R%d), R%d", 8*(r-aBase), args, r)
	}
	for _, r := range []int{aStep, bStep, bPanel, cRow, fromRow} {
		fn.G("LSL $2, R%d, R%d", r, r)
	}
	fn.V("ldr s", scale, args, scaleOffset)
	for r := tallest; r > 1; r-- {
		fn.G("CMP $%d, R%d", r, rows)
		fn.G("BEQ rows%d", r)
	}
	for r := 1; r <= tallest; r++ {
		fn.Label(fmt.Sprintf("rows%d", r))
		tileBody{fn, r, width}.write()
	}
}

func (t tileBody) label(s string) string { return fmt.Sprintf("%s%d", s, t.rows) }

// write goes along the tiles of the row.
func (t tileBody) write() {
	fn := t.fn
	fn.Label(t.label("panel"))
	t.start()
	fn.G("MOVD R%d, R%d", aBase, a)
	fn.G("MOVD R%d, R%d", bBase, b)
	fn.G("MOVD R%d, R%d", steps, k)
	t.multiply()
	fn.G("CBZ R%d, %s", scaled, t.label("unscaled"))
	for i := range t.rows * t.width {
		fn.V("fmul lane", i, i, scale, 0)
	}
	fn.Label(t.label("unscaled"))
	fn.G("MOVD R%d, R%d", c, row)
	t.moveTile("str q", "stp q", cRow)
	fn.G("ADD $%d, R%d", 16*t.width, c)
	fn.G("ADD R%d, R%d", bPanel, bBase)
	fn.G("SUB $1, R%d", panels)
	fn.G("CBNZ R%d, %s", panels, t.label("panel"))
	fn.G("RET")
}

// start gives the accumulators their first values: 0, or rows of memory, and moves on along these.
func (t tileBody) start() {
	fn := t.fn
	fn.G("CBZ R%d, %s", from, t.label("zero"))
	fn.G("MOVD R%d, R%d", from, row)
	t.moveTile("ldr q", "ldp q", fromRow)
	fn.G("ADD $%d, R%d", 16*t.width, from)
	fn.G("B %s", t.label("started"))
	fn.Label(t.label("zero"))
	for i := range t.rows * t.width {
		fn.V("movi", i)
	}
	fn.Label(t.label("started"))
}

// multiply is the loop over k.
func (t tileBody) multiply() {
	fn := t.fn
	fn.Label(t.label("loop"))
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
	fn.G("SUB $1, R%d", k)
	fn.G("CBNZ R%d, %s", k, t.label("loop"))
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

// moveTile moves the tile between the accumulators and memory, rows of a distance from row on.
func (t tileBody) moveTile(one, two string, distance int) {
	for i := range t.rows {
		acc := i * t.width
		if t.width == 3 {
			t.fn.V(two, acc, acc+1, row, 0)
			t.fn.V(one, acc+2, row, 32)
		} else {
			t.fn.V(one, acc, row, 0)
		}
		if i < t.rows-1 {
			t.fn.G("ADD R%d, R%d", distance, row)
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
