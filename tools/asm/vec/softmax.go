package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// blockWidth is the number of scores in a row of a block, vec.SoftmaxWidth.
const blockWidth = 64

// A block is the function being written over rows of blockWidth scores, of which a band counts.
type block struct {
	kernel
	rows   []Register // walk along matrices of blockWidth columns
	values []Register // walk along one float32 a row
	lo, hi GPVirtual  // the band in the current row; lo is nil where only its end matters
	single GPVirtual  // rows to be taken one at a time
}

// beginBlock opens a function. matrices are the names of its parameters of blockWidth elements a row,
// values of those of one element a row, scalars of its float32.
func beginBlock(v isa, name, signature, doc string, matrices, values, scalars []string) *block {
	TEXT(name+v.name, attr.NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + v.name + " " + doc)
	b := &block{kernel: kernel{isa: v, scalars: map[string]VecVirtual{}}}
	for _, m := range matrices {
		b.rows = append(b.rows, Load(Param(m).Base(), GP64()))
	}
	for _, x := range values {
		b.values = append(b.values, Load(Param(x).Base(), GP64()))
	}
	for _, s := range scalars {
		b.scalars[s] = b.broadcast(param(s))
	}
	b.left = Load(Param(values[0]).Len(), GP64()).(GPVirtual)
	b.hi = Load(Param("hi"), GP64()).(GPVirtual)
	b.single = b.left
	return b
}

// loadLo loads the begin of the band, which not all functions have.
func (b *block) loadLo() { b.lo = Load(Param("lo"), GP64()).(GPVirtual) }

// byFour takes rows four at a time as far as it can. The others are left to the loop that follows: those of
// a four for which body jumps to refused, having written nothing, and those behind the last four.
func (b *block) byFour(body func(refused string)) {
	b.single = GP64()
	Label("next")
	CMPQ(b.left, U8(four))
	JL(LabelRef("rest"))
	SUBQ(U8(four), b.left)
	MOVQ(U32(four), b.single)
	body("row")
	b.advance(four)
	JMP(LabelRef("next"))
	Label("rest")
	MOVQ(b.left, b.single)
	XORL(b.left.As32(), b.left.As32())
}

// byRow ends the function with a loop around body, of one row.
func (b *block) byRow(body func()) {
	TESTQ(b.single, b.single)
	JZ(LabelRef("done"))
	Label("row")
	body()
	b.advance(1)
	DECQ(b.single)
	JNZ(LabelRef("row"))
	if b.single != b.left {
		JMP(LabelRef("next"))
	}
	Label("done")
	VZEROUPPER()
	RET()
}

func (b *block) advance(rows int) {
	for _, r := range b.rows {
		ADDQ(U32(4*blockWidth*rows), r)
	}
	for _, r := range b.values {
		ADDQ(U8(4*rows), r)
	}
	if b.lo != nil {
		ADDQ(U8(rows), b.lo)
	}
	ADDQ(U8(rows), b.hi)
}

func (b *block) vectors() int { return blockWidth / b.width }

// element is where vector i of the current row of a matrix is.
func (b *block) element(matrix, i int) Mem {
	return Mem{Base: b.rows[matrix], Disp: 4 * b.width * i}
}

func (b *block) value(i int) Mem { return Mem{Base: b.values[i]} }

// ifWhole jumps to a label when the band is the whole row.
func (b *block) ifWhole(label string) {
	CMPQ(b.lo, U8(0))
	JG(LabelRef("band"))
	CMPQ(b.hi, U8(blockWidth))
	JGE(LabelRef(label))
	Label("band")
}

// clip returns a function that sets vector i, which must be asked for in ascending order, to −∞ outside
// the band.
func (b *block) clip() func(i int, x VecVirtual) {
	if !b.wide() {
		return b.clipByCompare()
	}
	outside := b.inside(0)
	NOTQ(outside)
	minusInf := b.copy(pattern(infinity | signBit))
	return func(i int, x VecVirtual) {
		k := K()
		KMOVW(outside.As32(), k)
		b.choose(k, minusInf, x)
		if i < b.vectors()-1 {
			SHRQ(U8(b.width), outside)
		}
	}
}

