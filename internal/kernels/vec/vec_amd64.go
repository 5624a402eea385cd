package vec

import "github.com/cultivar/cultivar/internal/cpu"

//go:generate go -C ../../../tools/asm run ./vec -pkg vec -out ../../internal/kernels/vec/kernels_amd64.s -stubs ../../internal/kernels/vec/kernels_amd64.go

func kernelsFor(i cpu.Implementation) *kernels {
	switch i {
	case cpu.AVX512:
		return &avx512
	case cpu.AVX2:
		return &avx2
	default:
		return &generic
	}
}

var avx2 = kernels{
	exp: expAVX2, sigmoid: sigmoidAVX2, tanh: tanhAVX2, log: logAVX2,
	expSub: expSubAVX2, expSubScale: expSubScaleAVX2, expSubSum: expSubSumAVX2, expSum: expSumAVX2,
	sum: sumAVX2, sumSquares: sumSquaresAVX2, max: maxAVX2, dot: dotAVX2, dot3: dot3AVX2,
	add: addAVX2, mul: mulAVX2, scale: scaleAVX2, axpy: axpyAVX2, mulAdd: mulAddAVX2,
	siluMul: siluMulAVX2, siluMulBackward: siluMulBackwardAVX2,
	geluMul: geluMulAVX2, geluMulBackward: geluMulBackwardAVX2,
	tanhBackward: tanhBackwardAVX2, softmaxBackward: softmaxBackwardAVX2,
	normApply: normApplyAVX2, normBackward: normBackwardAVX2, normWeightGrad: normWeightGradAVX2,
	rotate: rotateAVX2, rotateBack: rotateBackAVX2,
	softmaxScores: softmaxScoresAVX2, softmaxNumerators: softmaxNumeratorsAVX2,
	softmaxBlockBackward: softmaxBlockBackwardAVX2,
	scaleRows:            scaleRowsAVX2, divideRows: divideRowsAVX2, dotRows: dotRowsAVX2,
	adamw: func(p, g, m, v []float32, c adamwConstants) {
		adamwAVX2(p, g, m, v, c.gradScale, c.decay, c.blend1, c.beta2, c.blend2, c.bias2Root, c.epsilon, c.step)
	},
}

var avx512 = kernels{
	exp: expAVX512, sigmoid: sigmoidAVX512, tanh: tanhAVX512, log: logAVX512,
	expSub: expSubAVX512, expSubScale: expSubScaleAVX512, expSubSum: expSubSumAVX512, expSum: expSumAVX512,
	sum: sumAVX512, sumSquares: sumSquaresAVX512, max: maxAVX512, dot: dotAVX512, dot3: dot3AVX512,
	add: addAVX512, mul: mulAVX512, scale: scaleAVX512, axpy: axpyAVX512, mulAdd: mulAddAVX512,
	siluMul: siluMulAVX512, siluMulBackward: siluMulBackwardAVX512,
	geluMul: geluMulAVX512, geluMulBackward: geluMulBackwardAVX512,
	tanhBackward: tanhBackwardAVX512, softmaxBackward: softmaxBackwardAVX512,
	normApply: normApplyAVX512, normBackward: normBackwardAVX512, normWeightGrad: normWeightGradAVX512,
	rotate: rotateAVX512, rotateBack: rotateBackAVX512,
	softmaxScores: softmaxScoresAVX512, softmaxNumerators: softmaxNumeratorsAVX512,
	softmaxBlockBackward: softmaxBlockBackwardAVX512,
	scaleRows:            scaleRowsAVX512, divideRows: divideRowsAVX512, dotRows: dotRowsAVX512,
	adamw: func(p, g, m, v []float32, c adamwConstants) {
		adamwAVX512(p, g, m, v, c.gradScale, c.decay, c.blend1, c.beta2, c.blend2, c.bias2Root, c.epsilon, c.step)
	},
}
