package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var regSpans = reg.R15

// fromScales points to the first scales.
func (k *kernel) fromScales() { MOVQ(regScratch, regScale) }

var q8_0 = format{name: "Q8_0", bytes: 34, words: 8, block: func(k *kernel) {
	k.eachGroup(func() {
		k.halves(0, 0)
		k.scale(two24Less, 0)
		VMOVUPS(k.v(0), k.vector(atScales, 0))
		for u := range 2 {
			k.transpose(2 + 16*u)
			for w := range 4 {
				k.store(w, 4*u+w)
			}
		}
	})
	k.fromScales()
	k.columns(1, 8, times)
	k.forward(k.bytes)
}}

// q4_0 is blocks of a scale and 16 bytes, of which the low nibbles come first. What a code stands for is
// in a table, so that IQ4_NL is the same.
var q4_0 = format{name: "Q4_0", bytes: 18, words: 8, block: func(k *kernel) {
	k.eachGroup(func() {
		k.halves(0, 0)
		if !k.wide {
			k.scale(two24Less, 0)
		}
		VMOVUPS(k.v(0), k.vector(atScales, 0))
		k.transpose(2)
		k.storeNibbles(0, 4, func() {
			VBROADCASTI128(Mem{Base: regScratch, Disp: atBytes}, y(7))
		})
	})
	k.fromScales()
	if k.wide {
		k.nibbleColumns(4, 0, scaled)
		k.nibbleColumns(4, 4, scaled)
	} else {
		k.columns(1, 8, times)
	}
	k.forward(k.bytes)
}, prepare: func(k *kernel) {
	if k.wide {
		VMOVUPS(Mem{Base: regScratch, Disp: atTable}, z(vTable))
	}
}}

// storeNibbles stores four words of codes as they are, where nibbles are looked up one by one. With 8 lanes
// it stores their low nibbles and, words vectors further on, the high ones; as bytes, which table looks up
// when it is not nil and has set vector 7.
func (k *kernel) storeNibbles(at, words int, table func()) {
	if k.wide {
		for w := range 4 {
			k.store(w, at+w)
		}
		return
	}
	if table != nil {
		table()
	}
	for w := range 4 {
		k.and(15, w, 4)
		VPSRLD(U8(4), y(w), y(5))
		k.and(15, 5, 5)
		for half := range 2 {
			if table != nil {
				VPSHUFB(y(4+half), y(7), y(4+half))
			}
			k.store(4+half, at+w+words*half)
		}
	}
}

// int8s is 64 codes of a row a block, a line of the cache; the scales of the rows are there already.
var int8s = format{name: "Int8", bytes: 64, words: 16, block: func(k *kernel) {
	k.eachGroup(func() {
		for u := range 4 {
			k.transpose(16 * u)
			for w := range 4 {
				k.store(w, 4*u+w)
			}
		}
	})
	k.fromScales()
	k.columns(1, 16, overLargest)
	k.forward(k.bytes)
}}

// q4K is blocks of 16 bytes with scales and 4 times 32 bytes of codes, the low nibbles of which come first.
var q4K = format{name: "Q4K", bytes: 144, words: 64, block: func(k *kernel) {
	k.eachGroup(k.scalesQ4K)
	k.forward(16)
	k.fromScales()
	MOVQ(U32(4), regOuter)
	label := k.label()
	Label(label)
	k.eachGroup(func() {
		for u := range 2 {
			k.transpose(16 * u)
			k.storeNibbles(4*u, 8, nil)
		}
	})
	if k.wide {
		k.nibbleColumns(8, 0, lessMinimum)
		ADDQ(U32(k.size()*k.groups), regScale)
		k.nibbleColumns(8, 4, lessMinimum)
		ADDQ(U32(k.size()*k.groups), regScale)
	} else {
		k.columns(2, 8, lessMinimum)
	}
	k.forward(32)
	DECQ(regOuter)
	JNZ(LabelRef(label))
}, prepare: func(k *kernel) {
	if k.wide {
		VMOVUPS(constant("nibbleValues", 16, func(i int) uint32 { return math.Float32bits(float32(i)) }), z(vTable))
	}
}}

