package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/cultivar/cultivar/tools/asm/vector"
)

// An element is a stored type that packing widens to float32.
type element struct {
	name   string // as in the name of the routine
	goType string
	size   int
}

var elements = []element{{"F32", "float32", 4}, {"BF16", "uint16", 2}, {"F16", "uint16", 2}}

// copies emits, for each element type, the packing of lanes that are adjacent in memory: a strided
// copy of rows of 8, 16 or 32 elements.
func copies() {
	for _, e := range elements {
		name := "copy" + e.name
		TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *float32, width int, src *%s, stride, vecs, steps int)", e.goType))
		Doc(fmt.Sprintf("%s widens steps rows of vecs × 8 elements; vecs is 1, 2 or 4.", name))
		dst := Load(Param("dst"), GP64())
		width := bytes(Load(Param("width"), GP64()))
		src := Load(Param("src"), GP64())
		stride := Load(Param("stride"), GP64())
		shift(stride, e.size)
		vecs := Load(Param("vecs"), GP64())
		steps := Load(Param("steps"), GP64())
		CMPQ(vecs, U8(2))
		JEQ(LabelRef("copy2"))
		JG(LabelRef("copy4"))
		for _, n := range []int{1, 2, 4} {
			label := fmt.Sprintf("copy%d", n)
			Label(label)
			for at := 0; at < 8*e.size*n; at += 64 {
				PREFETCHT1(Mem{Base: src, Disp: 8*e.size*n + at})
			}
			for v := range n {
				widen(e, Mem{Base: src, Disp: 8 * e.size * v}, v)
			}
			for v := range n {
				VMOVUPS(ymm(v), Mem{Base: dst, Disp: 32 * v})
			}
			ADDQ(stride, src)
			ADDQ(width, dst)
			DECQ(steps)
			JNZ(LabelRef(label))
			VZEROUPPER()
			RET()
		}
	}
}

// bytes turns a count of float32 into bytes.
func bytes(r reg.Register) reg.Register {
	SHLQ(U8(2), r)
	return r
}

// shift turns a count of elements into bytes.
func shift(r reg.Register, size int) {
	if size == 4 {
		SHLQ(U8(2), r)
	} else {
		SHLQ(U8(1), r)
	}
}

// widen loads 8 elements into vector v.
func widen(e element, src Mem, v int) {
	switch e.name {
	case "F32":
		VMOVUPS(src, ymm(v))
	case "BF16":
		VPMOVZXWD(src, ymm(v))
		VPSLLD(U8(16), ymm(v), ymm(v))
	case "F16":
		VCVTPH2PS(src, ymm(v))
	}
}

func ymm(i int) reg.VecPhysical { return avx2.vecs[i] }
func xmm(i int) reg.VecPhysical { return avx2.vecs[i].AsX().(reg.VecPhysical) }

// transposes emits, for each element type, the packing of lanes that are rows in memory. Each chunk
// reads 32 bytes of 8 rows and writes 8 steps, or 16 where an element is half as large: two adjacent
// elements then travel as one 32-bit word and are parted at the end.
func transposes() {
	for _, e := range elements {
		name := "transpose" + e.name
		TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *float32, width int, src *%s, stride, lanes, steps int)", e.goType))
		Doc(fmt.Sprintf("%s packs lanes rows, 1 to 8, always writing 8 lanes; steps is a multiple of %d.", name, 32/e.size))
		dst := Load(Param("dst"), GP64())
		width := bytes(Load(Param("width"), GP64()))
		width3 := GP64()
		LEAQ(Mem{Base: width, Index: width, Scale: 2}, width3)
		src := Load(Param("src"), GP64())
		stride := Load(Param("stride"), GP64())
		shift(stride, e.size)
		lanes := Load(Param("lanes"), GP64())
		rows := rowPointers(src, stride, lanes)
		steps := Load(Param("steps"), GP64())
		shift(steps, e.size) // now the bytes of a row
		at := GP64()
		XORQ(at, at)
		if e.name == "BF16" { // the mask of the upper element of each pair
			VPCMPEQD(ymm(15), ymm(15), ymm(15))
			VPSLLD(U8(16), ymm(15), ymm(15))
		}
		if e.name == "F16" {
			VBROADCASTI128(gatherHalves(), ymm(15))
		}
		Label("loop")
		for half := range 2 {
			transpose4(rows, at, 16*half)
			storeSteps(e, dst, width, width3)
		}
		ADDQ(U8(32), at)
		CMPQ(at, steps)
		JB(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}
}

// rowPointers returns the addresses of 8 rows; those past the last lane repeat the last one, so that
// nothing outside the operand is read.
func rowPointers(src, stride, lanes reg.Register) [8]reg.Register {
	var rows [8]reg.Register
	rows[0] = src
	for i := 1; i < 8; i++ {
		r := GP64()
		MOVQ(rows[i-1], r)
		ADDQ(stride, r)
		CMPQ(lanes, U8(i))
		CMOVQLE(rows[i-1], r)
		rows[i] = r
	}
	return rows
}

// transpose4 reads 16 bytes of each row at offset at+disp and leaves their four columns in vectors
// 0 to 3. Rows 4 to 7 go to the upper halves, so that unpacking within halves is all it takes.
func transpose4(rows [8]reg.Register, at reg.Register, disp int) {
	for i := range 4 {
		VMOVUPS(Mem{Base: rows[i], Index: at, Scale: 1, Disp: disp}, xmm(i))
		VINSERTF128(U8(1), Mem{Base: rows[i+4], Index: at, Scale: 1, Disp: disp}, ymm(i), ymm(i))
	}
	vector.Transpose4x4(avx2.vecs[0:4], avx2.vecs[4:8])
}

// storeSteps widens the four columns in vectors 0 to 3 and stores them as steps: one from each, or
// two where a column holds pairs.
func storeSteps(e element, dst, width, width3 reg.Register) {
	stored := 0
	store := func(v int) {
		to := []Mem{
			{Base: dst}, {Base: dst, Index: width, Scale: 1},
			{Base: dst, Index: width, Scale: 2}, {Base: dst, Index: width3, Scale: 1},
		}
		VMOVUPS(ymm(v), to[stored%4])
		if stored++; stored%4 == 0 {
			LEAQ(Mem{Base: dst, Index: width, Scale: 4}, dst)
		}
	}
	for v := range 4 {
		switch e.name {
		case "F32":
			store(v)
		case "BF16":
			VPSLLD(U8(16), ymm(v), ymm(12))
			VPAND(ymm(15), ymm(v), ymm(13))
			store(12)
			store(13)
		case "F16":
			VPSHUFB(ymm(15), ymm(v), ymm(12)) // each half: 4 lower elements, 4 upper elements
			VPERMQ(U8(0b11_01_10_00), ymm(12), ymm(12))
			VEXTRACTI128(U8(1), ymm(12), xmm(13))
			VCVTPH2PS(xmm(12), ymm(12))
			VCVTPH2PS(xmm(13), ymm(13))
			store(12)
			store(13)
		}
	}
}

// gatherHalves is the byte shuffle that parts pairs of 16-bit elements.
func gatherHalves() Mem {
	order := []byte{0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15}
	return constant(&gatherBytes, "gatherHalves", 16, func(i int) Constant { return U8(order[i]) }, 1)
}