// inside returns 64 bits: those of the scores of one of the next rows that are in the band.
func (b *block) inside(row int) GPVirtual {
	bound, zero, width, bits := GP64(), GP64(), GP64(), GP64()
	MOVQ(U32(blockWidth), width)
	LEAQ(Mem{Base: b.hi, Disp: row}, bound)
	CMPQ(bound, width)
	CMOVQLT(bound, width)
	MOVQ(I32(-1), bits)
	BZHIQ(width, bits, bits)
	// There is one score at least, so that the begin is below 64.
	LEAQ(Mem{Base: b.lo, Disp: row}, bound)
	XORL(zero.As32(), zero.As32())
	TESTQ(bound, bound)
	CMOVQLT(zero, bound)
	SHRXQ(bound, bits, bits)
	SHLXQ(bound, bits, bits)
	return bits
}

func (b *block) clipByCompare() func(i int, x VecVirtual) {
	lo, hi, below := b.vec(), b.vec(), b.vec()
	for _, x := range []struct {
		from GPVirtual
		to   VecVirtual
	}{{b.lo, lo}, {b.hi, hi}} {
		VMOVD(x.from.As32(), x.to.AsX())
		VPBROADCASTD(x.to.AsX(), x.to)
	}
	return func(i int, x VecVirtual) {
		numbers := blockNumbers.Offset(4 * b.width * i)
		inside := b.vec()
		VPCMPGTD(numbers, lo, below)
		VPCMPGTD(numbers, hi, inside)
		VPANDN(inside, below, inside)
		b.set(below, pattern(infinity|signBit))
		VBLENDVPS(inside, x, below, x)
	}
}

// blockNumbers is 0, 1, … 63.
var blockNumbers Mem

func makeBlockNumbers() {
	blockNumbers = GLOBL("blockNumbers", rodata)
	for lane := range blockWidth {
		DATA(4*lane, U32(lane))
	}
}

// softmaxes writes the kernels of attention.
func softmaxes(v isa) {
	softmaxScores(v)
	softmaxNumerators(v)
	softmaxBlockBackward(v)
	scaleRows(v)
	divideRows(v)
	dotRows(v)
}

func softmaxScores(v isa) {
	b := beginBlock(v, "softmaxScores", "func(scores, max, alpha []float32, lo, hi int, scale float32)",
		"scales rows of scores and raises max to the greatest of each.", []string{"scores"}, []string{"max", "alpha"}, []string{"scale"})
	b.loadLo()
	if b.wide() {
		b.byFour(b.scoresFour)
	}
	b.byRow(b.scoresRow)
}

// scoresRow scales a row, stores −∞ outside the band, and updates the maximum.
func (b *block) scoresRow() {
	x := make([]VecVirtual, b.vectors())
	for i := range x {
		x[i] = b.vec()
		VMULPS(b.element(0, i), b.scalars["scale"], x[i])
	}
	b.ifWhole("whole")
	clip := b.clip()
	for i := range x {
		clip(i, x[i])
	}
	Label("whole")
	for i := range x {
		VMOVUPS(x[i], b.element(0, i))
	}
	b.greatest(x)
}

func softmaxNumerators(v isa) {
	b := beginBlock(v, "softmaxNumerators", "func(scores, max, part []float32, hi int)",
		"sets rows of scores to e^(score−max), and part to the sum of each.", []string{"scores"}, []string{"max", "part"}, nil)
	if b.wide() {
		b.byFour(b.numeratorsFour)
	}
	b.byRow(b.numeratorsRow)
}

func (b *block) numeratorsRow() {
	bits, m := GP32(), b.broadcast(b.value(0))
	x := make([]VecVirtual, b.vectors())
	for i := range x {
		x[i] = b.vec()
		VMOVUPS(b.element(0, i), x[i])
		VSUBPS(m, x[i], x[i])
	}
	sums := b.lanes()
	VMOVD(m.AsX(), bits)
	ANDL(U32(infinity), bits)
	CMPL(bits, U32(infinity))
	JNE(LabelRef("numbers"))
	b.numerators(x, sums, b.exp)
	JMP(LabelRef("sum"))
	Label("numbers") // differences from a finite maximum are at most 0, and no NaN
	b.numerators(x, sums, b.expBelow)
	Label("sum")
	total := b.fold(sums, func(ops ...Op) { VADDPS(ops...) })
	VMOVSS(total.AsX(), b.value(1))
}

// greatest stores the new maximum of a row and what the old one is above it. NaN is treated as vec.Max does.
func (b *block) greatest(x []VecVirtual) {
	most := make([]VecVirtual, 16/b.width)
	for i := range most {
		most[i] = b.vec()
		VMAXPS(x[i], x[i+len(most)], most[i])
	}
	for i := 2 * len(most); i < len(x); i++ {
		VMAXPS(most[i%len(most)], x[i], most[i%len(most)])
	}
	m := b.fold(most, func(ops ...Op) { VMAXPS(ops...) })
	zero := XMM()
	VXORPS(zero, zero, zero)
	VADDSS(zero, m.AsX(), m.AsX()) // −0 becomes +0
	b.ifNumbers(x, "known")
	VMOVSS(pattern(infinity|1<<22), m.AsX())
	Label("known")
	old := XMM()
	VMOVSS(b.value(0), old)
	VMAXSS(m.AsX(), old, m.AsX())
	VSUBSS(m.AsX(), old, old)
	VMOVSS(m.AsX(), b.value(0))
	VMOVSS(old, b.value(1))
}

