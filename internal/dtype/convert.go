package dtype

import (
	"fmt"
	"math"
)

// BF16ToF32 widens one element, exactly.
func BF16ToF32(u uint16) float32 { return math.Float32frombits(uint32(u) << 16) }

// F16ToF32 widens one element, exactly; a signalling NaN becomes quiet, as VCVTPH2PS does it.
func F16ToF32(u uint16) float32 {
	sign := uint32(u&0x8000) << 16
	rest := uint32(u & 0x7fff)
	switch {
	case rest > 0x7c00: // NaN
		return math.Float32frombits(sign | 0x7fc00000 | rest<<13)
	case rest == 0x7c00:
		return math.Float32frombits(sign | 0x7f800000)
	case rest >= 0x0400: // normal: rebias the exponent from 15 to 127
		return math.Float32frombits(sign | (rest<<13 + (127-15)<<23))
	default: // zero or denormal: a multiple of 2^-24, always normal in float32
		return math.Float32frombits(sign | math.Float32bits(float32(rest)*0x1p-24))
	}
}

// F32ToBF16 rounds to nearest even. A NaN stays a NaN, made quiet.
func F32ToBF16(f float32) uint16 {
	u := math.Float32bits(f)
	if f != f {
		return uint16(u>>16) | 0x0040
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// F32ToF16 rounds to nearest even; what is beyond 65504 by half a unit or more becomes infinite. A
// NaN stays a NaN, made quiet.
func F32ToF16(f float32) uint16 {
	u := math.Float32bits(f)
	sign := uint16(u >> 16 & 0x8000)
	u &= 0x7fffffff
	switch {
	case u > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(u>>13&0x03ff)
	case u >= 0x477ff000: // 65520, halfway from the largest finite to the next power of two
		return sign | 0x7c00
	case u >= 0x38800000: // 2^-14 and above: normal
		return sign | uint16((u-(127-15)<<23+0x0fff+u>>13&1)>>13)
	default:
		// Denormal. Adding 1/2, whose ulp is 2^-24, leaves the rounded count of 2^-24 in the low
		// bits; float32 addition rounds to nearest even.
		return sign | uint16(math.Float32bits(math.Float32frombits(u)+0.5)-math.Float32bits(0.5))
	}
}

// Widen converts src, elements of type t, which is BF16 or F16, into dst of the same length.
func Widen(t Type, dst []float32, src []uint16) {
	mustMatch(t, len(dst), len(src))
	done := widenVector(t, dst, src)
	dst, src = dst[done:], src[done:]
	if t == BF16 {
		for i, u := range src {
			dst[i] = BF16ToF32(u)
		}
		return
	}
	for i, u := range src {
		dst[i] = F16ToF32(u)
	}
}

// Round converts src to type t, which is BF16 or F16, into dst of the same length, each element
// rounded to nearest even.
func Round(t Type, dst []uint16, src []float32) {
	mustMatch(t, len(dst), len(src))
	done := roundVector(t, dst, src)
	dst, src = dst[done:], src[done:]
	if t == BF16 {
		for i, f := range src {
			dst[i] = F32ToBF16(f)
		}
		return
	}
	for i, f := range src {
		dst[i] = F32ToF16(f)
	}
}

func mustMatch(t Type, dst, src int) {
	if t != BF16 && t != F16 {
		panic(fmt.Sprintf("dtype: %v has no 16-bit elements", t))
	}
	if dst != src {
		panic(fmt.Sprintf("dtype: convert %d elements into %d", src, dst))
	}
}
