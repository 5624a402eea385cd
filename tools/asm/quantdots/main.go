// Command quantdots generates the kernels of internal/quant that multiply few rows of x with quantised
// weights, which are decoded in registers. Rows of the weights are lanes: each output is one chain of
// fused multiply-adds, and a scale is a vector.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/cultivar/cultivar/tools/asm/vector"
)

func main() {
	for _, wide := range []bool{false, true} {
		for _, f := range []format{q8_0, q4_0, int8s, nibbles, q4K, q6K} {
			f.emit(wide)
		}
	}
	Generate()
}

// A format is how blocks of weights are decoded.
type format struct {
	name    string
	bytes   int    // of a block of a row
	words   int    // of codes in a block, while which is multiplied as much memory is fetched
	more    string // parameters of its own
	prepare func(k *kernel)
	block   func(k *kernel)
}

func (f format) emit(wide bool) {
	lanes, suffix := 8, "AVX2"
	if wide {
		lanes, suffix = 16, "AVX512"
	}
	name := "dots" + f.name + suffix
	TEXT(name, NOSPLIT, "func(sums *float32, w *byte, stride int, x *float32, rows, blocks int, next *byte, scratch *uint32"+f.more+")")
	Doc(name + " continues the chains of 1, 2 or 4 rows of x.")
	rows := Load(Param("rows"), regCount)
	for _, r := range []int{4, 2} {
		CMPQ(rows, U8(r))
		JEQ(LabelRef(fmt.Sprintf("rows%d", r)))
	}
	for _, r := range []int{1, 2, 4} {
		k := &kernel{format: f, wide: wide, lanes: lanes, rows: r, groups: groups(wide, r)}
		Label(fmt.Sprintf("rows%d", r))
		k.emit()
	}
}

// groups is how many groups of lanes, a chain for each row of x, a kernel has: enough to keep the multipliers
// busy, no more than there are accumulators for. internal/quant has the same numbers.
func groups(wide bool, rows int) int {
	if wide && rows == 1 || !wide && rows == 4 {
		return 2
	}
	return 4
}

// The general registers. Rows are reached by multiples of the distance between them from one pointer, or
// with 16 lanes from two, to halves of a group.
var (
	regX, regOuter         = reg.RAX, reg.RBX
	regRow, regRow3        = reg.RCX, reg.RDX
	regRow5, regRow7       = reg.RSI, reg.RDI
	regP                   = []reg.GPPhysical{reg.R8, reg.R9}
	regScratch, regSlot    = reg.R10, reg.R11
	regScale               = reg.R12
	regNext                = reg.R13
	regCount               = reg.R14
	regAbsmax, regAbsmaxAt = reg.R12, reg.R15
)

// Where things lie in dotScratch of internal/quant, in bytes. Scales, minima and codes are vectors, those
// of the groups beside each other; a vector of codes has four of each lane.
const (
	atScales, atMinima = 0, 4096
	atTable, atBytes   = 6144, 6208
	atSpare, atCodes   = 6400, 8192
)

// A kernel is the code for a number of rows of x. Its accumulators are vectors from firstSum on; those
// below are for whoever needs some.
type kernel struct {
	format
	wide                bool
	lanes, rows, groups int
	labels              int
}

const firstSum = 8

// ahead is how many bytes further on in its row what the first-level cache should have next lies.
const ahead = 128

func (k *kernel) v(i int) reg.VecPhysical { return k.vectors()[i] }

// vectors is all the vector registers there are.
func (k *kernel) vectors() []reg.VecPhysical {
	if k.wide {
		return zmm
	}
	return ymm
}

func (k *kernel) size() int { return 4 * k.lanes }

func (k *kernel) sum(row, group int) reg.VecPhysical { return k.v(firstSum + row*k.groups + group) }

func (k *kernel) label() string {
	k.labels++
	return fmt.Sprintf("loop%d_%d", k.rows, k.labels)
}

