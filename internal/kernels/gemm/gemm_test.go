package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// at is element (i, j), widened.
func (m Matrix) at(i, j int) float32 {
	if m.Blocks != nil {
		if m.turned {
			i, j = j, i
		}
		var x [1]float32
		m.Blocks.Decode(x[:], m.row+i, m.col+j)
		return x[0]
	}
	p := i*m.RowStride + j*m.ColStride
	switch m.Type {
	case dtype.BF16:
		return dtype.BF16ToF32(m.U16[p])
	case dtype.F16:
		return dtype.F16ToF32(m.U16[p])
	}
	return m.F32[p]
}

// dense is m widened, row after row.
func (m Matrix) dense() []float32 {
	d := make([]float32, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		for j := range m.Cols {
			d = append(d, m.at(i, j))
		}
	}
	return d
}

// reference is the definition: one chain for each element.
func reference(c []float32, ldc int, a, b Matrix, accumulate bool) {
	k := a.Cols
	rows, columns := a.dense(), b.T().dense()
	for i := range a.Rows {
		row := rows[i*k : (i+1)*k]
		for j := range b.Cols {
			column := columns[j*k : (j+1)*k]
			var acc float32
			if accumulate {
				acc = c[i*ldc+j]
			}
			for p, x := range row {
				acc = fma.FMA32(x, column[p], acc)
			}
			c[i*ldc+j] = acc
		}
	}
}

// firstDifference returns the index of the first element that differs in bits, or -1. All NaN are
// one: which payload survives depends on the processor.
func firstDifference(x, y []float32) int {
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) && (x[i] == x[i] || y[i] == y[i]) {
			return i
		}
	}
	return -1
}

// A filler draws elements of a matrix.
type filler func(r *rand.Rand) float32

func normal(r *rand.Rand) float32 { return float32(r.NormFloat64()) }

// wild draws values of every kind, the special ones often.
func wild(r *rand.Rand) float32 {
	switch r.IntN(12) {
	case 0:
		return float32(math.Inf(1 - 2*r.IntN(2)))
	case 1:
		return float32(math.NaN())
	case 2:
		return float32(math.Copysign(0, -1))
	case 3, 4:
		return float32(r.IntN(2000)-1000) * math.SmallestNonzeroFloat32
	case 5, 6:
		return float32(r.NormFloat64()) * 0x1p-70
	}
	return math.Float32frombits(r.Uint32())
}

// tiny draws values whose products and sums are denormal.
func tiny(r *rand.Rand) float32 { return float32(r.NormFloat64()) * 0x1p-68 }

// A layout is how an operand lies in memory.
type layout struct {
	typ        dtype.Type
	transposed bool
	padding    int  // elements between rows
	offset     int  // elements before the first, which misalign it
	blocks     bool // stored as int8
}

// An int8Rows is a matrix in blocks: each row has int8 elements and one scale.
type int8Rows struct {
	q     []int8
	scale []float32
	cols  int
}

// Decode implements Blocks.
func (m *int8Rows) Decode(dst []float32, row, col int) {
	q := m.q[row*m.cols+col : (row+1)*m.cols][:len(dst)]
	s := m.scale[row]
	for i, x := range q {
		dst[i] = float32(x) * s
	}
}

// quantise makes rows × cols elements in blocks, as a view into a larger matrix.
func (l layout) quantise(r *rand.Rand, rows, cols int, fill filler) Matrix {
	all := &int8Rows{make([]int8, (rows+1)*(cols+l.padding)), make([]float32, rows+1), cols + l.padding}
	for i := range all.q {
		all.q[i] = int8(r.IntN(256) - 128)
	}
	for i := range all.scale {
		all.scale[i] = fill(r)
	}
	return Quantised(all, rows+1, all.cols).Slice(1, rows+1, l.padding, all.cols)
}

func (l layout) String() string {
	s := l.typ.String()
	if l.blocks {
		s = "blocks"
	}
	if l.transposed {
		s += "ᵀ"
	}
	return fmt.Sprintf("%s+%d@%d", s, l.padding, l.offset)
}

func randomLayout(r *rand.Rand) layout {
	return layout{dtype.Type(r.IntN(3)), r.IntN(2) == 0, r.IntN(2) * r.IntN(40), r.IntN(2) * r.IntN(9), r.IntN(4) == 0}
}

