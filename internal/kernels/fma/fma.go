// Package fma is the correctly rounded float32 fused multiply-add in plain Go: the operation from
// which the reference implementations of the kernels are made (docs/numerics.md).
package fma

import "math"

// FMA32 returns a·b + c rounded once to float32, to nearest even: the result of VFMADD on amd64 and
// FMADD on arm64, denormals, infinities and signed zeros included. Only the payload of a NaN may
// differ from theirs.
//
// The product of two float32 is exact in float64, so the sum is rounded to 53 bits and then to 24.
// The second rounding can go wrong only where the first left a tie, a float64 whose low 29 bits are
// 1 followed by 28 zeros, or where float32 has fewer than 24 bits left, below 2^-126.
func FMA32(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	if u := math.Float64bits(s) << 1; u<<34 == 1<<63 || u < 897<<53 { // 897: the exponent of 2^-126
		return roundOdd(a, b, c)
	}
	return float32(s)
}

// roundOdd is FMA32 by the long way: it finds what the float64 sum left out (TwoSum) and rounds the
// sum to odd instead, which keeps the second rounding right (Boldo & Melquiond, "Emulation of FMA
// and correctly rounded sums: proved algorithms using rounding to odd", IEEE Transactions on
// Computers 57(4), 2008). Out of line, so that FMA32 can be inlined.
//
//go:noinline
func roundOdd(a, b, c32 float32) float32 {
	p, c := float64(a)*float64(b), float64(c32)
	s := p + c
	t := s - p
	left := (p - (s - t)) + (c - t)
	u := math.Float64bits(s)
	if left == 0 || u&1 == 1 {
		return float32(s)
	}
	if (left > 0) == (s > 0) {
		u++
	} else {
		u--
	}
	return float32(math.Float64frombits(u))
}
