package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// bands are those of a whole block, of a causal mask that begins, goes through and ends in it, and of
// windows, for a number of rows each.
var bands = []struct {
	band Band
	rows int
}{
	{Band{-1000, 1000}, 5}, {Band{-1 << 40, 1}, 64}, {Band{-70, 1}, 64}, {Band{-100, 30}, 70}, {Band{-9, 64}, 9}, {Band{-5, 63}, 3},
	{Band{0, 64}, 64}, {Band{1, 65}, 63}, {Band{-30, -10 + 11}, 90}, {Band{-7, 1}, 71}, {Band{63, 64}, 1}, {Band{0, 1}, 1}, {Band{-20, 20}, 80},
	{Band{0, 1}, 64},
}

// Each implementation must compute the bits of the composition of reference kernels, with special values
// anywhere, and must write nowhere else.
func TestSoftmaxBlocksAgree(t *testing.T) {
	for _, impl := range cpu.Available() {
		k := kernelsFor(impl)
		for i, tc := range bands {
			for trial := range 8 {
				t.Run(fmt.Sprintf("%s/%v/%d", impl, tc, trial), func(t *testing.T) {
					want, got := newBlocks(uint64(8*i+trial), tc.rows, trial), newBlocks(uint64(8*i+trial), tc.rows, trial)
					band := tc.band.fit("test", tc.rows)
					want.run(&generic, band)
					got.run(k, band)
					for j := range want {
						for at, w := range want[j] {
							if !same(got[j][at], w) {
								t.Fatalf("slice %d [%d] = %x, want %x", j, at, got[j][at], w)
							}
						}
					}
				})
			}
		}
	}
}

// blocks are scores, then values of rows, and scores and their gradients: each with a margin behind.
type blocks [8][]float32

func newBlocks(seed uint64, rows, trial int) *blocks {
	var b blocks
	r := rand.New(rand.NewPCG(seed, 3))
	for i := range b {
		n := rows
		if i == 0 || i > 5 {
			n *= SoftmaxWidth
		}
		b[i] = values(seed+uint64(i)<<32, n+9)
		if trial > 2 { // now and then, so that most rows remain finite
			special := wild(seed+uint64(i)<<32, n+9)
			for j := range b[i] {
				if r.IntN(2*SoftmaxWidth) < trial {
					b[i][j] = special[j]
				}
			}
		}
	}
	switch trial {
	case 1: // the first block
		for i := range rows {
			b[1][i] = float32(math.Inf(-1))
		}
	case 2: // nothing but masked before and now
		for i := range rows {
			b[1][i] = float32(math.Inf(-1))
			for j := range SoftmaxWidth {
				b[0][i*SoftmaxWidth+j] = float32(math.Inf(-1))
			}
		}
	}
	return &b
}

func (b *blocks) run(k *kernels, band Band) {
	rows := len(b[1]) - 9
	matrix := func(i int) []float32 { return b[i][:rows*SoftmaxWidth] }
	k.runSoftmaxBlock(matrix(0), b[1][:rows], b[2][:rows], b[3][:rows], band, 0.3)
	k.runSoftmaxBlockBackward(matrix(6), matrix(7), b[4][:rows], b[5][:rows], band, 0.3, 0.7)
}

// The definition of a running softmax: whatever the blocks, numerators over their sum are a softmax of all
// scores.
func TestRunningSoftmaxAgainstFloat64(t *testing.T) {
	const rows, blocks, scale = 3, 4, 0.5
	run := RunningSoftmax{make([]float32, rows), make([]float32, rows), make([]float32, rows), make([]float32, rows)}
	for i := range run.Max {
		run.Max[i] = float32(math.Inf(-1))
	}
	var sums [rows]float64
	for at := range blocks {
		scores := values(uint64(at), rows*SoftmaxWidth)
		band := Band{-rows, SoftmaxWidth}
		if at == blocks-1 {
			band = Band{-rows, 10} // row i has 10 + i scores here
		}
		for i := range rows {
			_, hi := band.of(i)
			for _, s := range scores[i*SoftmaxWidth:][:hi] {
				sums[i] += math.Exp(float64(s) * scale)
			}
		}
		run.Block(scores, band, scale)
		for i := range rows {
			_, hi := band.of(i)
			if got := scores[i*SoftmaxWidth:][hi:SoftmaxWidth]; len(got) > 0 && SumSquares(got) != 0 {
				t.Errorf("row %d has weights %v beyond the band", i, got)
			}
		}
	}
	for i, want := range sums {
		if got := float64(run.Sum[i]) * math.Exp(float64(run.Max[i])); !(math.Abs(got-want) <= 1e-5*want) {
			t.Errorf("row %d: sum %g, want %g", i, got, want)
		}
	}
}