// scalesQ4K unpacks the scales and minima of a block (get_scale_min_k4): words are d and dmin, four scales,
// four minima, and four more of both, the upper bits of which are above the others.
func (k *kernel) scalesQ4K() {
	k.transpose(0)
	k.halfOf(0, 4, 5)
	if !k.wide {
		k.scale(two24Less, 4)
	}
	VPSRLD(U8(16), k.v(0), k.v(0))
	k.halfOf(0, 5, 6)
	put := func(code, factor, part, n int) { // byte n%4 of the codes
		if n%4 > 0 {
			VPSRLD(U8(8*(n%4)), k.v(code), k.v(7))
			code = 7
		}
		k.andWord(0xff, code, 7)
		VCVTDQ2PS(k.v(7), k.v(7))
		VMULPS(k.v(factor), k.v(7), k.v(7))
		VMOVUPS(k.v(7), k.vector(part, n))
	}
	for part, from := range []int{1, 2} {
		at := []int{atScales, atMinima}[part]
		k.and(63, from, 6)
		for n := range 4 {
			put(6, 4+part, at, n)
		}
		VPSRLD(U8(2), k.v(from), k.v(from)) // the upper two bits to 4 and 5
		k.and(0x30, from, from)
		VPSRLD(U8(4*part), k.v(3), k.v(6))
		k.and(15, 6, 6)
		k.or(from, 6)
		for n := range 4 {
			put(6, 4+part, at, 4+n)
		}
	}
}

// q6K is blocks of 128 bytes of low nibbles, 64 of upper pairs of bits, 16 scales and their own scale.
var q6K = format{name: "Q6K", bytes: 210, words: 64, block: func(k *kernel) {
	k.eachGroup(func() {
		k.transpose(192)
		for w := range 4 {
			VMOVUPS(k.v(w), Mem{Base: regScratch, Disp: atSpare + k.size()*w})
		}
		k.halves(208, 6)
		k.scale(two48Less, 6)
		if !k.wide {
			VBROADCASTI128(shuffle(1), y(vSecondHere))
			VBROADCASTI128(shuffle(2), y(vThirdHere))
		}
		for w := range 4 {
			VMOVUPS(Mem{Base: regScratch, Disp: atSpare + k.size()*w}, k.v(0))
			for n := range 4 {
				k.top(n, 0, 1)
				VMULPS(k.v(6), k.v(1), k.v(1))
				VMOVUPS(k.v(1), k.vector(atScales, 4*w+n))
			}
		}
	})
	k.fromScales()
	for half := range 2 {
		k.eachGroup(func() { k.halfQ6K(half) })
		k.columns(8, 4, times)
	}
	k.forward(k.bytes)
}, prepare: func(k *kernel) {
	if k.wide {
		VPBROADCASTD(word(0x20202020), z(vTable))
	}
}}

// halfQ6K decodes 128 columns. Of the bytes with upper bits each is for four columns that are 32 apart.
func (k *kernel) halfQ6K(half int) {
	for part := range 2 {
		k.transpose(128 + 32*half + 16*part)
		spare := func(w int) Mem { return Mem{Base: regScratch, Disp: atSpare + k.size()*w} }
		for w := range 4 {
			VMOVUPS(k.v(w), spare(w))
		}
		for low := range 2 {
			k.transpose(64*half + 32*low + 16*part)
			for w := range 4 {
				VMOVUPS(spare(w), k.v(4))
				k.and(15, w, 5)
				VPSLLD(U8(4-2*low), k.v(4), k.v(6))
				k.code6(5, 6)
				k.store(5, 8*low+4*part+w)
				VPSRLD(U8(4), k.v(w), k.v(5))
				k.and(15, 5, 5)
				if low > 0 {
					VPSRLD(U8(2), k.v(4), k.v(4))
				}
				k.code6(5, 4)
				k.store(5, 8*(2+low)+4*part+w)
			}
		}
	}
}

// code6 adds the bits 4 and 5 of another vector to nibbles, and subtracts 32.
func (k *kernel) code6(nibble, upper int) {
	k.and(0x30, upper, upper)
	k.or(upper, nibble)
	if k.wide {
		VPSUBB(z(vTable), z(nibble), z(nibble))
		return
	}
	VPSUBB(word(0x20202020), y(nibble), y(nibble))
}

func (k *kernel) or(from, to int) {
	if k.wide {
		VPORD(z(from), z(to), z(to))
		return
	}
	VPOR(y(from), y(to), y(to))
}

