package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotRows is the most rows of x that the kernels for few rows take.
const dotRows = 8

// dotGroups is how many groups of 8 rows of w they take, for a number of rows of x: as many as there
// are accumulators for.
func dotGroups(rows int) int {
	switch {
	case rows <= 2:
		return 4
	case rows <= 4:
		return 2
	}
	return 1
}

// The registers of dots: rows of w are reached from a pointer to the first of each group of 8 by
// multiples of the distance between them.
var (
	dotX, dotLines             = reg.RAX, reg.RBX
	dotRow, dotRow3            = reg.RCX, reg.RDX
	dotRow5, dotRow7           = reg.RSI, reg.RDI
	dotGroup                   = []reg.GPPhysical{reg.R8, reg.R9, reg.R10, reg.R11}
	dotFirst                   = 8 // the vector that is the first accumulator
	dotAhead                   = 8 // lines that are fetched ahead
	dotX0, dotLower, dotHigher = ymm(4), ymm(5), ymm(6)
)

// dots emits, for each element type, the kernels for few rows of x: outputs are lanes, and w, whose rows
// are the columns of the product, is transposed 8 × 4 words at a time in registers. It serves AVX-512
// too: unpacking there has half as many ports.
func dots() {
	for _, e := range elements {
		name := "dots" + e.name
		TEXT(name, NOSPLIT, fmt.Sprintf("func(acc *float32, w *%s, wRow int, x *float32, rows, lines int)", e.goType))
		Doc(fmt.Sprintf("%s continues the chains of 1 to %d rows of x.", name, dotRows))
		Load(Param("w"), dotGroup[0])
		Load(Param("wRow"), dotRow)
		shift(dotRow, e.size)
		for i, r := range []reg.GPPhysical{dotRow3, dotRow5, dotRow7} {
			scale := []uint8{2, 4, 2}[i]
			base := []reg.GPPhysical{dotRow, dotRow, dotRow5}[i]
			LEAQ(Mem{Base: base, Index: dotRow, Scale: scale}, r)
		}
		for g := 1; g < len(dotGroup); g++ {
			LEAQ(Mem{Base: dotGroup[g-1], Index: dotRow, Scale: 8}, dotGroup[g])
		}
		Load(Param("x"), dotX)
		Load(Param("rows"), dotLines)
		for r := dotRows; r > 1; r-- {
			CMPQ(dotLines, U8(r))
			JEQ(LabelRef(fmt.Sprintf("rows%d", r)))
		}
		for r := 1; r <= dotRows; r++ {
			Label(fmt.Sprintf("rows%d", r))
			dotBody{e, r, dotGroups(r)}.emit()
		}
	}
}

// A dotBody is the kernel for a number of rows of x.
type dotBody struct {
	element
	rows, groups int
}

// emit goes along rows of w, a line of the cache from each at a time: rows that are a power of two apart
// share their places in the first-level cache, where more than 8 lines would drive each other out.
func (d dotBody) emit() {
	acc := reg.R12
	Load(Param("acc"), acc)
	Load(Param("lines"), dotLines)
	d.eachSum(func(i, g int) { VMOVUPS(d.memory(acc, i, g), d.sum(i, g)) })
	label := fmt.Sprintf("line%d", d.rows)
	Label(label)
	for g := range d.groups {
		for part := range 4 {
			d.transpose(g, 16*part)
			for v := range 4 {
				d.multiply(g, 4*part+v, v)
			}
		}
		ADDQ(U8(64), dotGroup[g])
	}
	ADDQ(U32(64/d.size*4*d.rows), dotX)
	DECQ(dotLines)
	JNZ(LabelRef(label))
	d.eachSum(func(i, g int) { VMOVUPS(d.sum(i, g), d.memory(acc, i, g)) })
	VZEROUPPER()
	RET()
}

func (d dotBody) sum(i, g int) reg.VecPhysical { return ymm(dotFirst + i*d.groups + g) }

