package ops

import "github.com/cultivar/cultivar/internal/kernels/vec"

// Product is the gate without an activation, gate·up, that LFM2 has before and after its convolutions.
var Product = Gate{"product", vec.Mul, func(dgate, dup, y, dy, gate, up []float32) {
	for i, g := range gate {
		d, u := dy[i], up[i]
		dgate[i], dup[i], y[i] = d*u, d*g, g*u
	}
}}
