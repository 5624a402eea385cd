package attention

import (
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
)

// stretch is how many keys a single query is multiplied by at a time, whole blocks that together are worth
// planning a product.
const stretch = 8 * block

// single is run for a block of one query, as in decoding: the query's heads, which see the same keys, take
// the place of queries, so that keys and values are read once for all of them. There are fewQueries at most.
func (f *forward) single(p *pass, s Segment, w view, kvHead, head, heads int) {
	dim := p.HeadDim
	f.begin(1, heads*dim)
	queries := gemm.F32Stride(p.q.from(w.row, head, dim), heads, dim, dim)
	start, end := w.keys()
	for from := start; from < end; from += stretch {
		to := min(from+stretch, end)
		row := (to - from + block - 1) / block * block
		scores := f.scores[:heads*row]
		gemm.Serial(scores, row, queries, p.k.tile(s.K0+from, to-from, kvHead, dim).T(), false)
		scale := p.scores(scores, nil)
		for key := from; key < to; key += block {
			f.singleBlock(heads, scores[key-from:], row, w.band(0, key), scale, key > start)
			weights := gemm.F32Stride(scores[key-from:], heads, min(block, end-key), row)
			f.values.Set(p.v.tile(s.K0+key, weights.Cols, kvHead, dim), true)
			f.values.Multiply(f.heads[0].acc, dim, weights, dim, key > start)
		}
	}
	f.heads[0].finish(heads, p.out.from(w.row, head, dim), dim, p.lse[w.row*p.Heads+head:], 1)
}

// singleBlock makes a block of scores, in rows that are row apart, weights, and what was summed before
// comparable.
func (f *forward) singleBlock(heads int, scores []float32, row int, band vec.Band, scale float32, later bool) {
	h := &f.heads[0]
	for i := range heads {
		run := vec.RunningSoftmax{Max: h.max[i : i+1], Sum: h.sum[i : i+1], Alpha: f.alpha[i : i+1], Part: f.part[i : i+1]}
		run.Block(scores[i*row:][:block], band, scale)
	}
	if later {
		vec.ScaleRows(h.acc, f.alpha[:heads])
	}
}
