// Command dtype generates the vector conversions of internal/dtype.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	widen("widenBF16", "shifts each element into the upper half of a float32.", func(src Mem, dst VecVirtual) {
		VPMOVZXWD(src, dst)
		VPSLLD(U8(16), dst, dst)
	})
	widen("widenF16", "converts with F16C.", func(src Mem, dst VecVirtual) {
		VCVTPH2PS(src, dst)
	})
	Generate()
}

// widen emits a loop over 16 elements, two vectors of 8, converted by convert.
func widen(name, doc string, convert func(src Mem, dst VecVirtual)) {
	TEXT(name, NOSPLIT, "func(dst *float32, src *uint16, n int)")
	Doc(name + " " + doc)
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	low, high := YMM(), YMM()
	Label("loop")
	convert(Mem{Base: src}, low)
	convert(Mem{Base: src, Disp: 16}, high)
	VMOVUPS(low, Mem{Base: dst})
	VMOVUPS(high, Mem{Base: dst, Disp: 32})
	ADDQ(U8(32), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
