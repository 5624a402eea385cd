package quant

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// onlyBlocks hides that a tensor multiplies by itself.
type onlyBlocks struct{ gemm.Blocks }

// A dotCase is a tensor of arbitrary bytes and the way it is multiplied.
type dotCase struct {
	format     Format
	rows, cols int
	nested     bool
	order      []int
	tame       bool // scales and x neither NaN nor infinite, so that sums say something
}

var dotFormats = []Format{Q8_0, Q4_0, IQ4_NL, Q4_K, Q6_K, NF4, FP4, Int8}

func (c dotCase) tensor(t testing.TB, r *rand.Rand) *Tensor {
	t.Helper()
	bytes := func(n int) []byte {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		return data
	}
	scales := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			if s[i] = anyFloat(byte(r.Uint32())); c.tame {
				s[i] = float32(r.NormFloat64())
			} else if r.IntN(8) == 0 {
				s[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(250)-130))
			}
		}
		return s
	}
	var q *Tensor
	var err error
	n := c.rows * c.cols
	switch c.format {
	case NF4, FP4:
		f := FourBit{Format: c.format, Rows: c.rows, Cols: c.cols, Block: 64, Packed: bytes((n + 1) / 2)}
		if c.nested {
			f.Nested = &Nested{Codes: bytes(ceilDiv(n, 64)), Map: scales(256), Absmax: scales(ceilDiv(n, 64*32)), Block: 32, Offset: 0.5}
		} else {
			f.Absmax = scales(ceilDiv(n, 64))
		}
		q, err = f.Tensor()
	case Int8:
		q, err = RowInt8{Rows: c.rows, Cols: c.cols, Codes: bytes(n), Scale: scales(c.rows)}.Tensor()
	default:
		elements, size, _ := GGUFBlock(c.format)
		data := bytes(n / elements * size)
		for at := 0; c.tame && at < len(data); at += size {
			for _, half := range map[Format][]int{Q6_K: {208}, Q4_K: {0, 2}}[c.format] {
				data[at+half+1] = data[at+half+1]&0x83 | 0x20
			}
			if elements == 32 {
				data[at+1] = data[at+1]&0x83 | 0x20
			}
		}
		q, err = FromGGUF(c.format, c.rows, c.cols, data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.order != nil {
		if q, err = q.Select(c.order); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

// check holds products by the kernels, for every number of rows of x, against those of what is decoded.
func (c dotCase) check(t *testing.T, r *rand.Rand, most int) {
	t.Helper()
	q := c.tensor(t, r)
	n := q.Rows
	more := make([]float32, 16*n)
	for i := range more {
		more[i] = float32(r.NormFloat64())
	}
	for m := 1; m <= most; m++ {
		x, bias := make([]float32, m*q.Cols), make([]float32, n)
		for i := range x {
			if x[i] = float32(r.NormFloat64()); !c.tame && r.IntN(300) == 0 {
				x[i] = anyFloat(byte(r.Uint32()))
			}
		}
		for i := range bias {
			bias[i] = float32(r.NormFloat64())
		}
		// Half of the products continue with another term, as an adapter's: the chains go through both kernels.
		rank := 16 * (m % 2)
		multiply := func(w gemm.Blocks) []float32 {
			y := make([]float32, m*n)
			terms := []gemm.Term{{A: gemm.F32(x, m, q.Cols), B: gemm.Quantised(w, n, q.Cols).T()}}
			if rank > 0 {
				terms = append(terms, gemm.Term{A: gemm.F32(x, m, rank), B: gemm.F32(more[:n*rank], n, rank).T()})
			}
			gemm.Group(gemm.Product{C: y, Stride: n, Bias: bias, Terms: terms})
			return y
		}
		want := multiply(onlyBlocks{q})
		for i, got := range multiply(q) {
			if !sameBits(got, want[i]) {
				t.Fatalf("%v: %+v, %d rows of x: row %d of x, row %d of w is %v, want %v", cpu.Current(), c, m, i/n, i%n, got, want[i])
			}
		}
	}
}

func TestDotsEqualDecoded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, f := range dotFormats {
			t.Run(f.String(), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(f), 7))
				for round := range 12 {
					c := dotCase{format: f, rows: 16 + r.IntN(150), cols: 256 * (1 + r.IntN(3)), nested: r.IntN(2) == 0, tame: round%2 == 0}
					if f != Q4_K && f != Q6_K {
						c.cols = 64 * (1 + r.IntN(9)) // also what is no multiple of a line
					}
					c.check(t, r, 8)
				}
			})
		}
	})
}

