package vec

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// RoPE rotates every head of one row in place (arXiv:2104.09864, in the rotate_half layout of
// transformers): with half = len(cos), elements i and i+half of a head are a point that turns by
// the angle whose cosine and sine are cos[i] and sin[i].
//
//	x[i], x[i+half] = x[i]·cos − x[i+half]·sin, x[i+half]·cos + x[i]·sin
//
// row is consecutive heads of headDim elements. Elements from 2·half on are left alone
// (partial_rotary_factor < 1).
func RoPE(row, cos, sin []float32, headDim int) {
	rope("RoPE", current().rotate, row, cos, sin, headDim)
}

// RoPEBackward is the gradient of [RoPE], the rotation by the opposite angle.
func RoPEBackward(row, cos, sin []float32, headDim int) {
	rope("RoPEBackward", current().rotateBack, row, cos, sin, headDim)
}

func rope(name string, rotate func(lo, hi, cos, sin []float32), row, cos, sin []float32, headDim int) {
	half := len(cos)
	mustMatch(name, half, len(sin))
	if headDim <= 0 || 2*half > headDim || len(row)%headDim != 0 {
		panic(fmt.Sprintf("vec.%s: row of %d, %d angles, heads of %d", name, len(row), half, headDim))
	}
	for at := 0; at < len(row); at += headDim {
		rotate(row[at:at+half], row[at+half:at+2*half], cos, sin)
	}
}

func rotateGeneric(lo, hi, cos, sin []float32) {
	for i, a := range lo {
		b, c, s := hi[i], cos[i], sin[i]
		lo[i] = fma.FMA32(-b, s, float32(a*c))
		hi[i] = fma.FMA32(a, s, float32(b*c))
	}
}

func rotateBackGeneric(lo, hi, cos, sin []float32) {
	for i, a := range lo {
		b, c, s := hi[i], cos[i], sin[i]
		lo[i] = fma.FMA32(b, s, float32(a*c))
		hi[i] = fma.FMA32(-a, s, float32(b*c))
	}
}