// emit goes along the rows, blocks by blocks: each is first decoded as far as bytes, for all groups, then
// multiplied with x, the chains of all groups in turns.
func (k *kernel) emit() {
	Load(Param("w"), regP[0])
	Load(Param("stride"), regRow)
	LEAQ(Mem{Base: regRow, Index: regRow, Scale: 2}, regRow3)
	LEAQ(Mem{Base: regRow, Index: regRow, Scale: 4}, regRow5)
	LEAQ(Mem{Base: regRow5, Index: regRow, Scale: 2}, regRow7)
	LEAQ(Mem{Base: regP[0], Index: regRow, Scale: 8}, regP[1])
	Load(Param("x"), regX)
	Load(Param("next"), regNext)
	Load(Param("scratch"), regScratch)
	Load(Param("sums"), regSlot)
	k.eachSum(func(at Mem, v reg.VecPhysical) { VMOVUPS(at, v) })
	if k.wide {
		for i, k := range wideMasks() {
			MOVL(U32(0xf0<<(4*i)), regCount.As32())
			KMOVW(regCount.As32(), k)
		}
		VBROADCASTI32X4(shuffle(1), z(vSecond))
		VBROADCASTI32X4(shuffle(2), z(vThird))
	} else {
		VBROADCASTI128(shuffle(1), y(vSecondHere))
		VBROADCASTI128(shuffle(2), y(vThirdHere))
	}
	if k.prepare != nil {
		k.prepare(k)
	}
	label := k.label()
	Label(label)
	k.block(k)
	blocks, err := Param("blocks").Resolve()
	must(err)
	DECQ(blocks.Addr)
	JNZ(LabelRef(label))
	Load(Param("sums"), regSlot)
	k.eachSum(func(at Mem, v reg.VecPhysical) { VMOVUPS(v, at) })
	VZEROUPPER()
	RET()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (k *kernel) eachSum(f func(at Mem, v reg.VecPhysical)) {
	for i := range k.rows {
		for g := range k.groups {
			f(Mem{Base: regSlot, Disp: k.size() * (i*k.groups + g)}, k.sum(i, g))
		}
	}
}

// at is what lies disp bytes behind the pointer in a row of the group.
func (k *kernel) at(row, disp int) Mem {
	m := Mem{Base: regP[row/8], Disp: disp}
	if row %= 8; row > 0 {
		m.Index = []reg.GPPhysical{nil, regRow, regRow, regRow3, regRow, regRow5, regRow3, regRow7}[row]
		m.Scale = []uint8{0, 1, 2, 1, 4, 1, 2, 1}[row]
	}
	return m
}

// eachGroup runs f for every group, with regSlot at its first vector of codes.
func (k *kernel) eachGroup(f func()) {
	LEAQ(Mem{Base: regScratch, Disp: atCodes}, regSlot)
	MOVQ(U32(k.groups), regCount)
	label := k.label()
	Label(label)
	for row := range k.lanes {
		PREFETCHT0(k.at(row, ahead)) // from the second-level cache, where it is already
	}
	f()
	for _, p := range k.pointers() {
		for range k.lanes / 8 {
			LEAQ(Mem{Base: p, Index: regRow, Scale: 8}, p)
		}
	}
	ADDQ(I8(k.size()), regSlot)
	DECQ(regCount)
	JNZ(LabelRef(label))
	MOVQ(regRow, regCount)
	shift := 0
	for 1<<shift < k.groups*k.lanes {
		shift++
	}
	SHLQ(U8(shift), regCount)
	for _, p := range k.pointers() {
		SUBQ(regCount, p)
	}
}

// fetch fetches as much of what is next as a word of codes stands for: a little at a time, since few lines
// can be on their way at once.
func (k *kernel) fetch() {
	bytes := k.groups * k.lanes * k.bytes / k.words
	for line := 0; line < bytes; line += 64 {
		PREFETCHT1(Mem{Base: regNext, Disp: line})
	}
	ADDQ(U32(bytes), regNext)
}

func (k *kernel) pointers() []reg.GPPhysical { return regP[:k.lanes/8] }

// forward moves the pointers on by bytes.
func (k *kernel) forward(bytes int) {
	for _, p := range k.pointers() {
		ADDQ(U32(bytes), p)
	}
}

// vector is the place of a vector of the group's, the number of which is n, in a part of the scratch.
func (k *kernel) vector(part, n int) Mem {
	return Mem{Base: regSlot, Disp: part - atCodes + k.size()*k.groups*n}
}

// transpose leaves four words from disp on of each row of the group in vectors 0 to 3, using 4 to 7.
func (k *kernel) transpose(disp int) {
	for i := range 4 {
		VMOVDQU(k.at(i, disp), x(i))
		if !k.wide {
			VINSERTI128(U8(1), k.at(i+4, disp), y(i), y(i))
			continue
		}
		for q, mask := range wideMasks() {
			VBROADCASTI32X4(k.at(i+4*q+4, disp), mask, z(i))
		}
	}
	vector.Transpose4x4(k.vectors()[0:4], k.vectors()[4:8])
}

// halves gathers a float16 from disp of each row of the group into vector v, widened.
func (k *kernel) halves(disp, v int) {
	for half := range k.lanes / 8 {
		VPXOR(x(v+half), x(v+half), x(v+half))
		for i := range 8 {
			VPINSRW(U8(i), k.at(8*half+i, disp), x(v+half), x(v+half))
		}
	}
	if k.wide {
		VINSERTI128(U8(1), x(v+1), y(v), y(v))
		VCVTPH2PS(y(v), z(v))
		return
	}
	VCVTPH2PS(x(v), y(v))
}
