package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A machine is what the micro-kernels need to know of an instruction set.
type machine struct {
	suffix string
	lanes  int               // float32 in a vector
	vecs   []reg.VecPhysical // all vector registers
}

var (
	avx2   = machine{"AVX2", 8, registers(reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15)}
	avx512 = machine{"AVX512", 16, registers(reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31)}
)

func registers(r ...reg.VecPhysical) []reg.VecPhysical { return r }

// Byte offsets of the fields of rowArgs in internal/kernels/gemm, which a test there compares.
const (
	argA = 8 * iota
	argARow
	argAStep
	argB
	argBStep
	argBPanel
	argC
	argCRow
	argFrom
	argFromRow
	argAhead
	argAheadStep
	argAheadPanel
	argSteps
	argPanels
	argRows
	argLast
	argScaled
	argNextC
	argScale
)

// The general registers of a loop. Multiples of the distance between rows of a, times the scale of an
// address, reach every row from one pointer, so that a step moves only that.
var (
	regA, regAStep, regB, regBStep = reg.RAX, reg.RBX, reg.RCX, reg.RDX
	regAhead, regAheadStep, regK   = reg.RSI, reg.RDI, reg.R8
	aRow1, aRow3, aRow5, aRow7     = reg.R9, reg.R10, reg.R11, reg.R12
	aRow9, aRow11, aRow13          = reg.R13, reg.R14, reg.R15
)

// aElement is the address of row i of a at the current step.
func aElement(i int) Mem {
	at := func(r reg.GPPhysical, scale uint8) Mem { return Mem{Base: regA, Index: r, Scale: scale} }
	return []Mem{
		{Base: regA}, at(aRow1, 1), at(aRow1, 2), at(aRow3, 1), at(aRow1, 4), at(aRow5, 1), at(aRow3, 2),
		at(aRow7, 1), at(aRow1, 8), at(aRow9, 1), at(aRow5, 2), at(aRow11, 1), at(aRow3, 4), at(aRow13, 1),
	}[i]
}

// A tileBody emits one height of a micro-kernel. Accumulators take the low registers, row by row; the
// top ones hold a row of b and broadcast elements of a in turn.
type tileBody struct {
	machine
	width  int // vectors in a row
	rows   int
	locals Mem // two words
}

// tile emits a micro-kernel that is width vectors wide and up to rows high: a chain of compares picks
// the body for the height.
func tile(m machine, rows, width int) {
	name := fmt.Sprintf("tile%dx%d%s", rows, width*m.lanes, m.suffix)
	TEXT(name, NOSPLIT, "func(args *uintptr)")
	Doc(fmt.Sprintf("%s adds products to a row of tiles, 1 to %d rows of %d each.", name, rows, width*m.lanes))
	locals := AllocLocal(16)
	MOVQ(argument(), regK)
	MOVQ(Mem{Base: regK, Disp: argARow}, aRow1)
	LEAQ(Mem{Base: aRow1, Index: aRow1, Scale: 2}, aRow3)
	LEAQ(Mem{Base: aRow1, Index: aRow1, Scale: 4}, aRow5)
	LEAQ(Mem{Base: aRow3, Index: aRow1, Scale: 4}, aRow7)
	LEAQ(Mem{Base: aRow1, Index: aRow1, Scale: 8}, aRow9)
	LEAQ(Mem{Base: aRow3, Index: aRow1, Scale: 8}, aRow11)
	LEAQ(Mem{Base: aRow5, Index: aRow1, Scale: 8}, aRow13)
	MOVQ(Mem{Base: regK, Disp: argAStep}, regAStep)
	MOVQ(Mem{Base: regK, Disp: argBStep}, regBStep)
	MOVQ(Mem{Base: regK, Disp: argRows}, regA)
	for r := rows; r > 1; r-- {
		CMPQ(regA, U8(r))
		JEQ(LabelRef(fmt.Sprintf("rows%d", r)))
	}
	for r := 1; r <= rows; r++ {
		Label(fmt.Sprintf("rows%d", r))
		tileBody{m, width, r, locals}.emit()
	}
}

