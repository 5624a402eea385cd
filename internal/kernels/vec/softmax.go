package vec

// CrossEntropyBackward turns one row of logits in place into the gradient of scale·loss,
// loss = lse − logits[label]:
//
//	logits[j] = (softmax(logits)[j] − [j = label])·scale,  softmax(logits)[j] = e^(logits[j]−lse)
//
// lse is [LogSumExp] of the row. The caller clears the rows whose label is ignored.
func CrossEntropyBackward(logits []float32, label int, lse, scale float32) {
	x := logits[label]
	current().expSubScale(logits, logits, lse, scale)
	logits[label] = float32(exp1(x-lse)-1) * scale
}

// softmaxBackwardGeneric sets dst[i] = p[i]·(dp[i] − delta)·scale: the gradient by the scores of a softmax
// row p whose own gradient is dp, with delta = Σ p·dp, times the scale that made the scores.
func softmaxBackwardGeneric(dst, p, dp []float32, delta, scale float32) {
	for i, v := range p {
		dst[i] = float32(v*(dp[i]-delta)) * scale
	}
}