// matrix makes a rows × cols matrix whose data ends with its last element, so that whole vectors do
// not always fit.
func (l layout) matrix(r *rand.Rand, rows, cols int, fill filler) Matrix {
	if l.transposed {
		rows, cols = cols, rows
	}
	stride := cols + l.padding
	n := l.offset
	if rows > 0 && cols > 0 {
		n += (rows-1)*stride + cols
	}
	var m Matrix
	if l.blocks {
		m = l.quantise(r, rows, cols, fill)
	} else if l.typ == dtype.F32 {
		data := make([]float32, n)
		for i := range data {
			data[i] = fill(r)
		}
		m = F32Stride(data[l.offset:], rows, cols, stride)
	} else {
		data := make([]uint16, n)
		for i := range data {
			if data[i] = dtype.F32ToBF16(fill(r)); l.typ == dtype.F16 {
				data[i] = dtype.F32ToF16(fill(r))
			}
		}
		m = U16Stride(l.typ, data[l.offset:], rows, cols, stride)
	}
	if l.transposed {
		m = m.T()
	}
	return m
}

// A product is one case: what to multiply and how.
type product struct {
	m, n, k    int
	a, b       layout
	ldc        int
	accumulate bool
	serial     bool
	fill       filler
	seed       uint64
}

func (p product) String() string {
	return fmt.Sprintf("%d×%d×%d a=%v b=%v ldc=%d accumulate=%v serial=%v seed=%d",
		p.m, p.n, p.k, p.a, p.b, p.ldc, p.accumulate, p.serial, p.seed)
}

// check compares the product with the reference, and the memory around C with what it was.
func (p product) check(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(p.seed, 7))
	a, b := p.a.matrix(r, p.m, p.k, p.fill), p.b.matrix(r, p.k, p.n, p.fill)
	const guard = 40
	size := guard + p.m*p.ldc + guard
	got, want := make([]float32, size), make([]float32, size)
	for i := range got {
		got[i] = p.fill(r)
	}
	copy(want, got)
	multiply := Gemm
	if p.serial {
		multiply = Serial
	}
	multiply(got[guard:], p.ldc, a, b, p.accumulate)
	reference(want[guard:], p.ldc, a, b, p.accumulate)
	if i := firstDifference(got, want); i >= 0 {
		i -= guard
		t.Fatalf("%v: C[%d, %d] = %v, want %v", p, i/p.ldc, i%p.ldc, got[i+guard], want[i+guard])
	}
}

var sizes = []int{0, 1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 17, 31, 32, 33, 47, 64, 65, 100}

func TestMatchesReference(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		pick := func() int { return sizes[r.IntN(len(sizes))] }
		fills := []filler{normal, wild, tiny}
		for i := range 2000 {
			p := product{m: pick(), n: pick(), k: pick(), a: randomLayout(r), b: randomLayout(r),
				accumulate: r.IntN(2) == 0, serial: r.IntN(2) == 0, fill: fills[r.IntN(3)], seed: uint64(i)}
			p.ldc = p.n + r.IntN(2)*r.IntN(20)
			if p.ldc == 0 {
				p.ldc = 1
			}
			p.check(t)
		}
	})
}

// Every height and width of micro-kernel with every type and orientation of either operand.
func TestEveryTileShape(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for m := 1; m <= 15; m++ {
			for _, n := range []int{1, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33} {
				for seed := range 36 {
					a := layout{typ: dtype.Type(seed % 3), transposed: seed/3%2 == 1, blocks: seed%7 == 0}
					b := layout{typ: dtype.Type(seed / 6 % 3), transposed: seed/18 == 1, blocks: seed%5 == 0}
					product{m: m, n: n, k: 19, a: a, b: b, ldc: n, serial: true, fill: normal, seed: uint64(seed)}.check(t)
				}
			}
		}
	})
}

