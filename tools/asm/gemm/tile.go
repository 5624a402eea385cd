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
	rows   int               // of the tallest tile, so that two vectors a row fill the registers
	vecs   []reg.VecPhysical // all vector registers
}

var (
	avx2   = machine{"AVX2", 8, 6, registers(reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15)}
	avx512 = machine{"AVX512", 16, 14, registers(reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31)}
)

func registers(r ...reg.VecPhysical) []reg.VecPhysical { return r }

// A tileBody emits one height of a micro-kernel. Accumulators take the low registers, row by row;
// the top four hold a row of b and two broadcast elements of a in turn.
type tileBody struct {
	machine
	width                        int // vectors in a row
	k, a, aStep, b, bStep, c, cs reg.Register
	load                         reg.Register
}

// tile emits the micro-kernel that is width vectors wide: a chain of compares picks the body for the
// height.
func tile(m machine, width int) {
	name := fmt.Sprintf("tile%dx%d%s", m.rows, width*m.lanes, m.suffix)
	TEXT(name, NOSPLIT, "func(rows, k int, a *float32, aStep int, b *float32, bStep int, c *float32, ldc int, load bool)")
	Doc(fmt.Sprintf("%s adds a product of depth k to a tile of 1 to %d rows of %d.", name, m.rows, width*m.lanes))
	rows := Load(Param("rows"), GP64())
	t := tileBody{machine: m, width: width}
	t.k = Load(Param("k"), GP64())
	t.a = Load(Param("a"), GP64())
	t.aStep = bytes(Load(Param("aStep"), GP64()))
	t.b = Load(Param("b"), GP64())
	t.bStep = bytes(Load(Param("bStep"), GP64()))
	t.c = Load(Param("c"), GP64())
	t.cs = bytes(Load(Param("ldc"), GP64()))
	t.load = Load(Param("load"), GP8())
	for r := m.rows; r > 1; r-- {
		CMPQ(rows, U8(r))
		JEQ(LabelRef(fmt.Sprintf("rows%d", r)))
	}
	for r := 1; r <= m.rows; r++ {
		Label(fmt.Sprintf("rows%d", r))
		t.body(r)
	}
}

// bytes turns a count of float32 into bytes.
func bytes(r reg.Register) reg.Register {
	SHLQ(U8(2), r)
	return r
}

func (t tileBody) acc(row, v int) reg.VecPhysical { return t.vecs[row*t.width+v] }

func (t tileBody) body(rows int) {
	loop, zero, start := fmt.Sprintf("loop%d", rows), fmt.Sprintf("zero%d", rows), fmt.Sprintf("start%d", rows)
	top := len(t.vecs)
	row := GP64()
	MOVQ(t.c, row)
	TESTB(t.load, t.load)
	JZ(LabelRef(zero))
	t.eachRow(rows, row, func(m Mem, r reg.VecPhysical) { VMOVUPS(m, r) })
	JMP(LabelRef(start))
	Label(zero)
	for i := range rows * t.width {
		if t.lanes == 16 {
			VPXORD(t.vecs[i], t.vecs[i], t.vecs[i])
		} else {
			VXORPS(t.vecs[i], t.vecs[i], t.vecs[i])
		}
	}
	Label(start)
	Label(loop)
	for v := range t.width {
		VMOVUPS(Mem{Base: t.b, Disp: 4 * t.lanes * v}, t.vecs[top-4+v])
	}
	for i := range rows {
		a := t.vecs[top-2+i%2]
		VBROADCASTSS(Mem{Base: t.a, Disp: 4 * i}, a)
		for v := range t.width {
			VFMADD231PS(t.vecs[top-4+v], a, t.acc(i, v))
		}
	}
	ADDQ(t.aStep, t.a)
	ADDQ(t.bStep, t.b)
	DECQ(t.k)
	JNZ(LabelRef(loop))
	MOVQ(t.c, row)
	t.eachRow(rows, row, func(m Mem, r reg.VecPhysical) { VMOVUPS(r, m) })
	VZEROUPPER()
	RET()
}

// eachRow walks the rows of c, moving each vector between memory and its accumulator.
func (t tileBody) eachRow(rows int, row reg.Register, move func(Mem, reg.VecPhysical)) {
	for i := range rows {
		for v := range t.width {
			move(Mem{Base: row, Disp: 4 * t.lanes * v}, t.acc(i, v))
		}
		if i < rows-1 {
			ADDQ(t.cs, row)
		}
	}
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
