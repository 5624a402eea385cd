package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Rows are taken four at a time where there are registers for it: a vector of each is folded in half as many
// steps as four alone, and what waits for the maximum of one row has others to overtake it.
const four = 4

// everyFourth is 0, 4, 8, 12.
var everyFourth Mem

func makeEveryFourth() {
	everyFourth = GLOBL("everyFourth", rodata)
	for lane := range 16 {
		DATA(4*lane, U32(four*lane%16))
	}
}

// elementOf is where vector i of one of the next four rows of a matrix is.
func (b *block) elementOf(matrix, row, i int) Mem {
	return b.element(matrix, i).Offset(4 * blockWidth * row)
}

// scoresFour is scoresRow of four rows. It jumps to refused, having written nothing, where a score is NaN.
func (b *block) scoresFour(refused string) {
	const whole, scaled = "wholeFour", "scaled"
	x := make([][]VecVirtual, four)
	for row := range x {
		x[row] = make([]VecVirtual, b.vectors())
		for i := range x[row] {
			x[row][i] = b.vec()
		}
	}
	CMPQ(b.lo, I8(-(four - 1)))
	JG(LabelRef("bandFour"))
	CMPQ(b.hi, U8(blockWidth))
	JGE(LabelRef(whole))
	Label("bandFour")
	b.scaleInside(x)
	JMP(LabelRef(scaled))
	Label(whole)
	for row := range x {
		for i := range x[row] {
			VMULPS(b.elementOf(0, row, i), b.scalars["scale"], x[row][i])
		}
	}
	Label(scaled)
	b.greatestFour(x, refused)
	for row := range x {
		for i := range x[row] {
			VMOVUPS(x[row][i], b.elementOf(0, row, i))
		}
	}
}

// numeratorsFour is numeratorsRow of four rows, a vector of each at a time. It jumps to refused where a maximum
// is not finite.
func (b *block) numeratorsFour(refused string) {
	infinite := K()
	VFPCLASSPSX(U8(notFinite), b.value(0), infinite)
	KORTESTW(infinite, infinite)
	JNE(LabelRef(refused))
	m, x, sums := make([]VecVirtual, four), make([]VecVirtual, four), make([]VecVirtual, four)
	for row := range m {
		m[row], x[row], sums[row] = b.broadcast(b.value(0).Offset(4*row)), b.vec(), b.vec()
		VXORPS(sums[row], sums[row], sums[row])
	}
	// Only up to behind has the last of the rows a score, and the others have none there either.
	at, behind := GP64(), GP64()
	element := func(row int) Mem {
		return Mem{Base: b.rows[0], Index: at, Scale: 4, Disp: 4 * blockWidth * row}
	}
	MOVQ(U32(blockWidth), behind)
	LEAQ(Mem{Base: b.hi, Disp: four - 1}, at)
	CMPQ(at, behind)
	CMOVQLT(at, behind)
	XORL(at.As32(), at.As32())
	Label("vector")
	for row := range x {
		VMOVUPS(element(row), x[row])
		VSUBPS(m[row], x[row], x[row])
	}
	for row, e := range b.expsBelow(x) {
		VMOVUPS(e, element(row))
		VADDPS(e, sums[row], sums[row])
	}
	ADDQ(U8(b.width), at)
	CMPQ(at, behind)
	JL(LabelRef("vector"))
	total := b.foldFour(sums, func(ops ...Op) { VADDPS(ops...) })
	VMOVUPS(total, b.value(1))
	CMPQ(at, U8(blockWidth))
	JGE(LabelRef("full"))
	Label("zeros")
	zero := b.vec()
	VXORPS(zero, zero, zero)
	for row := range x {
		VMOVUPS(zero, element(row))
	}
	ADDQ(U8(b.width), at)
	CMPQ(at, U8(blockWidth))
	JL(LabelRef("zeros"))
	Label("full")
}