// Sizes beyond one tile and one depth, where blocking and parallel loops come in.
func TestBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds with the generic kernels")
	}
	for _, threads := range []int{1, 2} {
		t.Run(fmt.Sprintf("threads=%d", threads), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
			cputest.EachImplementation(t, func(t *testing.T) {
				for seed, p := range []product{
					{m: 600, n: 40, k: 2*depth + 9},
					{m: 1203, n: 17, k: 90, a: layout{padding: 7}}, // this and two more: strips of every fifth row
					{m: 1201, n: 64, k: 70, b: layout{transposed: true}},
					{m: 569, n: 8, k: 2*depth + 9, b: layout{typ: dtype.BF16}},
					{m: 8, n: 1100, k: depth + 16, a: layout{transposed: true}, b: layout{typ: dtype.F16}},
					{m: 600, n: 8, k: depth, b: layout{typ: dtype.BF16, transposed: true}},
					{m: 1, n: 2070, k: depth + 1, b: layout{typ: dtype.BF16, transposed: true}},
					{m: 130, n: 520, k: 64, a: layout{transposed: true}},
					{m: 300, n: 16, k: 2*depth + 3, a: layout{transposed: true}},
					{m: 16, n: 300, k: depth + 3, a: layout{transposed: true}},
					{m: 7, n: 2100, k: depth + 3, b: layout{transposed: true}},
					{m: 29, n: 70, k: 60, a: layout{padding: 1<<14 - 60}, b: layout{transposed: true}},
					{m: 70, n: 530, k: 2*depth + 5, b: layout{blocks: true, transposed: true}},
					{m: 40, n: 300, k: depth + 3, a: layout{blocks: true}, b: layout{blocks: true}},
					{m: 3, n: 300, k: 2*depth + 3, a: layout{blocks: true, transposed: true}, b: layout{blocks: true, transposed: true}},
				} {
					p.seed, p.fill, p.ldc = uint64(seed), normal, p.n+seed
					p.check(t)
					p.accumulate = true
					p.check(t)
				}
			})
		})
	}
}

// The promises of docs/numerics.md: a product over concatenated inner dimensions continues the
// chain, and a row does not depend on how many rows there are.
func TestPromises(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		const m, n, k = 37, 71, 600
		r := rand.New(rand.NewPCG(5, 6))
		a := layout{}.matrix(r, m, k, normal)
		b := layout{typ: dtype.BF16, transposed: true}.matrix(r, k, n, normal)
		whole, parts := make([]float32, m*n), make([]float32, m*n)
		Gemm(whole, n, a, b, false)
		for _, cut := range []int{1, 8, 255, 256, 300, 599} {
			Gemm(parts, n, a.Slice(0, m, 0, cut), b.Slice(0, cut, 0, n), false)
			Gemm(parts, n, a.Slice(0, m, cut, k), b.Slice(cut, k, 0, n), true)
			if i := firstDifference(parts, whole); i >= 0 {
				t.Errorf("cut at %d: C[%d, %d] = %v, want %v", cut, i/n, i%n, parts[i], whole[i])
			}
		}
		for i := range m {
			Gemm(parts, n, a.Slice(i, i+1, 0, k), b, false)
			if j := firstDifference(parts[:n], whole[i*n:(i+1)*n]); j >= 0 {
				t.Errorf("row %d alone: [%d] = %v, want %v", i, j, parts[j], whole[i*n+j])
			}
		}
	})
}

func TestNothingToAdd(t *testing.T) {
	for _, accumulate := range []bool{false, true} {
		c := []float32{1, 2, 9, 3, 4, 9}
		Gemm(c, 3, F32(nil, 2, 0), F32(nil, 0, 2), accumulate)
		want := []float32{0, 0, 9, 0, 0, 9}
		if accumulate {
			want = []float32{1, 2, 9, 3, 4, 9}
		}
		if i := firstDifference(c, want); i >= 0 {
			t.Errorf("accumulate=%v: C is %v, want %v", accumulate, c, want)
		}
	}
	Gemm(nil, 0, F32(nil, 0, 5), F32(make([]float32, 10), 5, 2), false)
	Serial(nil, 0, F32(make([]float32, 10), 2, 5), F32(nil, 5, 0), false)
}

func TestMatrixViews(t *testing.T) {
	data := make([]float32, 12)
	for i := range data {
		data[i] = float32(i)
	}
	m := F32(data, 3, 4)
	if got := m.at(1, 2); got != 6 {
		t.Errorf("(1, 2) is %v", got)
	}
	if got := m.T().at(2, 1); got != 6 {
		t.Errorf("(2, 1) of the transpose is %v", got)
	}
	s := m.T().Slice(1, 3, 1, 3)
	if s.Rows != 2 || s.Cols != 2 || s.at(0, 0) != 5 || s.at(1, 1) != 10 {
		t.Errorf("slice of the transpose is %+v", s)
	}
	if e := m.Slice(3, 3, 4, 4); e.Rows != 0 || e.Cols != 0 {
		t.Errorf("empty slice is %+v", e)
	}
}

