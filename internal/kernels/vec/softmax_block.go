package vec

import (
	"fmt"
	"math"
)

// SoftmaxWidth is the number of scores in a row of a block.
const SoftmaxWidth = 64

// A Band says which scores of a block count: in row i those from Lo+i up to but not including Hi+i, as
// far as there are such, and in every row there must be one. The others count as −∞, and may be
// undefined. Causal masks and sliding windows have this form.
type Band struct{ Lo, Hi int }

// of is what counts in row i.
func (b Band) of(i int) (lo, hi int) { return max(0, b.Lo+i), min(SoftmaxWidth, b.Hi+i) }

// fit returns b for rows, bounded to where it makes a difference.
func (b Band) fit(name string, rows int) Band {
	if b.Lo >= b.Hi || b.Hi < 1 || b.Lo+rows > SoftmaxWidth {
		panic(fmt.Sprintf("vec.%s: band %+v over %d rows", name, b, rows))
	}
	return Band{max(b.Lo, -rows), min(b.Hi, SoftmaxWidth)}
}

// A RunningSoftmax is what is known of the softmax of some rows after some of their blocks: an element
// of each slice a row. Before the first block Max is −∞ and Sum is 0.
type RunningSoftmax struct {
	Max   []float32 // of the scores so far
	Sum   []float32 // Σ e^(score − Max)
	Alpha []float32 // what the last block has multiplied earlier numerators by: e^(old Max − Max)
	Part  []float32 // Σ of the last block alone
}

// Block makes a block of scores, which are to be multiplied by scale, numerators relative to the maximum
// so far (arXiv:2205.14135, algorithm 1): e^(score·scale − Max). Rows are [SoftmaxWidth] apart.
func (r RunningSoftmax) Block(scores []float32, band Band, scale float32) {
	n := len(r.Max)
	mustMatch("RunningSoftmax.Block", n*SoftmaxWidth, len(scores))
	mustMatch("RunningSoftmax.Block", n, len(r.Sum), len(r.Alpha), len(r.Part))
	if n == 0 {
		return
	}
	band = band.fit("RunningSoftmax.Block", n)
	k := current()
	k.runSoftmaxBlock(scores, r.Max, r.Alpha, r.Part, band, scale)
	k.exp(r.Alpha, r.Alpha)
	k.mulAdd(r.Sum, r.Alpha, r.Part)
}

// runSoftmaxBlock leaves in alpha the exponent of what is to be there.
func (k *kernels) runSoftmaxBlock(scores, most, alpha, part []float32, band Band, scale float32) {
	if k.softmaxScores != nil {
		k.softmaxScores(scores, most, alpha, band.Lo, band.Hi, scale)
		k.softmaxNumerators(scores, most, part, band.Hi)
		return
	}
	for i, old := range most {
		row := scores[i*SoftmaxWidth:][:SoftmaxWidth]
		k.scale(row, row, scale)
		band.clip(row, i)
		most[i] = k.max(row)
		if old > most[i] {
			most[i] = old
		}
		alpha[i] = old - most[i]
		part[i] = k.expSubSum(row, row, most[i])
	}
}

// SoftmaxBlockBackward makes a block of scores, which are to be multiplied by scale, probabilities
// e^(score·scale − lse), and in ds of the gradient by those, dp, that by the scores before a factor of
// slope: p·(dp − delta)·slope. lse and delta = Σ p·dp have an element a row, and rows are [SoftmaxWidth]
// apart.
func SoftmaxBlockBackward(p, ds, lse, delta []float32, band Band, scale, slope float32) {
	n := len(lse)
	mustMatch("SoftmaxBlockBackward", n*SoftmaxWidth, len(p), len(ds))
	mustMatch("SoftmaxBlockBackward", n, len(delta))
	if n == 0 {
		return
	}
	band = band.fit("SoftmaxBlockBackward", n)
	current().runSoftmaxBlockBackward(p, ds, lse, delta, band, scale, slope)
}

func (k *kernels) runSoftmaxBlockBackward(p, ds, lse, delta []float32, band Band, scale, slope float32) {
	if k.softmaxBlockBackward != nil {
		k.softmaxBlockBackward(p, ds, lse, delta, band.Lo, band.Hi, scale, slope)
		return
	}
	for i := range lse {
		p, ds := p[i*SoftmaxWidth:][:SoftmaxWidth], ds[i*SoftmaxWidth:][:SoftmaxWidth]
		k.scale(p, p, scale)
		band.clip(p, i)
		k.expSub(p, p, lse[i])
		k.softmaxBackward(ds, p, ds, delta[i], slope)
	}
}

// clip sets what does not count in row i to −∞.
func (b Band) clip(row []float32, i int) {
	lo, hi := b.of(i)
	inf := float32(math.Inf(-1))
	for j := range lo {
		row[j] = inf
	}
	for j := hi; j < len(row); j++ {
		row[j] = inf
	}
}