// andWord masks the words of a vector.
func (k *kernel) andWord(mask uint32, from, to int) {
	if k.wide {
		VPANDD_BCST(word(mask), z(from), z(to))
		return
	}
	VPAND(word(mask), y(from), y(to))
}

// halfOf widens the lower float16 of each word, using a vector.
func (k *kernel) halfOf(from, to, using int) {
	if k.wide {
		VPMOVDW(z(from), y(to))
		VCVTPH2PS(y(to), z(to))
		return
	}
	k.andWord(0xffff, from, to)
	VEXTRACTI128(U8(1), y(to), x(using))
	VPACKUSDW(x(using), x(to), x(to))
	VCVTPH2PS(x(to), y(to))
}

// nibbles is 64 codes of a row a block, the high nibble first, into a table of 16 float32. Each block has
// a scale at absmax, the rows of which are absmaxRow apart.
var nibbles = format{name: "Nibbles", bytes: 32, words: 8, more: ", absmax *float32, absmaxRow int", block: func(k *kernel) {
	Load(Param("absmax"), regAbsmaxAt)
	k.eachGroup(func() {
		k.absmax()
		for u := range 2 {
			k.transpose(16 * u)
			for w := range 4 {
				k.store(w, 4*u+w)
			}
		}
	})
	absmax, err := Param("absmax").Resolve()
	must(err)
	ADDQ(U8(4), absmax.Addr)
	k.lookUp()
	k.forward(k.bytes)
}, prepare: func(k *kernel) {
	Load(Param("absmaxRow"), regAbsmax)
	if k.wide {
		VMOVUPS(Mem{Base: regScratch, Disp: atTable}, z(vTable))
	}
}}

// absmax gathers the scales of the group.
func (k *kernel) absmax() {
	for quarter := range k.lanes / 4 {
		for i := range 4 {
			m := Mem{Base: regAbsmaxAt}
			if i == 0 {
				VMOVD(m, x(quarter))
			} else {
				VPINSRD(U8(i), m, x(quarter), x(quarter))
			}
			ADDQ(regAbsmax, regAbsmaxAt)
		}
	}
	VINSERTI128(U8(1), x(1), y(0), y(0))
	if k.wide {
		VINSERTI128(U8(1), x(3), y(2), y(2))
		VINSERTI64X4(U8(1), y(2), z(0), z(0))
	}
	VMOVUPS(k.v(0), k.vector(atScales, 0))
}

// lookUp multiplies the columns of a block.
func (k *kernel) lookUp() {
	LEAQ(Mem{Base: regScratch, Disp: atCodes}, regSlot)
	scale := func(g int) Mem { return Mem{Base: regScratch, Disp: atScales + k.size()*g} }
	if k.wide {
		for g := range k.groups {
			VMOVUPS(scale(g), z(vScales+g))
		}
	}
	MOVQ(U32(8), regCount)
	label := k.label()
	Label(label)
	for column := range 8 {
		k.broadcast(column)
		for g := range k.groups {
			slot := Mem{Base: regSlot, Disp: k.size() * g}
			if k.wide {
				lookUp16(slot, 4*(column^1), 4+g)
				scaled(k, 4+g, g)
				k.multiply(column, 4+g, g)
				continue
			}
			VMOVDQU(slot, y(0))
			k.lookUp8(column)
			VMULPS(scale(g), y(0), y(0))
			k.multiply(column, 0, g)
		}
	}
	k.fetch()
	ADDQ(U32(4*8*k.rows), regX)
	ADDQ(U32(k.size()*k.groups), regSlot)
	DECQ(regCount)
	JNZ(LabelRef(label))
}

// lookUp8 looks up the codes of a column of the words in vector 0: the fourth bit of a code, moved to the
// sign, chooses the half of the table.
func (k *kernel) lookUp8(column int) {
	if shift := 4 * (column ^ 1); shift > 0 {
		VPSRLD(U8(shift), y(0), y(0))
	}
	VPERMPS(Mem{Base: regScratch, Disp: atTable + 32}, y(0), y(1))
	VPERMPS(Mem{Base: regScratch, Disp: atTable}, y(0), y(2))
	VPSLLD(U8(28), y(0), y(0))
	VBLENDVPS(y(0), y(1), y(2), y(0))
}