func argument() Mem { return NewParamAddr("args", 0) }

func (t tileBody) label(s string) string { return fmt.Sprintf("%s%d", s, t.rows) }

func (t tileBody) acc(row, v int) reg.VecPhysical { return t.vecs[row*t.width+v] }

// emit goes along the tiles of the row.
func (t tileBody) emit() {
	args := regA // outside of the loop over k
	Label(t.label("panel"))
	MOVQ(argument(), args)
	t.masks(args)
	t.start(args)
	MOVQ(argument(), args)
	MOVQ(Mem{Base: args, Disp: argB}, regB)
	MOVQ(Mem{Base: args, Disp: argAhead}, regAhead)
	t.multiply(args)
	MOVQ(argument(), args)
	t.scale(args)
	MOVQ(Mem{Base: args, Disp: argC}, regB)
	MOVQ(Mem{Base: args, Disp: argCRow}, regAhead)
	t.move(args, "store", regB, regAhead, false)
	t.advance(args)
	DECQ(Mem{Base: args, Disp: argPanels})
	JNZ(LabelRef(t.label("panel")))
	VZEROUPPER()
	RET()
}

// masks leaves in K1 and K2 which columns of the tile exist: all, but for the last tile of a row.
func (t tileBody) masks(args reg.Register) {
	if t.lanes == 8 {
		return
	}
	MOVL(U32(0xffffffff), regK.As32())
	CMPQ(Mem{Base: args, Disp: argPanels}, U8(1))
	JNE(LabelRef(t.label("whole")))
	MOVQ(Mem{Base: args, Disp: argLast}, regB)
	BZHIL(regB.As32(), regK.As32(), regK.As32())
	Label(t.label("whole"))
	KMOVW(regK.As32(), reg.K1)
	if t.width == 2 {
		SHRL(U8(16), regK.As32())
		KMOVW(regK.As32(), reg.K2)
	}
}

// start gives the accumulators their first values: 0, or rows of memory.
func (t tileBody) start(args reg.Register) {
	MOVQ(Mem{Base: args, Disp: argFrom}, regB)
	TESTQ(regB, regB)
	JZ(LabelRef(t.label("zero")))
	MOVQ(Mem{Base: args, Disp: argFromRow}, regAhead)
	t.move(args, "load", regB, regAhead, true)
	JMP(LabelRef(t.label("start")))
	Label(t.label("zero"))
	for i := range t.rows * t.width {
		if t.lanes == 16 {
			VPXORD(t.vecs[i], t.vecs[i], t.vecs[i])
		} else {
			VXORPS(t.vecs[i], t.vecs[i], t.vecs[i])
		}
	}
	Label(t.label("start"))
}

// unrolled is how many steps are computed for the lines that are fetched ahead at a time. A loop of as
// many would be left by a wrongly predicted jump; fetching at every step would only ask for the same
// lines again.
const unrolled = 8

// multiply is the loop over k. A b that is packed goes with [tileBody.packed].
func (t tileBody) multiply(args reg.Register) {
	MOVQ(Mem{Base: args, Disp: argAheadStep}, regAheadStep)
	TESTQ(regAheadStep, regAheadStep)
	JZ(LabelRef(t.label("packed")))
	t.direct(args)
	JMP(LabelRef(t.label("done")))
	Label(t.label("packed"))
	t.packed(args)
	Label(t.label("done"))
}