// Rows that are selected are multiplied where they lie as long as these are equally far apart.
func TestDotsOfSelectedRows(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, f := range dotFormats {
			r := rand.New(rand.NewPCG(uint64(f), 8))
			const rows = 256
			var rotary, shuffled []int
			for head := range 2 {
				for i := range rows / 2 {
					rotary = append(rotary, head*rows/2+i%(rows/4)*2+i/(rows/4))
				}
			}
			shuffled = r.Perm(rows)
			backward := slices.Clone(rotary)
			slices.Reverse(backward)
			for _, order := range [][]int{rotary, shuffled, backward} {
				dotCase{format: f, rows: rows, cols: 256, order: order, tame: true}.check(t, r, 4)
			}
		}
	})
}

// What the kernels are made for they must be used for, and for nothing else.
func TestLanes(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 9))
		for _, f := range dotFormats {
			q := dotCase{format: f, rows: 64, cols: 256}.tensor(t, r)
			want := map[cpu.Implementation][3]int{cpu.AVX512: {32, 64, 64}, cpu.AVX2: {32, 32, 16}}[cpu.Current()]
			for i, rows := range []int{1, 2, 4} {
				if got := q.Lanes(rows, 0, 256); got != want[i] {
					t.Errorf("%v, %d rows: %d lanes, want %d", f, rows, got, want[i])
				}
			}
			for _, no := range [][3]int{{3, 0, 256}, {1, 64, 192}, {1, 0, 192}, {8, 0, 256}} {
				if got := q.Lanes(no[0], no[1], no[2]); got != 0 {
					t.Errorf("%v, %v: %d lanes", f, no, got)
				}
			}
		}
		for _, f := range []Format{Q5_K, MXFP4, GPTQ} {
			if got := anyTensor(t, f, nil).Lanes(1, 0, 512); got != 0 {
				t.Errorf("%v: %d lanes", f, got)
			}
		}
	})
}

func TestDotsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	r := rand.New(rand.NewPCG(1, 10))
	for _, f := range dotFormats {
		q := dotCase{format: f, rows: 64, cols: 256, nested: true, tame: true}.tensor(t, r)
		x, y := make([]float32, 256), make([]float32, 64)
		multiply := func() { gemm.Gemm(y, 64, gemm.F32(x, 1, 256), gemm.Quantised(q, 64, 256).T(), false) }
		multiply()
		if n := testing.AllocsPerRun(100, multiply); n >= 1 {
			t.Errorf("%v: %v allocations", f, n)
		}
	}
}

func FuzzDotsEqualDecoded(f *testing.F) {
	f.Add(uint8(0), uint64(1), uint8(70), uint8(1), true)
	f.Add(uint8(5), uint64(2), uint8(33), uint8(4), false)
	f.Fuzz(func(t *testing.T, format uint8, seed uint64, rows, cols uint8, tame bool) {
		r := rand.New(rand.NewPCG(seed, 11))
		c := dotCase{format: dotFormats[int(format)%len(dotFormats)], rows: 1 + int(rows), cols: 256 * (1 + int(cols)%4), nested: seed%2 == 0, tame: tame}
		for _, impl := range cpu.Available() {
			func() {
				defer cpu.Use(impl)()
				c.check(t, r, 4)
			}()
		}
	})
}
