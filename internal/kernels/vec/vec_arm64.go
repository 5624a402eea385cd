package vec

import "github.com/cultivar/cultivar/internal/cpu"

func kernelsFor(i cpu.Implementation) *kernels {
	if i == cpu.NEON {
		return &neon
	}
	return &generic
}

var neon = kernels{
	exp: expNEON, sigmoid: sigmoidNEON, tanh: tanhNEON, log: logGeneric,
	expSub: expSubNEON, expSubScale: expSubScaleNEON, expSubSum: expSubSumNEON, expSum: expSumNEON,
	sum: sumNEON, sumSquares: sumSquaresNEON, max: maxNEON, dot: dotNEON, dot3: dot3NEON,
	add: addNEON, mul: mulNEON, scale: scaleNEON, axpy: axpyNEON, mulAdd: mulAddNEON,
	siluMul: siluMulNEON, siluMulBackward: siluMulBackwardNEON,
	geluMul: geluMulNEON, geluMulBackward: geluMulBackwardNEON,
	tanhBackward: tanhBackwardNEON, softmaxBackward: softmaxBackwardNEON,
	normApply: normApplyNEON, normBackward: normBackwardNEON, normWeightGrad: normWeightGradNEON,
	rotate: rotateNEON, rotateBack: rotateBackNEON,
	adamw: func(p, g, m, v []float32, c adamwConstants) {
		adamwNEON(p, g, m, v, c.gradScale, c.decay, c.blend1, c.beta2, c.blend2, c.bias2Root, c.epsilon, c.step)
	},
}
