// Package vector has what several generators of amd64 kernels do with vectors.
package vector

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// Transpose4x4 emits the exchange of rows and columns of 4×4 words of 32 bits in each 128-bit lane of v, of
// which every vector has a row. It overwrites four spare vectors. The instructions for integers have two ports
// on processors where those for numbers have one.
func Transpose4x4(v, spare []reg.VecPhysical) {
	VPUNPCKLDQ(v[1], v[0], spare[0])
	VPUNPCKHDQ(v[1], v[0], spare[1])
	VPUNPCKLDQ(v[3], v[2], spare[2])
	VPUNPCKHDQ(v[3], v[2], spare[3])
	VPUNPCKLQDQ(spare[2], spare[0], v[0])
	VPUNPCKHQDQ(spare[2], spare[0], v[1])
	VPUNPCKLQDQ(spare[3], spare[1], v[2])
	VPUNPCKHQDQ(spare[3], spare[1], v[3])
}