// ifNumbers jumps to a label when no element is NaN.
func (b *block) ifNumbers(x []VecVirtual, label string) {
	if b.wide() {
		KORTESTW(b.compare(unordered, x[0], x[1]), b.compare(unordered, x[2], x[3]))
		JZ(LabelRef(label))
		return
	}
	nan := b.compare(unordered, x[0], x[1])
	for i := 2; i < len(x); i += 2 {
		VORPS(b.compare(unordered, x[i], x[i+1]), nan, nan)
	}
	bits := GP32()
	VMOVMSKPS(nan, bits)
	TESTL(bits, bits)
	JZ(LabelRef(label))
}

// numerators stores e^x and adds it to the lanes of sums.
func (b *block) numerators(x, sums []VecVirtual, exp func(VecVirtual) VecVirtual) {
	for i := range x {
		e := exp(x[i])
		VMOVUPS(e, b.element(0, i))
		VADDPS(e, sums[i%len(sums)], sums[i%len(sums)])
	}
}

// expBelow returns e^x for x at most expMax that is not NaN.
func (k *kernel) expBelow(x VecVirtual) VecVirtual {
	t, p := k.expCore(x)
	in := k.compare(notLessThan, x, constant(expMin))
	if k.wide() {
		VPADDD_Z(t, p, in, p)
	} else {
		VPADDD(t, p, p)
		k.keep(in, p)
	}
	return p
}

func softmaxBlockBackward(v isa) {
	b := beginBlock(v, "softmaxBlockBackward", "func(p, ds, lse, delta []float32, lo, hi int, scale, slope float32)",
		"makes rows of scores probabilities, and of their gradients those by the scores.",
		[]string{"p", "ds"}, []string{"lse", "delta"}, []string{"scale", "slope"})
	b.loadLo()
	b.byRow(b.softmaxRowBackward)
}

func (b *block) softmaxRowBackward() {
	lse, delta := b.broadcast(b.value(0)), b.broadcast(b.value(1))
	scaled := func(i int) VecVirtual { return b.mul(b.scalars["scale"], b.element(0, i)) }
	finish := func(i int, p VecVirtual) {
		VMOVUPS(p, b.element(0, i))
		d := b.copy(b.element(1, i))
		VSUBPS(delta, d, d)
		VMULPS(d, p, d)
		VMULPS(b.scalars["slope"], d, d)
		VMOVUPS(d, b.element(1, i))
	}
	if b.wide() {
		b.probabilities(lse, scaled, finish)
		return
	}
	step := func(i int, clip func(i int, x VecVirtual)) {
		x := scaled(i)
		clip(i, x)
		VSUBPS(lse, x, x)
		finish(i, b.exp(x))
	}
	b.ifWhole("whole")
	clip := b.clip()
	for i := range b.vectors() {
		step(i, clip)
	}
	JMP(LabelRef("after"))
	Label("whole")
	for i := range b.vectors() {
		step(i, func(int, VecVirtual) {})
	}
	Label("after")
}

// probabilities hands e^(x−lse) of a row's scaled scores x to finish. There are registers for all of them, so
// that exponentials go side by side where none is above the range or of NaN.
func (b *block) probabilities(lse VecVirtual, scaled func(i int) VecVirtual, finish func(i int, p VecVirtual)) {
	x := make([]VecVirtual, b.vectors())
	for i := range x {
		x[i] = scaled(i)
	}
	b.ifWhole("whole")
	clip := b.clip()
	for i := range x {
		clip(i, x[i])
	}
	Label("whole")
	fits := K()
	KXNORW(fits, fits, fits)
	for i := range x {
		VSUBPS(lse, x[i], x[i])
		VCMPPS_BCST(U8(atMost), constant(expMax), x[i], fits, fits)
	}
	KORTESTW(fits, fits)
	JCC(LabelRef("special"))
	for i, p := range b.expsBelow(x) {
		finish(i, p)
	}
	JMP(LabelRef("after"))
	Label("special")
	for i := range x {
		finish(i, b.exp(x[i]))
	}
	Label("after")
}
