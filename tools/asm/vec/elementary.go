package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The constants of internal/kernels/vec/exp.go and activation.go, where they are explained.
const (
	log2E      = 0x1.715476p+0
	ln2Hi      = 0x1.62e430p-1
	ln2Lo      = -0x1.05c610p-29
	roundMagic = 0x1.8p23
	expMax     = 0x1.62e42ep+6
	expMin     = -0x1.5d589ep+6

	tanhSmall = 0.625

	geluA  = 2 * 0.7978845608028654
	geluB  = 0.044715
	geluB3 = 3 * 0.044715

	infinity = 0x7f800000
	signBit  = 0x80000000
)

// expPoly is the polynomial of eʳ, from the highest degree down.
var expPoly = []float32{0.00138145406, 0.00836874545, 0.041668389, 0.166665211, 0.49999994, 1, 1}

// expCore returns of e^x = 2ⁿ·eʳ the exponent, to be added to the bits of eʳ, and eʳ.
func (k *kernel) expCore(x VecVirtual) (n, er VecVirtual) {
	t := k.fma(x, constant(log2E), constant(roundMagic))
	whole := k.sub(t, constant(roundMagic))
	r := k.fma(whole, constant(-ln2Hi), x)
	k.do(fmadd231PS, constant(-ln2Lo), whole, r)
	p := k.horner(r, expPoly...)
	VPSLLD(U8(23), t, t)
	return t, p
}

// exp returns e^x.
func (k *kernel) exp(x VecVirtual) VecVirtual {
	n, p := k.expCore(x)
	VPADDD(n, p, p)
	k.keep(k.compare(notLessThan, x, constant(expMin)), p)
	// x + ∞ is ∞ above the range and NaN for NaN.
	k.choose(k.compare(notLessEqual, x, constant(expMax)), k.add(x, pattern(infinity)), p)
	return p
}

// sigmoid returns 1/(1 + e^−x).
func (k *kernel) sigmoid(x VecVirtual) VecVirtual {
	minus := k.vec()
	k.do(xorPS, pattern(signBit), x, minus)
	return k.div(k.copy(constant(1)), k.add(k.exp(minus), constant(1)))
}

func (k *kernel) tanh(x VecVirtual) VecVirtual {
	a, sign := k.vec(), k.vec()
	k.do(andPS, pattern(signBit-1), x, a)
	k.do(andPS, pattern(signBit), x, sign)
	z := k.mul(a, a)
	p := k.horner(z, -0.00570498686, 0.020639088, -0.0537397154, 0.133314416, -0.333332807)
	small := k.fma(a, k.mul(z, p), a)
	e := k.add(k.exp(k.add(a, a)), constant(1))
	one := k.copy(constant(1))
	y := k.sub(one, k.div(k.copy(constant(2)), e))
	k.choose(k.compare(lessThan, a, constant(tanhSmall)), small, y)
	VORPS(sign, y, y)
	return y
}

// slope returns s·(1 + w·(1−s)).
func (k *kernel) slope(s, w VecVirtual) VecVirtual {
	rest := k.sub(k.copy(constant(1)), s)
	return k.mul(s, k.fma(w, rest, constant(1)))
}

// geluGate returns σ(2u), and x·geluA and x², of which 2u is made.
func (k *kernel) geluGate(x VecVirtual) (s, scaled, square VecVirtual) {
	square = k.mul(x, x)
	scaled = k.mul(x, constant(geluA))
	inner := k.fma(square, constant(geluB), constant(1))
	return k.sigmoid(k.mul(scaled, inner)), scaled, square
}

// gated writes x·s·up.
func (k *kernel) gated(x, s VecVirtual) {
	k.store(k.mul(k.mul(x, s), k.load("up")), "dst")
}

// gatedBackward writes the gradients of x·s·up, where ds is the derivative of x·s, and that itself.
func (k *kernel) gatedBackward(x, s, ds VecVirtual) {
	g, u := k.load("dy"), k.load("up")
	gate, act := k.mul(k.mul(g, u), ds), k.mul(x, s)
	k.store(k.mul(g, act), "dup")
	k.store(gate, "dgate")
	k.store(k.mul(act, u), "y")
}
