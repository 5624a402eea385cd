package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/cultivar/cultivar/tools/asm/vector"
)

// dotRows is the most rows of x that the kernels for few rows take.
const dotRows = 8

// dotGroups is how many groups of rows of w, one a lane, they take for a number of rows of x: as many as
// there are accumulators for, up to four chains, or 32 rows. With more, a core would have less to choose
// from where a product is small, and wait longer for the first block, which nobody has fetched.
func (m machine) dotGroups(rows int) int {
	switch {
	case m.lanes == 16:
		return 2
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
	dotX, dotLines   = reg.RAX, reg.RBX
	dotRow, dotRow3  = reg.RCX, reg.RDX
	dotRow5, dotRow7 = reg.RSI, reg.RDI
	dotGroup         = []reg.GPPhysical{reg.R8, reg.R9, reg.R10, reg.R11}
	dotNext, dotStep = reg.R13, reg.R14

	// With 16 lanes there are two pointers instead, to the halves of a group, which go from group to group.
	dotDown, dotBack = reg.R10, reg.R11
)

const (
	dotX0, dotLower, dotHigher = 4, 5, 6 // vectors: an element of x, the parts of words
	dotFirst                   = 8       // the vector that is the first accumulator
	dotAhead                   = 2       // lines that are fetched ahead into the first-level cache
)

// dots emits, for each element type, the kernels for few rows of x: outputs are lanes, and w, whose rows
// are the columns of the product, is transposed in registers, four words of as many rows as there are
// lanes at a time.
func dots() {
	for _, e := range elements {
		dotKernel(e, "dots"+e.name+"AVX2", avx2)
		dotKernel(e, "dots"+e.name+"AVX512", avx512)
	}
}

// dotKernel emits a kernel for 1 to dotRows rows of x.
func dotKernel(e element, name string, m machine) {
	TEXT(name, NOSPLIT, fmt.Sprintf("func(acc *float32, w *%s, wRow int, x *float32, rows, lines int, next *byte, nextStep int)", e.goType))
	Doc(fmt.Sprintf("%s continues the chains of 1 to %d rows of x.", name, dotRows))
	Load(Param("w"), dotGroup[0])
	Load(Param("wRow"), dotRow)
	shift(dotRow, e.size)
	for i, r := range []reg.GPPhysical{dotRow3, dotRow5, dotRow7} {
		scale := []uint8{2, 4, 2}[i]
		base := []reg.GPPhysical{dotRow, dotRow, dotRow5}[i]
		LEAQ(Mem{Base: base, Index: dotRow, Scale: scale}, r)
	}
	if m.lanes == 16 {
		LEAQ(Mem{Base: dotGroup[0], Index: dotRow, Scale: 8}, dotGroup[1])
		if e.name == "F16" { // what parts halves
			VBROADCASTI32X4(gatherHalves(), reg.Z30)
			VMOVDQU64(lowerFirst(), reg.Z31)
		}
	} else {
		for g := 1; g < len(dotGroup); g++ {
			LEAQ(Mem{Base: dotGroup[g-1], Index: dotRow, Scale: 8}, dotGroup[g])
		}
	}
	Load(Param("x"), dotX)
	Load(Param("next"), dotNext)
	Load(Param("nextStep"), dotStep)
	Load(Param("rows"), dotLines)
	for r := dotRows; r > 1; r-- {
		CMPQ(dotLines, U8(r))
		JEQ(LabelRef(fmt.Sprintf("rows%d", r)))
	}
	for r := 1; r <= dotRows; r++ {
		Label(fmt.Sprintf("rows%d", r))
		dotBody{m, e, r, m.dotGroups(r)}.emit()
	}
}

// A dotBody is the kernel for a number of rows of x.
type dotBody struct {
	machine
	element
	rows, groups int
}

// emit goes along rows of w by lines of the cache. Rows that are a power of two apart share their places
// in the first-level cache, so that a line is best used up at once. But a line of a row is a long chain, of
// which more have to be under way than the processor looks ahead: 8 rows, whose chains are as long as those
// of 16, are taken half a line at a time.
//
// Memory is read in another order: for a line of each row, as many that lie one after the other are fetched
// from next on into the second-level cache, which is how memory is fastest, and nextStep is added to next.
func (d dotBody) emit() {
	acc := reg.R12
	Load(Param("acc"), acc)
	Load(Param("lines"), dotLines)
	d.eachSum(func(i, g int) { VMOVUPS(d.memory(acc, i, g), d.sum(i, g)) })
	if d.lanes == 16 {
		d.prepare()
	}
	label := fmt.Sprintf("line%d", d.rows)
	Label(label)
	d.line()
	ADDQ(U32(64/d.size*4*d.rows), dotX)
	ADDQ(dotStep, dotNext)
	DECQ(dotLines)
	JNZ(LabelRef(label))
	d.eachSum(func(i, g int) { VMOVUPS(d.sum(i, g), d.memory(acc, i, g)) })
	VZEROUPPER()
	RET()
}

// line adds the products of a line of each row.
func (d dotBody) line() {
	if d.lanes == 16 {
		for g := range d.groups {
			d.half(g, 0)
			d.half(g, 1)
			d.advance(g)
		}
		return
	}
	for half := range 2 {
		for g := range d.groups {
			d.quarter(g, 2*half)
			d.quarter(g, 2*half+1)
		}
	}
	for g := range d.groups {
		ADDQ(U8(64), dotGroup[g])
	}
}

func (d dotBody) sum(i, g int) reg.VecPhysical { return d.vecs[dotFirst+i*d.groups+g] }

// eighth points to 8 rows of a group, the first or the second.
func (d dotBody) eighth(g, i int) reg.GPPhysical {
	if d.lanes == 16 {
		return dotGroup[i]
	}
	return dotGroup[g]
}

// prepare sets the distances to the next group, and from behind the last group to the next line of the first.
func (d dotBody) prepare() {
	MOVQ(dotRow, dotDown)
	SHLQ(U8(4), dotDown)
	IMUL3Q(I8(-d.groups), dotDown, dotBack)
	ADDQ(U8(64), dotBack)
}

// advance goes from group g to the next, or the next line of the first.
func (d dotBody) advance(g int) {
	for _, half := range dotGroup[:2] {
		ADDQ(dotDown, half)
		if g == d.groups-1 {
			ADDQ(dotBack, half)
		}
	}
}

func (d dotBody) memory(acc reg.Register, i, g int) Mem {
	return Mem{Base: acc, Disp: 4 * d.lanes * (i*d.groups + g)}
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
	m := Mem{Base: d.eighth(g, row/8), Disp: disp}
	if row %= 8; row > 0 {
		m.Index = []reg.GPPhysical{0: nil, 1: dotRow, 2: dotRow, 3: dotRow3, 4: dotRow, 5: dotRow5, 6: dotRow3, 7: dotRow7}[row]
		m.Scale = []uint8{0, 1, 2, 1, 4, 1, 2, 1}[row]
	}
	return m
}

// quarter adds the products of a quarter of a line of 8 rows, four words.
func (d dotBody) quarter(g, part int) {
	for i := range 4 {
		VMOVUPS(d.at(g, i, 16*part), xmm(i))
		VINSERTF128(U8(1), d.at(g, i+4, 16*part), ymm(i), ymm(i))
	}
	d.fetch(g, part, 4)
	vector.Transpose4x4(d.vecs[0:4], d.vecs[4:8])
	for v := range 4 {
		d.multiply(g, 4*part+v, v)
	}
}

// half adds the products of half a line of 16 rows, eight words. Of rows i and i+4, which share a vector,
// and i+8 and i+12, which share another, those of four words are brought together, and then of one.
func (d dotBody) half(g, part int) {
	const low, high, word = 0, 24, 4
	for i := range 8 {
		v, row := low+i, i
		if i >= 4 {
			v, row = high+i-4, i+4
		}
		VMOVUPS(d.at(g, row, 32*part), d.vecs[v].AsY())
		VINSERTF64X4(U8(1), d.at(g, row+4, 32*part), d.vecs[v], d.vecs[v])
	}
	d.fetch(g, part, 2)
	vector.Transpose4x4(d.vecs[low:low+4], d.vecs[word:word+4])
	vector.Transpose4x4(d.vecs[high:high+4], d.vecs[word:word+4])
	for i := range 8 {
		VSHUFI32X4(U8([]uint8{0b10_00_10_00, 0b11_01_11_01}[i/4]), d.vecs[high+i%4], d.vecs[low+i%4], d.vecs[word])
		d.multiply(g, 8*part+i, word)
	}
}

// fetch fetches what one of parts visits of a group stands for: the next lines of its rows into the
// first-level cache, and as many lines from next on.
func (d dotBody) fetch(g, part, parts int) {
	for i := range d.lanes / parts {
		PREFETCHT0(d.at(g, part*d.lanes/parts+i, 64*dotAhead))
		PREFETCHT1(Mem{Base: dotNext, Disp: 64 * (g*d.lanes + part*d.lanes/parts + i)})
	}
}

// multiply adds the products of the word in vector v, the number of which in the line is word.
func (d dotBody) multiply(g, word, v int) {
	if d.name == "F32" {
		d.add(g, word, d.vecs[v])
		return
	}
	if d.lanes == 8 {
		d.part(v)
	} else {
		d.partWide(v)
	}
	d.add(g, 2*word, d.vecs[dotLower])
	d.add(g, 2*word+1, d.vecs[dotHigher])
}

// part widens the lower and the higher element of each word of vector v.
func (d dotBody) part(v int) {
	if d.name == "BF16" {
		VPSLLD(U8(16), ymm(v), ymm(dotLower))
		VPAND(upperHalves(), ymm(v), ymm(dotHigher))
		return
	}
	VPSHUFB(halvesApart(), ymm(v), ymm(v)) // each half: 4 lower elements, 4 upper elements
	VPERMQ(U8(0b11_01_10_00), ymm(v), ymm(v))
	VEXTRACTI128(U8(1), ymm(v), xmm(dotHigher))
	VCVTPH2PS(xmm(v), ymm(dotLower))
	VCVTPH2PS(xmm(dotHigher), ymm(dotHigher))
}

// partWide is part for AVX-512.
func (d dotBody) partWide(v int) {
	z := d.vecs
	if d.name == "BF16" {
		VPSLLD(U8(16), z[v], z[dotLower])
		VPANDD_BCST(upperHalves(), z[v], z[dotHigher])
		return
	}
	VPSHUFB(reg.Z30, z[v], z[v])
	VPERMQ(z[v], reg.Z31, z[v])
	VEXTRACTI64X4(U8(1), z[v], ymm(dotHigher))
	VCVTPH2PS(ymm(v), z[dotLower])
	VCVTPH2PS(ymm(dotHigher), z[dotHigher])
}

// add adds a column of a group of rows of w times each row of x.
func (d dotBody) add(g, column int, w reg.VecPhysical) {
	for i := range d.rows {
		x := Mem{Base: dotX, Disp: 4 * (column*d.rows + i)}
		if d.lanes == 16 {
			VFMADD231PS_BCST(x, w, d.sum(i, g))
			continue
		}
		VBROADCASTSS(x, ymm(dotX0))
		VFMADD231PS(w, ymm(dotX0), d.sum(i, g))
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

// lowerFirst is the order that brings the lower halves of 128-bit lanes to the front.
func lowerFirst() Mem {
	order := []uint64{0, 2, 4, 6, 1, 3, 5, 7}
	return constant(&laneOrder, "lowerFirst", 8, func(i int) Constant { return U64(order[i]) }, 8)
}

var upperMask, apartBytes, laneOrder, gatherBytes *Mem

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
