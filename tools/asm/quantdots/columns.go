package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// A scaling makes the weight out of a code times 2²⁴ in vector v, by the scales of group g.
type scaling func(k *kernel, v, g int)

// times is for formats whose scales are stored times 2⁻²⁴.
func times(k *kernel, v, g int) {
	if k.wide {
		VMULPS(z(vScales+g), z(v), z(v))
		return
	}
	VMULPS(k.scaleAt(g), y(v), y(v))
}

// lessMinimum subtracts as well, with one rounding where the product is exact.
func lessMinimum(k *kernel, v, g int) {
	minimum := k.scaleAt(g)
	minimum.Disp += atMinima - atScales
	if k.wide {
		VFMSUB213PS(minimum, z(vScales+g), z(v))
		return
	}
	VMOVUPS(k.scaleAt(g), y(1))
	VFMSUB213PS(minimum, y(1), y(v))
}

// overLargest is for 8 bits a row: the scale, then 1/127 times 2⁻²⁴, each product rounded.
func overLargest(k *kernel, v, g int) {
	times(k, v, g)
	k.scale(0x3c010204-24<<23, v)
}

// scaled is for codes that were looked up, with 16 lanes; their scales are as they are.
func scaled(_ *kernel, v, g int) { VMULPS(z(vScales+g), z(v), z(v)) }

// nibbleColumns multiplies the columns of a nibble of each byte of words, that from bit first on, with 16 lanes
// and one scale, which is at regScale.
func (k *kernel) nibbleColumns(words, first int, weigh scaling) {
	LEAQ(Mem{Base: regScratch, Disp: atCodes}, regSlot)
	for g := range k.groups {
		VMOVUPS(k.scaleAt(g), z(vScales+g))
	}
	MOVQ(U32(words), regCount)
	label := k.label()
	Label(label)
	for n := range 4 {
		for g := range k.groups {
			lookUp16(Mem{Base: regSlot, Disp: k.size() * g}, first+8*n, 4+g)
			weigh(k, 4+g, g)
			k.multiply(n, 4+g, g)
		}
	}
	k.fetch()
	ADDQ(U32(4*4*k.rows), regX)
	ADDQ(U32(k.size()*k.groups), regSlot)
	DECQ(regCount)
	JNZ(LabelRef(label))
}

// lookUp16 looks up the nibble from bit shift on of each word; what is above it does not matter.
func lookUp16(words Mem, shift, to int) {
	if shift > 0 {
		VPSRLD(U8(shift), words, z(to))
	} else {
		VMOVDQU32(words, z(to))
	}
	VPERMPS(z(vTable), z(to), z(to))
}

// scaleAt is the scale of a group at regScale.
func (k *kernel) scaleAt(g int) Mem { return Mem{Base: regScale, Disp: k.size() * g} }

// columns multiplies spans of 4·words columns each from regSlot on, with a scale each from regScale on,
// which it moves beyond them.
func (k *kernel) columns(spans, words int, weigh scaling) {
	LEAQ(Mem{Base: regScratch, Disp: atCodes}, regSlot)
	outer := ""
	if spans > 1 {
		outer = k.label()
		k.setOuter(spans)
		Label(outer)
	}
	if k.wide {
		for g := range k.groups {
			VMOVUPS(k.scaleAt(g), z(vScales+g))
		}
	} else {
		VBROADCASTI128(shuffle(1), y(vSecondHere))
		VBROADCASTI128(shuffle(2), y(vThirdHere))
	}
	MOVQ(U32(words), regCount)
	label := k.label()
	Label(label)
	k.word(weigh)
	DECQ(regCount)
	JNZ(LabelRef(label))
	if spans > 1 {
		ADDQ(U32(k.size()*k.groups), regScale)
		DECQ(regSpans)
		JNZ(LabelRef(outer))
	}
}

func (k *kernel) setOuter(spans int) { MOVQ(U32(spans), regSpans) }

// word multiplies the four columns of a word.
func (k *kernel) word(weigh scaling) {
	slot := func(g int) Mem { return Mem{Base: regSlot, Disp: k.size() * g} }
	if k.wide {
		for g := range k.groups {
			VMOVDQU32(slot(g), z(g))
		}
	}
	for n := range 4 {
		k.broadcast(n)
		for g := range k.groups {
			if k.wide {
				k.top(n, g, 4+g)
				weigh(k, 4+g, g)
				k.multiply(n, 4+g, g)
				continue
			}
			VMOVDQU(slot(g), y(0))
			k.top(n, 0, 0)
			weigh(k, 0, g)
			k.multiply(n, 0, g)
		}
	}
	k.fetch()
	ADDQ(U32(4*4*k.rows), regX)
	ADDQ(U32(k.size()*k.groups), regSlot)
}

// xAt is x of a row in a column from regX on.
func (k *kernel) xAt(column, row int) Mem { return Mem{Base: regX, Disp: 4 * (column*k.rows + row)} }

// broadcast makes vectors from 4 on the rows of x in a column, where an operand in memory cannot be.
func (k *kernel) broadcast(column int) {
	if k.wide {
		return
	}
	for i := range k.rows {
		VBROADCASTSS(k.xAt(column, i), y(4+i))
	}
}

// multiply adds weights in vector v times x of a column to the sums of group g.
func (k *kernel) multiply(column, v, g int) {
	for i := range k.rows {
		if k.wide {
			VFMADD231PS_BCST(k.xAt(column, i), z(v), k.sum(i, g))
			continue
		}
		VFMADD231PS(y(v), y(4+i), k.sum(i, g))
	}
}
