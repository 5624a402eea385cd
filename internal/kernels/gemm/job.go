package gemm

import (
	"fmt"
	"sync"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// A job is one call. It is used again, so that calls allocate nothing once memory has grown.
type job struct {
	impl  cpu.Implementation
	plans []plan
	tiles int
	body  func(lo, hi int) // computes tiles of all plans, counted through
	one   Product
	term  [1]Term
}

var jobs = sync.Pool{New: func() any {
	j := new(job)
	j.body = j.compute
	return j
}}

func (j *job) release() {
	for i := range j.plans {
		j.plans[i].forget()
	}
	j.plans, j.tiles, j.one, j.term = j.plans[:0], 0, Product{}, [1]Term{}
	jobs.Put(j)
}

func (j *job) addOne(c []float32, ldc int, a, b Matrix, accumulate bool) {
	j.term[0] = Term{a, b}
	j.one = Product{C: c, Stride: ldc, Terms: j.term[:], Accumulate: accumulate}
	j.add(&j.one)
}

// add plans a product, unless it has nothing to add and is complete at once.
func (j *job) add(o *Product) {
	if o.settle() {
		return
	}
	j.impl = cpu.Current()
	if len(j.plans) < cap(j.plans) {
		j.plans = j.plans[:len(j.plans)+1]
	} else {
		j.plans = append(j.plans, plan{})
	}
	j.plans[len(j.plans)-1].setUp(j.impl, o)
}

// run computes the products, by other goroutines too when there is enough to do.
func (j *job) run() {
	work, serial := 0, 0
	for i := range j.plans {
		work += j.plans[i].work()
		serial = j.plans[i].serialBelow
	}
	workers := parallel.Workers()
	if work < serial {
		workers = 1
	}
	j.split(workers, work)
	if workers == 1 {
		j.body(0, j.tiles)
		return
	}
	parallel.For(j.tiles, 1, j.body)
}

func (j *job) split(workers, work int) {
	for i := range j.plans {
		j.plans[i].split(workers, work)
		j.tiles += j.plans[i].tiles()
	}
}

// compute computes tiles lo to hi.
func (j *job) compute(lo, hi int) {
	w := workspaces.Get().(*workspace)
	defer w.release()
	for i := range j.plans {
		n := j.plans[i].tiles()
		for t := max(lo, 0); t < min(hi, n); t++ {
			j.plans[i].tile(w, t)
		}
		lo, hi = lo-n, hi-n
	}
}

func (w *workspace) release() {
	w.strip = strip{}
	clear(w.a.list)
	for i := range w.segments {
		g := &w.segments[i]
		g.t = nil
		clear(g.b.list)
	}
	workspaces.Put(w)
}

// settle checks the shapes and completes a product that has nothing to add.
func (o *Product) settle() (done bool) {
	if len(o.Terms) == 0 {
		panic("gemm: a product without terms")
	}
	m, n, k := o.Terms[0].A.Rows, o.Terms[0].B.Cols, 0
	for i := range o.Terms {
		a, b := &o.Terms[i].A, &o.Terms[i].B
		a.mustFit("A")
		b.mustFit("B")
		if b.Rows != a.Cols || a.Rows != m || b.Cols != n {
			panic(fmt.Sprintf("gemm: A is %d×%d but B is %d×%d, for a C of %d×%d", a.Rows, a.Cols, b.Rows, b.Cols, m, n))
		}
		k += a.Cols
	}
	if m == 0 || n == 0 {
		return true
	}
	if o.Stride < n || len(o.C) < (m-1)*o.Stride+n {
		panic(fmt.Sprintf("gemm: C is %d×%d but has %d elements in rows of %d", m, n, len(o.C), o.Stride))
	}
	if o.Bias != nil && (len(o.Bias) != n || o.Accumulate) {
		panic(fmt.Sprintf("gemm: a bias of %d for %d columns, accumulate %v", len(o.Bias), n, o.Accumulate))
	}
	if o.Plus != nil && len(o.Plus) < (m-1)*o.Stride+n {
		panic(fmt.Sprintf("gemm: %d elements to add to a C of %d×%d in rows of %d", len(o.Plus), m, n, o.Stride))
	}
	if k > 0 {
		return false
	}
	for i := range m {
		c := o.C[i*o.Stride : i*o.Stride+n]
		o.settleRow(c)
		if o.Plus != nil {
			vec.Add(c, c, o.Plus[i*o.Stride:i*o.Stride+n])
		}
	}
	return true
}

// settleRow is a row of C with nothing added.
func (o *Product) settleRow(c []float32) {
	switch {
	case o.Bias != nil:
		copy(c, o.Bias)
	case !o.Accumulate:
		clear(c)
	}
	if o.Scale != 0 {
		for i := range c {
			c[i] *= o.Scale
		}
	}
}
