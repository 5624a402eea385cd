package ops

import (
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Rope is a table of rotary position angles (Su et al., arXiv:2104.09864), half of a head wide:
// the rotate_half convention of the published weights.
type Rope struct {
	HeadDim int
	freq    []float32 // (HeadDim/2)
	scale   float32
	cos     []float32 // (positions, HeadDim/2)
	sin     []float32
}

// NewRope makes a table from inverse frequencies (HeadDim/2); scale multiplies cosines and sines
// (YaRN's and longrope's attention factor). The table grows with the positions asked for.
//
// Angles are float32 products as in PyTorch, so that long positions round alike; their cosines and
// sines are computed in float64 and rounded once.
func NewRope(invFreq []float64, scale float64) *Rope {
	r := &Rope{HeadDim: 2 * len(invFreq), scale: float32(scale)}
	for _, f := range invFreq {
		r.freq = append(r.freq, float32(f))
	}
	return r
}

// Grow makes sure that positions below n are in the table. It must not run beside readers.
func (r *Rope) Grow(n int) {
	half := len(r.freq)
	for pos := len(r.cos) / max(half, 1); pos < n; pos++ {
		for _, f := range r.freq {
			sin, cos := vec.SinCos64(float64(float32(pos) * f))
			r.cos = append(r.cos, float32(cos)*r.scale)
			r.sin = append(r.sin, float32(sin)*r.scale)
		}
	}
}

// rotate turns consecutive heads of each row; inverse turns them back.
func (r *Rope) rotate(x []float32, stride, width int, positions []int32, inverse bool) {
	half := len(r.freq)
	turn := vec.RoPE
	if inverse {
		turn = vec.RoPEBackward
	}
	parallel.For(len(positions), rowGrain(width), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			p := int(positions[row]) * half
			turn(x[row*stride:row*stride+width], r.cos[p:p+half], r.sin[p:p+half], r.HeadDim)
		}
	})
}
