package main

import (
	"math"

	"github.com/cultivar/cultivar/tools/asm/neon"
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

	signBit = 1 << 31
)

var infinity = float32(math.Inf(1))

// exp returns e^x.
func (k *kernel) exp(x vec) vec {
	magic := k.constant(roundMagic)
	t := k.fma(x, k.constant(log2E), magic)
	n := k.sub(t, magic)
	r := k.fma(n, k.constant(-ln2Hi), x)
	r = k.fma(n, k.constant(-ln2Lo), r)
	p := k.horner(r, 0.00138145406, 0.00836874545, 0.041668389, 0.166665211, 0.49999994, 1, 1)
	p = k.apply("add", nil, p, k.apply("shl", []int{23}, t))
	p = k.apply("and", nil, p, k.apply("fcmge", nil, x, k.constant(expMin)))
	// x + ∞ is ∞ above the range and NaN for NaN.
	inRange := k.apply("fcmge", nil, k.constant(expMax), x)
	return k.onto("bif", p, k.add(x, k.constant(infinity)), inRange)
}

// sigmoid returns 1/(1 + e^−x).
func (k *kernel) sigmoid(x vec) vec {
	one := k.constant(1)
	return k.div(one, k.add(k.exp(k.apply("fneg", nil, x)), one))
}

func (k *kernel) tanh(x vec) vec {
	one := k.constant(1)
	sign := vec{k.pattern(neon.Constant{signBit, signBit, signBit, signBit})}
	a := k.apply("fabs", nil, x)
	z := k.mul(a, a)
	p := k.horner(z, -0.00570498686, 0.020639088, -0.0537397154, 0.133314416, -0.333332807)
	small := k.fma(a, k.mul(z, p), a)
	e := k.add(k.exp(k.add(a, a)), one)
	y := k.sub(one, k.div(k.constant(2), e))
	y = k.where(k.apply("fcmgt", nil, k.constant(tanhSmall), a), small, y)
	return k.onto("bit", y, x, sign)
}

// slope returns s·(1 + w·(1−s)).
func (k *kernel) slope(s, w vec) vec {
	one := k.constant(1)
	return k.mul(s, k.fma(w, k.sub(one, s), one))
}

// geluGate returns σ(2u), and x·geluA and x², of which 2u is made.
func (k *kernel) geluGate(x vec) (s, scaled, square vec) {
	square = k.mul(x, x)
	scaled = k.mul(x, k.constant(geluA))
	inner := k.fma(square, k.constant(geluB), k.constant(1))
	return k.sigmoid(k.mul(scaled, inner)), scaled, square
}

// gated writes x·s·up.
func (k *kernel) gated(x, s vec) {
	k.store(k.mul(k.mul(x, s), k.load("up")), "dst")
}

// gatedBackward writes the gradients of x·s·up, where ds is the derivative of x·s, and that itself.
func (k *kernel) gatedBackward(x, s, ds vec) {
	g, u := k.load("dy"), k.load("up")
	gate, act := k.mul(k.mul(g, u), ds), k.mul(x, s)
	k.store(k.mul(g, act), "dup")
	k.store(gate, "dgate")
	k.store(k.mul(act, u), "y")
}