// packed is the loop over k for panels of b, whose steps lie one behind the other. It fetches what the
// next tile is added to or overwrites, a row of it at a time, and, a piece of two of them with every tile,
// the rows of a that come next. Fetching what is not mapped does nothing.
func (t tileBody) packed(args reg.Register) {
	width := 4 * t.lanes * t.width
	nextC, row, last := regAheadStep, t.locals.Offset(0), t.locals.Offset(8)
	MOVQ(Mem{Base: args, Disp: argC}, nextC)
	ADDQ(U32(width), nextC)
	CMPQ(Mem{Base: args, Disp: argPanels}, U8(1))
	JNE(LabelRef(t.label("sameRows")))
	MOVQ(Mem{Base: args, Disp: argNextC}, nextC)
	Label(t.label("sameRows"))
	MOVQ(Mem{Base: args, Disp: argCRow}, regK)
	MOVQ(regK, row)
	IMUL3Q(U8(t.rows-1), regK, regK)
	ADDQ(nextC, regK)
	MOVQ(regK, last)

	MOVQ(Mem{Base: args, Disp: argSteps}, regK)
	MOVQ(Mem{Base: args, Disp: argA}, regA)
	SUBQ(U8(unrolled), regK)
	JL(LabelRef(t.label("few")))
	Label(t.label("loop"))
	PREFETCHT0(Mem{Base: regAhead})
	PREFETCHT0(Mem{Base: regAhead, Index: aRow1, Scale: 1})
	for line := 0; line < width; line += 64 {
		PREFETCHT0(Mem{Base: nextC, Disp: line})
	}
	for i := range unrolled {
		if i == unrolled/2 {
			ADDQ(U32(4*unrolled), regAhead)
			ADDQ(row, nextC)
			CMPQ(nextC, last)
			CMOVQHI(last, nextC)
		}
		t.step(width * i)
	}
	ADDQ(U32(width*unrolled), regB)
	SUBQ(U8(unrolled), regK)
	JGE(LabelRef(t.label("loop")))
	Label(t.label("few"))
	ADDQ(U8(unrolled), regK)
	JZ(LabelRef(t.label("done")))
	Label(t.label("single"))
	t.step(0)
	ADDQ(U32(width), regB)
	DECQ(regK)
	JNZ(LabelRef(t.label("single")))
}

// direct is the loop over k for a b that is read where it is. The lines that are fetched at each step are
// those of the next tile.
func (t tileBody) direct(args reg.Register) {
	MOVQ(Mem{Base: args, Disp: argSteps}, regK)
	MOVQ(Mem{Base: args, Disp: argA}, regA)
	Label(t.label("direct"))
	for line := 0; line < 4*t.lanes*t.width; line += 64 {
		PREFETCHT0(Mem{Base: regAhead, Disp: line})
	}
	t.step(0)
	ADDQ(regBStep, regB)
	ADDQ(regAheadStep, regAhead)
	DECQ(regK)
	JNZ(LabelRef(t.label("direct")))
}

// step multiplies one row of b, disp bytes on, by a, which it moves on.
func (t tileBody) step(disp int) {
	top := len(t.vecs)
	for v := range t.width {
		VMOVUPS(Mem{Base: regB, Disp: disp + 4*t.lanes*v}, t.vecs[top-t.width+v])
	}
	for i := range t.rows {
		a := t.vecs[top-t.width-2+i%2]
		VBROADCASTSS(aElement(i), a)
		for v := range t.width {
			VFMADD231PS(t.vecs[top-t.width+v], a, t.acc(i, v))
		}
	}
	ADDQ(regAStep, regA)
}

// scale multiplies the accumulators, if asked to.
func (t tileBody) scale(args reg.Register) {
	CMPQ(Mem{Base: args, Disp: argScaled}, U8(0))
	JEQ(LabelRef(t.label("unscaled")))
	s := t.vecs[len(t.vecs)-1]
	VBROADCASTSS(Mem{Base: args, Disp: argScale}, s)
	for i := range t.rows * t.width {
		VMULPS(s, t.vecs[i], t.vecs[i])
	}
	Label(t.label("unscaled"))
}

