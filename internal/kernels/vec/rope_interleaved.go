package vec

import "fmt"

// RoPEInterleaved is [RoPE] for weights whose points are neighbours, elements 2i and 2i+1 of a head,
// instead of elements i and i+half (transformers' models/glm4). It takes the same steps on the same
// values in another place. scratch has 2·len(cos) elements, and what it holds does not matter.
func RoPEInterleaved(row, cos, sin []float32, headDim int, scratch []float32) {
	ropeInterleaved("RoPEInterleaved", current().rotate, row, cos, sin, headDim, scratch)
}

// RoPEInterleavedBackward is the gradient of [RoPEInterleaved], the rotation by the opposite angle.
func RoPEInterleavedBackward(row, cos, sin []float32, headDim int, scratch []float32) {
	ropeInterleaved("RoPEInterleavedBackward", current().rotateBack, row, cos, sin, headDim, scratch)
}

func ropeInterleaved(name string, rotate func(lo, hi, cos, sin []float32), row, cos, sin []float32, headDim int, scratch []float32) {
	half := len(cos)
	mustMatch(name, half, len(sin))
	mustMatch(name, 2*half, len(scratch))
	if headDim <= 0 || 2*half > headDim || len(row)%headDim != 0 {
		panic(fmt.Sprintf("vec.%s: row of %d, %d angles, heads of %d", name, len(row), half, headDim))
	}
	lo, hi := scratch[:half], scratch[half:]
	for at := 0; at < len(row); at += headDim {
		head := row[at : at+2*half]
		for i := range lo {
			lo[i], hi[i] = head[2*i], head[2*i+1]
		}
		rotate(lo, hi, cos, sin)
		for i := range lo {
			head[2*i], head[2*i+1] = lo[i], hi[i]
		}
	}
}
