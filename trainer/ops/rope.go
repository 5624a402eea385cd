package ops

import (
	"sort"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// RopeConfig describes rotary positions (Su et al., arXiv:2104.09864).
type RopeConfig struct {
	HeadDim     int     // elements of a head; those beyond twice the number of frequencies stay as they are
	Scale       float64 // factor on cosines and sines: YaRN's and longrope's attention factor
	Interleaved bool    // the points are neighbours (GLM 4) instead of elements i and i + half

	// Frequencies returns the inverse frequencies of sequences of a length.
	Frequencies func(length int) []float64
	// Class maps lengths to a number that is the same for all that have the same frequencies. Nil
	// means that all have: then length is 0.
	Class func(length int) int
	// Restart means that a sequence that grows into another class is computed from its start.
	// Otherwise earlier keys stay as they were turned.
	Restart bool
	// QueryScale multiplies the queries of a position; nil means 1.
	QueryScale func(position int) float32
}

// Rope turns queries and keys by their positions. Its tables grow with the positions asked for.
//
// Angles are float32 products as in PyTorch, so that long positions round alike; their cosines and
// sines are computed in float64 and rounded once.
type Rope struct {
	cfg    RopeConfig
	scales []float32 // of queries, by position
	tables map[int]*ropeTable
}

// ropeTable is the angles of one class of lengths.
type ropeTable struct {
	freq     []float32 // (half)
	cos, sin []float32 // (positions, half)
}

// maxRopeTables bounds the memory for lengths that each have a table of their own (dynamic).
const maxRopeTables = 8

// NewRope returns one whose tables are empty.
func NewRope(cfg RopeConfig) *Rope { return &Rope{cfg: cfg, tables: make(map[int]*ropeTable)} }

// Class returns a number that is the same for lengths that are turned alike.
func (r *Rope) Class(length int) int {
	if r.cfg.Class == nil {
		return 0
	}
	return r.cfg.Class(length)
}

// Restarts reports whether a sequence that grows from one length to another must be computed from
// its start.
func (r *Rope) Restarts(from, to int) bool { return r.cfg.Restart && r.Class(from) != r.Class(to) }

// Grow makes sure that the tables for sequences of a length reach to its end. It must not run
// beside readers.
func (r *Rope) Grow(length int) { r.table(length) }

// table returns the angles for sequences of a length.
func (r *Rope) table(length int) *ropeTable {
	class := r.Class(length)
	t := r.tables[class]
	if t == nil {
		if len(r.tables) >= maxRopeTables {
			clear(r.tables)
		}
		t = new(ropeTable)
		for _, f := range r.cfg.Frequencies(length) {
			t.freq = append(t.freq, float32(f))
		}
		r.tables[class] = t
	}
	t.grow(length, float32(r.cfg.Scale))
	if f := r.cfg.QueryScale; f != nil {
		for pos := len(r.scales); pos < length; pos++ {
			r.scales = append(r.scales, f(pos))
		}
	}
	return t
}

func (t *ropeTable) grow(n int, scale float32) {
	for pos := len(t.cos) / max(len(t.freq), 1); pos < n; pos++ {
		for _, f := range t.freq {
			sin, cos := vec.SinCos64(float64(float32(pos) * f))
			t.cos = append(t.cos, float32(cos)*scale)
			t.sin = append(t.sin, float32(sin)*scale)
		}
	}
}

// rotate turns the first queries+keys columns of each row, consecutive heads; inverse turns them
// back, as their gradients are turned.
func (r *Rope) rotate(x []float32, stride, queries, keys int, layout Layout, inverse bool) {
	tables := make([]*ropeTable, len(layout.Segments))
	for i, s := range layout.Segments {
		tables[i] = r.table(s.K1 - s.K0)
	}
	parallel.For(len(layout.Positions), rowGrain(queries+keys), func(lo, hi int) {
		turn := r.turn(inverse, len(tables[0].freq))
		i := segmentOf(layout.Segments, lo)
		for row := lo; row < hi; row++ {
			for row >= layout.Segments[i].Q1 {
				i++
			}
			pos, half := int(layout.Positions[row]), len(tables[i].freq)
			turn(x[row*stride:row*stride+queries+keys], tables[i].cos[pos*half:(pos+1)*half], tables[i].sin[pos*half:(pos+1)*half])
			if r.scales != nil {
				q := x[row*stride : row*stride+queries]
				vec.Scale(q, q, r.scales[pos])
			}
		}
	})
}

// turn is the kernel for rows, with scratch of its own.
func (r *Rope) turn(inverse bool, half int) func(row, cos, sin []float32) {
	dim := r.cfg.HeadDim
	if !r.cfg.Interleaved {
		kernel := vec.RoPE
		if inverse {
			kernel = vec.RoPEBackward
		}
		return func(row, cos, sin []float32) { kernel(row, cos, sin, dim) }
	}
	kernel, scratch := vec.RoPEInterleaved, make([]float32, 2*half)
	if inverse {
		kernel = vec.RoPEInterleavedBackward
	}
	return func(row, cos, sin []float32) { kernel(row, cos, sin, dim, scratch) }
}

// segmentOf returns the segment that holds a row. Segments lie end to end.
func segmentOf(segments []attention.Segment, row int) int {
	return sort.Search(len(segments), func(i int) bool { return segments[i].Q1 > row })
}
