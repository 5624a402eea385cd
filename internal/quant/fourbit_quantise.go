package quant

import (
	"errors"
	"fmt"
	"math"

	"github.com/cultivar/cultivar/internal/parallel"
)

// Source gives the elements of a matrix to a quantiser: it fills dst with elements at, at+1, …,
// counted row by row. It is called from several goroutines.
type Source func(dst []float32, at int)

// ErrNotFinite means that a weight to be quantised holds a NaN or an infinity, for which no format has
// a code.
var ErrNotFinite = errors.New("weight is not finite")

// piece is how many elements a goroutine quantises at a time.
const piece = 1 << 15

// smallest keeps the reciprocal of a block's scale finite (bitsandbytes/backends/default/ops.py,
// quantize_4bit).
const smallest = 1e-38

// Quantise4Bit quantises a matrix to NF4 or FP4 in blocks of block elements, and with nested set the
// scales as well. The result equals that of bitsandbytes 0.50 on a CPU in every byte: codes go to the
// nearest value of the table, a tie to the lower one, after scaling by the rounded reciprocal of the
// block's largest magnitude (in the last block, where it is not full, after division).
func Quantise4Bit(f Format, rows, cols, block int, nested bool, src Source) (FourBit, error) {
	rank, ok := rankers[f]
	if !ok {
		return FourBit{}, fmt.Errorf("%v is no 4-bit format of bitsandbytes", f)
	}
	if err := checkShape(rows, cols); err != nil {
		return FourBit{}, err
	}
	if block < 2 || block%2 != 0 || block > maxBlock {
		return FourBit{}, fmt.Errorf("blocks of %d elements: not even or not in 2 to %d", block, maxBlock)
	}
	n := rows * cols
	blocks := ceilDiv(n, block)
	q := FourBit{Format: f, Rows: rows, Cols: cols, Block: block, Packed: make([]byte, (n+1)/2), Absmax: make([]float32, blocks)}
	parallel.For(blocks, max(1, piece/block), func(lo, hi int) {
		values := make([]float32, (hi-lo)*block)
		values = values[:min(len(values), n-lo*block)]
		src(values, lo*block)
		for b := lo; b < hi; b++ {
			v := values[(b-lo)*block:]
			v = v[:min(block, len(v))]
			q.Absmax[b] = rank.quantise(q.Packed[b*block/2:], v, len(v) < block)
		}
	})
	for b, a := range q.Absmax {
		if a-a != 0 {
			return FourBit{}, fmt.Errorf("%w: in row %d", ErrNotFinite, b*block/cols)
		}
	}
	if nested {
		q.Nested, q.Absmax = nest(q.Absmax), nil
	}
	return q, nil
}

// quantise packs one block and returns its scale, which is NaN or infinite when an element is.
func (r *ranker) quantise(packed []byte, values []float32, last bool) float32 {
	absmax := maxAbs(values)
	if last {
		absmax = max(absmax, smallest)
		for i, v := range values {
			values[i] = v / absmax
		}
	} else {
		inverse := 1 / max(absmax, smallest)
		for i, v := range values {
			values[i] = v * inverse
		}
	}
	for ; len(values) >= 2; values, packed = values[2:], packed[1:] {
		packed[0] = r.code(values[0])<<4 | r.code(values[1])
	}
	if len(values) > 0 {
		packed[0] = r.code(values[0])<<4 | r.code(0)
	}
	return absmax
}

// maxAbs is the largest magnitude, NaN if there is a NaN.
func maxAbs(values []float32) float32 {
	var m uint32
	for _, v := range values {
		m = max(m, math.Float32bits(v)&^(1<<31)) // magnitudes order as integers, NaNs above all
	}
	return math.Float32frombits(m)
}

// ranker finds the value of a table that is nearest to a number of [-1, 1]: it counts the midpoints
// between neighbours that lie below. A bucket holds at most one midpoint, so one comparison decides.
type ranker struct {
	below [buckets]uint8   // midpoints in the buckets below
	bound [buckets]float32 // the midpoint in the bucket, or +Inf
	codes [16]byte         // the code of the n-th value in ascending order
}

// buckets are equal parts of [-1, 1], narrower than the distance of any two midpoints.
const buckets = 1024

// bucket is monotone, which is all that matters of it. x is clamped to [-1, 1], and so is NaN.
func bucket(x float32) int {
	return min(max(int((x+1)*(buckets/2)), 0), buckets-1)
}

func (r *ranker) code(x float32) byte {
	b := bucket(x)
	n := r.below[b]
	if x > r.bound[b] {
		n++
	}
	return r.codes[n]
}

// rankers by format. The order of FP4's two zeros is that of torch.argsort.
var rankers = map[Format]*ranker{
	NF4: newRanker(&valuesNF4, [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}),
	FP4: newRanker(&valuesFP4, [16]byte{11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3}),
}

func newRanker(table *[16]float32, codes [16]byte) *ranker {
	r := &ranker{codes: codes}
	for i := range r.bound {
		r.bound[i] = float32(math.Inf(1))
	}
	for i := range 15 {
		middle := (table[codes[i]] + table[codes[i+1]]) / 2
		b := bucket(middle)
		r.bound[b] = middle
		for j := b + 1; j < buckets; j++ {
			r.below[j]++
		}
	}
	return r
}
