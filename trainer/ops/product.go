package ops

import "github.com/cultivar/cultivar/internal/kernels/vec"

// Product is the gate without an activation, gate·up, that LFM2 has before and after its convolutions.
var Product = Gate{"product", vec.Mul, func(dgate, dup, dy, gate, up []float32) {
	vec.Mul(dgate, dy, up)
	vec.Mul(dup, dy, gate)
}}