func (d dotBody) memory(acc reg.Register, i, g int) Mem {
	return Mem{Base: acc, Disp: 32 * (i*d.groups + g)}
}

func (d dotBody) eachSum(f func(i, g int)) {
	for i := range d.rows {
		for g := range d.groups {
			f(i, g)
		}
	}
}

// at is where a row of a group continues.
func (d dotBody) at(g, row, disp int) Mem {
	m := Mem{Base: dotGroup[g], Disp: disp}
	if row > 0 {
		m.Index = []reg.GPPhysical{0: nil, 1: dotRow, 2: dotRow, 3: dotRow3, 4: dotRow, 5: dotRow5, 6: dotRow3, 7: dotRow7}[row]
		m.Scale = []uint8{0, 1, 2, 1, 4, 1, 2, 1}[row]
	}
	return m
}

// transpose leaves four words of each of 8 rows in vectors 0 to 3, as transpose4 does.
func (d dotBody) transpose(g, disp int) {
	for i := range 4 {
		VMOVUPS(d.at(g, i, disp), xmm(i))
		VINSERTF128(U8(1), d.at(g, i+4, disp), ymm(i), ymm(i))
	}
	for i := range 2 { // a quarter of the lines to fetch
		PREFETCHT0(d.at(g, disp/16+4*i, 64*dotAhead))
	}
	VUNPCKLPS(ymm(1), ymm(0), ymm(4))
	VUNPCKHPS(ymm(1), ymm(0), ymm(5))
	VUNPCKLPS(ymm(3), ymm(2), ymm(6))
	VUNPCKHPS(ymm(3), ymm(2), ymm(7))
	VUNPCKLPD(ymm(6), ymm(4), ymm(0))
	VUNPCKHPD(ymm(6), ymm(4), ymm(1))
	VUNPCKLPD(ymm(7), ymm(5), ymm(2))
	VUNPCKHPD(ymm(7), ymm(5), ymm(3))
}

// multiply adds the products of the word in vector v, the number of which in the line is word.
func (d dotBody) multiply(g, word, v int) {
	switch d.name {
	case "F32":
		d.add(g, word, ymm(v))
		return
	case "BF16":
		VPSLLD(U8(16), ymm(v), dotLower)
		VPAND(upperHalves(), ymm(v), dotHigher)
	case "F16":
		VPSHUFB(halvesApart(), ymm(v), ymm(v)) // each half: 4 lower elements, 4 upper elements
		VPERMQ(U8(0b11_01_10_00), ymm(v), ymm(v))
		VEXTRACTI128(U8(1), ymm(v), xmm(6))
		VCVTPH2PS(xmm(v), dotLower)
		VCVTPH2PS(xmm(6), dotHigher)
	}
	d.add(g, 2*word, dotLower)
	d.add(g, 2*word+1, dotHigher)
}

// add adds a column of 8 rows of w times each row of x.
func (d dotBody) add(g, column int, w reg.VecPhysical) {
	for i := range d.rows {
		VBROADCASTSS(Mem{Base: dotX, Disp: 4 * (column*d.rows + i)}, dotX0)
		VFMADD231PS(w, dotX0, d.sum(i, g))
	}
}

// upperHalves is the mask of the upper element of each pair.
func upperHalves() Mem {
	return constant(&upperMask, "upperHalves", 8, func(i int) Constant { return U32(0xffff0000) }, 4)
}

// halvesApart is gatherHalves for both halves of a vector.
func halvesApart() Mem {
	order := []byte{0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15}
	return constant(&apartBytes, "halvesApart", 32, func(i int) Constant { return U8(order[i%16]) }, 1)
}

var upperMask, apartBytes *Mem

// constant makes a table of n values of a size, the first time.
func constant(m **Mem, name string, n int, value func(i int) Constant, size int) Mem {
	if *m == nil {
		g := GLOBL(name, NOPTR|RODATA)
		for i := range n {
			DATA(size*i, value(i))
		}
		*m = &g
	}
	return **m
}