func TestBandsThatLeaveARowEmptyArePanics(t *testing.T) {
	for _, tc := range []struct {
		band Band
		rows int
	}{{Band{0, 0}, 1}, {Band{-5, 0}, 3}, {Band{3, 2}, 1}, {Band{60, 70}, 5}, {Band{64, 65}, 1}} {
		x, y := make([]float32, tc.rows*SoftmaxWidth), make([]float32, tc.rows)
		for name, f := range map[string]func(){
			"forward":  func() { RunningSoftmax{y, y, y, y}.Block(x, tc.band, 1) },
			"backward": func() { SoftmaxBlockBackward(x, x, y, y, tc.band, 1, 1) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s %+v over %d rows: no panic", name, tc.band, tc.rows)
					}
				}()
				f()
			}()
		}
	}
}

func TestScaleRows(t *testing.T) {
	for _, impl := range cpu.Available() {
		k := kernelsFor(impl)
		for _, rows := range []int{0, 1, 5} {
			for dim := range 70 {
				x, s := wild(uint64(dim), rows*dim+9), values(uint64(rows), rows)
				if rows > 3 {
					s[1], s[2], s[3] = 1, float32(math.NaN()), 0
				}
				want := append([]float32(nil), x...)
				for i, f := range s {
					for j := range dim {
						want[i*dim+j] *= f
					}
				}
				k.runScaleRows(x[:rows*dim], dim, s)
				for i, w := range want {
					if !same(x[i], w) {
						t.Fatalf("%s: %d rows of %d: [%d] = %x, want %x", impl, rows, dim, i, x[i], w)
					}
				}
			}
		}
	}
}

func TestDivideRows(t *testing.T) {
	for _, impl := range cpu.Available() {
		k := kernelsFor(impl)
		for _, rows := range []int{0, 1, 5} {
			for dim := range 70 {
				stride := dim + rows
				x, s, got := wild(uint64(dim), rows*dim), values(uint64(rows), rows), values(1, rows*stride+9)
				if rows > 3 {
					s[1], s[2], s[3] = 1, float32(math.NaN()), 0
				}
				want := append([]float32(nil), got...)
				for i, f := range s {
					for j := range dim {
						want[i*stride+j] = fma.FMA32(x[i*dim+j], 1/f, 0)
					}
				}
				k.runDivideRows(got, stride, x, dim, s)
				for i, w := range want {
					if !same(got[i], w) {
						t.Fatalf("%s: %d rows of %d: [%d] = %x, want %x", impl, rows, dim, i, got[i], w)
					}
				}
			}
		}
	}
}

func TestDotRows(t *testing.T) {
	for _, impl := range cpu.Available() {
		k := kernelsFor(impl)
		for _, rows := range []int{0, 1, 5} {
			for dim := range 70 {
				strideX, strideY := dim+rows, dim
				x, y := wild(uint64(dim), rows*strideX), values(uint64(dim), rows*strideY)
				got := values(1, rows+9)
				want := append([]float32(nil), got...)
				for i := range rows {
					want[i] = dotGeneric(x[i*strideX:][:dim], y[i*strideY:][:dim])
				}
				k.runDotRows(got[:rows], x, y, strideX, strideY, dim)
				for i, w := range want {
					if !same(got[i], w) {
						t.Fatalf("%s: %d rows of %d: [%d] = %x, want %x", impl, rows, dim, i, got[i], w)
					}
				}
			}
		}
	}
}

func TestRowsThatDoNotFitArePanics(t *testing.T) {
	x, s := make([]float32, 12), make([]float32, 3)
	for name, f := range map[string]func(){
		"divide, stride":     func() { DivideRows(make([]float32, 12), 3, x, s) },
		"divide, short":      func() { DivideRows(make([]float32, 13), 5, x, s) },
		"divide, uneven":     func() { DivideRows(make([]float32, 20), 5, x[:11], s) },
		"divide, no divisor": func() { DivideRows(make([]float32, 20), 5, x, nil) },
		"dot, short x":       func() { DotRows(s, x[:11], make([]float32, 20), 4, 5, 4) },
		"dot, short y":       func() { DotRows(s, x, make([]float32, 13), 4, 5, 4) },
		"dot, backwards":     func() { DotRows(s, x, x, 4, -1, 4) },
		"dot, negative":      func() { DotRows(s, x, x, 4, 4, -1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// The float64 in vectors must be that of Log for any exponent and on either side of √½, where it changes.
func TestLogsOfAllMagnitudes(t *testing.T) {
	var x []float32
	for bits := uint32(0); bits < 1<<32-9973; bits += 9973 {
		x = append(x, math.Float32frombits(bits))
	}
	for exponent := range uint32(255) {
		for d := range uint32(9) {
			x = append(x, math.Float32frombits(exponent<<23|0x3504f3-4+d))
		}
	}
	want := make([]float32, len(x))
	logGeneric(want, x)
	for _, impl := range cpu.Available()[1:] {
		got := make([]float32, len(x))
		kernelsFor(impl).log(got, x)
		for i, w := range want {
			if !same(got[i], w) {
				t.Fatalf("%s: log(%x) = %x, want %x", impl, x[i], got[i], w)
			}
		}
	}
}