// scaleInside sets x to scaled scores, and to −∞ outside the band.
func (b *block) scaleInside(x [][]VecVirtual) {
	minusInf := b.copy(pattern(infinity | signBit))
	for row := range x {
		inside := b.inside(row)
		for i := range x[row] {
			k := K()
			KMOVW(inside.As32(), k)
			VMOVAPS(minusInf, x[row][i])
			VMULPS(b.elementOf(0, row, i), b.scalars["scale"], k, x[row][i])
			if i < b.vectors()-1 {
				SHRQ(U8(b.width), inside)
			}
		}
	}
}

// greatestFour is greatest of four rows without NaN.
func (b *block) greatestFour(x [][]VecVirtual, refused string) {
	most, numbers := make([]VecVirtual, four), K()
	KXNORW(numbers, numbers, numbers)
	for row := range x {
		y := b.vec()
		most[row] = b.vec()
		VMAXPS(x[row][0], x[row][1], most[row])
		VMAXPS(x[row][2], x[row][3], y)
		VMAXPS(y, most[row], most[row])
		VCMPPS(U8(ordered), x[row][0], x[row][1], numbers, numbers)
		VCMPPS(U8(ordered), x[row][2], x[row][3], numbers, numbers)
	}
	m := b.foldFour(most, func(ops ...Op) { VMAXPS(ops...) })
	zero, old := XMM(), XMM()
	VXORPS(zero, zero, zero)
	VADDPS(zero, m, m) // −0 becomes +0
	VMOVUPS(b.value(0), old)
	VMAXPS(m, old, m)
	VSUBPS(m, old, old)
	KORTESTW(numbers, numbers)
	JCC(LabelRef(refused))
	VMOVUPS(m, b.value(0))
	VMOVUPS(old, b.value(1))
}

// foldFour is fold of four vectors: a result of each.
func (b *block) foldFour(x []VecVirtual, combine func(ops ...Op)) VecVirtual {
	pair := func(x, y VecVirtual, low, high uint8) VecVirtual {
		l, h := b.vec(), b.vec()
		VSHUFF32X4(U8(low), y, x, l)
		VSHUFF32X4(U8(high), y, x, h)
		combine(h, l, l)
		return l
	}
	// Quarters of a vector: first and second of both, third and fourth; then first and third, second and fourth.
	y := pair(pair(x[0], x[1], 0x44, 0xee), pair(x[2], x[3], 0x44, 0xee), 0x88, 0xdd)
	z := b.vec()
	for _, swap := range []uint8{0x4e, 0xb1} {
		VPERMILPS(U8(swap), y, z)
		combine(z, y, y)
	}
	VPERMPS(y, b.copy(everyFourth), y)
	return y.AsX().(VecVirtual)
}

// expsBelow makes several vectors e^x, for x at most expMax that is not NaN, step by step for all of them.
func (k *kernel) expsBelow(x []VecVirtual) []VecVirtual {
	t, p, in := make([]VecVirtual, len(x)), make([]VecVirtual, len(x)), make([]Register, len(x))
	magic := k.copy(constant(roundMagic))
	for i, x := range x {
		t[i] = k.fma(x, constant(log2E), magic)
	}
	for i := range x {
		p[i] = k.sub(t[i], magic)
	}
	for i, x := range x {
		in[i] = k.compare(notLessThan, x, constant(expMin))
	}
	for i, x := range x {
		k.do(fmadd231PS, constant(-ln2Hi), p[i], x)
	}
	for i, x := range x {
		k.do(fmadd231PS, constant(-ln2Lo), p[i], x)
	}
	for i := range x {
		k.set(p[i], constant(expPoly[0]))
	}
	for _, c := range expPoly[1:] {
		for i, x := range x {
			k.do(fmadd213PS, constant(c), x, p[i])
		}
	}
	for i := range x {
		VPSLLD(U8(23), t[i], t[i])
	}
	for i, x := range x {
		VPADDD_Z(t[i], p[i], in[i], x)
	}
	return x
}