// move loads or stores the accumulators, rows of memory from row on.
func (t tileBody) move(args reg.Register, what string, row, stride reg.Register, load bool) {
	if t.lanes == 16 {
		t.eachRow(row, stride, func(m Mem, r reg.VecPhysical, v int) {
			k := []reg.OpmaskPhysical{reg.K1, reg.K2}[v]
			if load {
				VMOVUPS_Z(m, k, r)
			} else {
				VMOVUPS(r, k, m)
			}
		})
		return
	}
	CMPQ(Mem{Base: args, Disp: argPanels}, U8(1))
	JNE(LabelRef(t.label(what + "All")))
	MOVQ(Mem{Base: args, Disp: argLast}, regK)
	CMPQ(regK, U8(t.lanes*t.width))
	JEQ(LabelRef(t.label(what + "All")))
	mask := func(v int) reg.VecPhysical { return t.vecs[len(t.vecs)-1-v] }
	LEAQ(columnMasks(), regA)
	NEGQ(regK)
	for v := range t.width {
		VMOVUPS(Mem{Base: regA, Index: regK, Scale: 4, Disp: 4 * (16 + 8*v)}, mask(v))
	}
	t.eachRow(row, stride, func(m Mem, r reg.VecPhysical, v int) {
		if load {
			VMASKMOVPS(m, mask(v), r)
		} else {
			VMASKMOVPS(r, mask(v), m)
		}
	})
	MOVQ(argument(), args)
	JMP(LabelRef(t.label(what + "Done")))
	Label(t.label(what + "All"))
	t.eachRow(row, stride, func(m Mem, r reg.VecPhysical, v int) {
		if load {
			VMOVUPS(m, r)
		} else {
			VMOVUPS(r, m)
		}
	})
	Label(t.label(what + "Done"))
}

// columnMasks is 16 words of ones and 16 of zeros: read from word 16-n on it has n ones.
func columnMasks() Mem {
	if masks == nil {
		m := GLOBL("columnMasks", NOPTR|RODATA)
		for i := range 32 {
			DATA(4*i, U32(uint32(0xffffffff)*uint32(1-i/16)))
		}
		masks = &m
	}
	return *masks
}

var masks *Mem

// eachRow walks the rows of memory, moving each vector between it and its accumulator.
func (t tileBody) eachRow(row, stride reg.Register, move func(m Mem, r reg.VecPhysical, v int)) {
	for i := range t.rows {
		for v := range t.width {
			move(Mem{Base: row, Disp: 4 * t.lanes * v}, t.acc(i, v), v)
		}
		if i < t.rows-1 {
			ADDQ(stride, row)
		}
	}
}

// advance moves on to the next tile.
func (t tileBody) advance(args reg.Register) {
	width := U32(4 * t.lanes * t.width)
	ADDQ(width, Mem{Base: args, Disp: argC})
	MOVQ(Mem{Base: args, Disp: argBPanel}, regB)
	ADDQ(regB, Mem{Base: args, Disp: argB})
	MOVQ(Mem{Base: args, Disp: argAheadPanel}, regB)
	ADDQ(regB, Mem{Base: args, Disp: argAhead})
	CMPQ(Mem{Base: args, Disp: argFrom}, U8(0))
	JEQ(LabelRef(t.label("next")))
	ADDQ(width, Mem{Base: args, Disp: argFrom})
	Label(t.label("next"))
}

// peak emits a loop of nothing but independent multiply-adds in registers: the bound that the
// benchmarks are compared with.
func peak(m machine) {
	name := "peak" + m.suffix
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " does 12 vector multiply-adds in registers n times.")
	n := Load(Param("n"), GP64())
	for i := range 14 {
		VXORPS(m.vecs[i].AsY(), m.vecs[i].AsY(), m.vecs[i].AsY())
	}
	Label("loop")
	for i := range 12 {
		VFMADD231PS(m.vecs[12], m.vecs[13], m.vecs[i])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