func TestRow(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 9))
		for range 200 {
			rows, cols := 1+r.IntN(9), r.IntN(50)
			l := randomLayout(r)
			m := l.matrix(r, rows, cols, normal)
			i, got := r.IntN(rows), make([]float32, r.IntN(cols+1))
			m.Row(got, i)
			if j := firstDifference(got, m.dense()[i*cols:][:len(got)]); j >= 0 {
				t.Fatalf("%v, %d×%d: [%d, %d] is %v, want %v", l, rows, cols, i, j, got[j], m.at(i, j))
			}
		}
	})
}

func TestBadShapesPanic(t *testing.T) {
	x := make([]float32, 12)
	for name, f := range map[string]func(){
		"inner":      func() { Gemm(x, 3, F32(x, 3, 4), F32(x, 3, 4), false) },
		"short A":    func() { Gemm(x, 3, F32(x[:11], 3, 4), F32(x, 4, 3), false) },
		"short U16":  func() { Gemm(x, 3, F32(x, 3, 4), U16(dtype.F16, make([]uint16, 11), 4, 3), false) },
		"short C":    func() { Serial(x[:8], 3, F32(x, 3, 4), F32(x, 4, 3), false) },
		"narrow C":   func() { Serial(x, 2, F32(x, 3, 4), F32(x, 4, 3), false) },
		"no terms":   func() { Group(Product{C: x, Stride: 3}) },
		"short plus": func() { Group(Product{C: x, Stride: 3, Terms: []Term{{F32(x, 3, 4), F32(x, 4, 3)}}, Plus: x[:8]}) },
		"short bias": func() { Group(Product{C: x, Stride: 3, Terms: []Term{{F32(x, 3, 4), F32(x, 4, 3)}}, Bias: x[:2]}) },
		"two shapes": func() {
			Group(Product{C: x, Stride: 3, Terms: []Term{{F32(x, 3, 4), F32(x, 4, 3)}, {F32(x, 3, 4), F32(x, 4, 2)}}})
		},
		"negative":   func() { Gemm(x, 3, F32(x, -3, 4), F32(x, 4, 3), false) },
		"type":       func() { Gemm(x, 3, Matrix{Type: 7, Rows: 1, Cols: 1}, F32(x, 1, 3), false) },
		"slice":      func() { F32(x, 3, 4).Slice(0, 4, 0, 4) },
		"no row":     func() { F32(x, 3, 4).Row(x, 3) },
		"long row":   func() { F32(x, 3, 4).Row(x[:5], 1) },
		"slice down": func() { F32(x, 3, 4).Slice(2, 1, 0, 4) },
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

func TestCallsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	cputest.EachImplementation(t, func(t *testing.T) {
		a, b, c := F32(make([]float32, 20*30), 20, 30), F32(make([]float32, 30*50), 50, 30).T(), make([]float32, 20*50)
		large := F32(make([]float32, 130*130), 130, 130)
		out := make([]float32, 130*130)
		products := []Product{{C: out, Stride: 130, Terms: []Term{{large, large}, {large, large.T()}}}}
		for name, f := range map[string]func(){
			"Serial":         func() { Serial(c, 50, a, b, false) },
			"Gemm":           func() { Gemm(c, 50, a, b, false) },
			"Gemm, parallel": func() { Gemm(out, 130, large, large, false) },
			"Group":          func() { Group(products...) },
		} {
			if n := testing.AllocsPerRun(50, f); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}

// A Group equals its products one by one, from a bias, from C or from nothing, over several terms.
func TestGroup(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for round := range 150 {
			var products []Product
			var want [][]float32
			for range 1 + r.IntN(3) {
				o, c := randomProduct(r)
				products, want = append(products, o), append(want, c)
			}
			Group(products...)
			for i, o := range products {
				if at := firstDifference(o.C, want[i]); at >= 0 {
					t.Fatalf("round %d, product %d: %d×%d, %d terms, bias %v, accumulate %v, scale %v, plus %v: C[%d, %d] = %v, want %v",
						round, i, o.Terms[0].A.Rows, o.Terms[0].B.Cols, len(o.Terms), o.Bias != nil, o.Accumulate, o.Scale, o.Plus != nil,
						at/o.Stride, at%o.Stride, o.C[at], want[i][at])
				}
			}
		}
	})
}

// Terms that end within a block of B, begin in one, or lie in it whole.
func TestTermsAcrossBlocks(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, c := range []struct {
			m, n    int
			depths  []int
			a, b    layout
			scale   float32
			blended bool // start from C
		}{
			{m: 70, n: 530, depths: []int{2*depth + 90, 7, 200}, b: layout{transposed: true}, scale: 0.5},
			{m: 70, n: 530, depths: []int{1, 2*depth + 3, 300}, blended: true},
			{m: 20, n: 300, depths: []int{100, 3, depth + 60}, scale: -3, blended: true},             // in place
			{m: 300, n: 20, depths: []int{90, depth, 5}, a: layout{transposed: true}, blended: true}, // turned
			{m: 1203, n: 33, depths: []int{depth + 90, 7, 300}, scale: 0.5},                          // strips of every fifth row
			{m: 9, n: 70, depths: []int{depth + 9, 40}, b: layout{typ: dtype.BF16, transposed: true}},
		} {
			r := rand.New(rand.NewPCG(13, uint64(c.m)))
			o := Product{C: make([]float32, c.m*c.n), Stride: c.n, Accumulate: c.blended, Scale: c.scale}
			for i := range o.C {
				o.C[i] = normal(r)
			}
			want := append([]float32(nil), o.C...)
			for i, k := range c.depths {
				term := Term{c.a.matrix(r, c.m, k, normal), c.b.matrix(r, k, c.n, normal)}
				o.Terms = append(o.Terms, term)
				reference(want, c.n, term.A, term.B, c.blended || i > 0)
			}
			if c.scale != 0 {
				for i := range want {
					want[i] *= c.scale
				}
			}
			o.Plus = make([]float32, len(want))
			for i := range want {
				o.Plus[i] = normal(r)
				want[i] += o.Plus[i]
			}
			Group(o)
			if i := firstDifference(o.C, want); i >= 0 {
				t.Errorf("%d×%d over %v: C[%d, %d] = %v, want %v", c.m, c.n, c.depths, i/c.n, i%c.n, o.C[i], want[i])
			}
		}
	})
}

