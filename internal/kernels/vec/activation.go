package vec

import "github.com/cultivar/cultivar/internal/kernels/fma"

// SiLUMul sets dst[i] = silu(gate[i])·up[i] with silu(x) = x·σ(x): the gated unit of the Llama
// family (arXiv:2002.05202).
func SiLUMul(dst, gate, up []float32) {
	mustMatch("SiLUMul", len(dst), len(gate), len(up))
	current().siluMul(dst, gate, up)
}

func siluMulGeneric(dst, gate, up []float32) {
	for i, x := range gate {
		dst[i] = float32(x*sigmoid1(x)) * up[i]
	}
}

// SiLUMulBackward is the gradient of [SiLUMul], and its result y once more. With s = σ(x), x = gate[i]:
//
//	dup[i]   = dy[i]·(x·s)
//	dgate[i] = (dy[i]·up[i])·s·(1 + x·(1−s))
//	y[i]     = (x·s)·up[i]
//
// Each of the three may be any of dy, gate and up.
func SiLUMulBackward(dgate, dup, y, dy, gate, up []float32) {
	mustMatch("SiLUMulBackward", len(dgate), len(dup), len(y), len(dy), len(gate), len(up))
	current().siluMulBackward(dgate, dup, y, dy, gate, up)
}

func siluMulBackwardGeneric(dgate, dup, y, dy, gate, up []float32) {
	for i, x := range gate {
		g, u := dy[i], up[i]
		s := sigmoid1(x)
		slope, silu := s*fma.FMA32(x, 1-s, 1), x*s
		dup[i] = g * silu
		dgate[i] = float32(g*u) * slope
		y[i] = silu * u
	}
}

// gelu_tanh(x) = x/2·(1 + tanh(u)), u = √(2/π)·(x + 0.044715·x³) (arXiv:1606.08415;
// torch.nn.functional.gelu with approximate="tanh"). It is computed as x·σ(2u), which is the same
// and does not cancel for negative x.
const (
	geluA  = 2 * 0.7978845608028654 // 2u = x·geluA·(1 + geluB·x²)
	geluB  = 0.044715
	geluB3 = 3 * 0.044715 // d2u/dx = geluA·(1 + geluB3·x²)
)

// geluGate1 returns σ(2u(x)) and x².
func geluGate1(x float32) (s, square float32) {
	square = x * x
	return sigmoid1(float32(x*geluA) * fma.FMA32(geluB, square, 1)), square
}

// GELUTanhMul sets dst[i] = gelu_tanh(gate[i])·up[i]: the gated unit of the Gemma family.
func GELUTanhMul(dst, gate, up []float32) {
	mustMatch("GELUTanhMul", len(dst), len(gate), len(up))
	current().geluMul(dst, gate, up)
}

func geluMulGeneric(dst, gate, up []float32) {
	for i, x := range gate {
		s, _ := geluGate1(x)
		dst[i] = float32(x*s) * up[i]
	}
}

// GELUTanhMulBackward is the gradient of [GELUTanhMul], and its result y once more. With x = gate[i],
// s = σ(2u):
//
//	dup[i]   = dy[i]·(x·s)
//	dgate[i] = (dy[i]·up[i])·s·(1 + (x·d2u/dx)·(1−s))
//	y[i]     = (x·s)·up[i]
//
// Each of the three may be any of dy, gate and up.
func GELUTanhMulBackward(dgate, dup, y, dy, gate, up []float32) {
	mustMatch("GELUTanhMulBackward", len(dgate), len(dup), len(y), len(dy), len(gate), len(up))
	current().geluMulBackward(dgate, dup, y, dy, gate, up)
}

func geluMulBackwardGeneric(dgate, dup, y, dy, gate, up []float32) {
	for i, x := range gate {
		g, u := dy[i], up[i]
		s, square := geluGate1(x)
		w := float32(x*geluA) * fma.FMA32(geluB3, square, 1)
		slope, gelu := s*fma.FMA32(w, 1-s, 1), x*s
		dup[i] = g * gelu
		dgate[i] = float32(g*u) * slope
		y[i] = gelu * u
	}
}