// randomProduct makes a product and what its C will be.
func randomProduct(r *rand.Rand) (o Product, want []float32) {
	pick := func() int { return sizes[r.IntN(len(sizes))] }
	m, n := pick(), pick()
	o = Product{Stride: n + r.IntN(4), Accumulate: r.IntN(3) == 0}
	o.C = make([]float32, m*o.Stride)
	for i := range o.C {
		o.C[i] = normal(r)
	}
	want = append(want, o.C...)
	if !o.Accumulate && r.IntN(2) == 0 {
		o.Bias = make([]float32, n)
		for i := range o.Bias {
			o.Bias[i] = normal(r)
		}
		for i := range m {
			copy(want[i*o.Stride:], o.Bias)
		}
	}
	for i := range 1 + r.IntN(3) {
		k := pick()
		t := Term{randomLayout(r).matrix(r, m, k, normal), randomLayout(r).matrix(r, k, n, normal)}
		o.Terms = append(o.Terms, t)
		reference(want, o.Stride, t.A, t.B, o.Accumulate || o.Bias != nil || i > 0)
	}
	if o.Scale = []float32{0, 1, 0.3, -2}[r.IntN(4)]; o.Scale != 0 {
		for i := range m {
			for j := range n {
				want[i*o.Stride+j] *= o.Scale
			}
		}
	}
	if r.IntN(2) == 0 {
		o.Plus = make([]float32, len(o.C))
		for i := range o.Plus {
			o.Plus[i] = normal(r)
		}
		for i := range m {
			for j := i * o.Stride; j < i*o.Stride+n; j++ {
				want[j] += o.Plus[j]
			}
		}
	}
	return o, want
}

func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(7), uint8(33), uint8(20))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k uint8) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := product{m: int(m % 64), n: int(n % 80), k: int(k % 64), a: randomLayout(r), b: randomLayout(r), ldc: int(n) + 1,
			accumulate: seed&1 == 0, serial: seed&2 == 0, fill: wild, seed: seed}
		cputest.EachImplementation(t, p.check)
	})
}
