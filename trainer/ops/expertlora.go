package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// StackedLoRA is the low-rank update of one matrix of every expert, W_e + Scaling·B_e·A_e. The factors
// of all experts are two parameters, so that a layer of many experts has few nodes. PEFT's file holds B
// with its columns by rank, then expert; here each expert's is one piece of memory.
type StackedLoRA struct {
	A       *Weight // (experts·r, in): rows e·r to (e+1)·r are A_e
	B       *Weight // (experts·out, r): rows e·out to (e+1)·out are B_e
	Scaling float32
}

func (l *StackedLoRA) rank() int { return l.B.Cols }

// a is A_e, (r, in).
func (l *StackedLoRA) a(e int) gemm.Matrix {
	r := l.rank()
	return l.A.matrix().Slice(e*r, (e+1)*r, 0, l.A.Cols)
}

// rows are the rows first, first+every, … of B_e, n of them.
func (l *StackedLoRA) rows(e int, s stripe) gemm.Matrix {
	r := l.rank()
	at := e*l.out() + s.first
	return gemm.F32Stride(l.B.param.Value[at*r:], s.n, r, s.every*r)
}

func (l *StackedLoRA) out() int { return l.B.Rows * l.rank() / l.A.Rows }

// stripe is which of an expert's outputs a matrix computes: n of them from first on, every so many apart.
type stripe struct{ first, every, n int }

// stripes says which outputs of gate and up belong to the matrices in an expert's GateUp.
func (m *Mixture) stripes(e Expert) []stripe {
	list := make([]stripe, len(e.GateUp))
	first := 0
	for i, w := range e.GateUp {
		list[i] = stripe{first, 1, w.Weight.Rows}
		first += w.Weight.Rows
		if m.Interleaved {
			list[i].first, list[i].every = i, len(e.GateUp)
		}
	}
	return list
}

// factors lists the trainable weights of a mixture.
func (m *Mixture) factors() (list []*Weight) {
	for _, l := range []*StackedLoRA{m.RouterLoRA, m.GateUpLoRA, m.DownLoRA} {
		if l != nil {
			list = append(list, l.A, l.B)
		}
	}
	return list
}

// handOn makes nodes of the gradients of the factors, which dx has added up when it is computed: both
// read the same gathered rows.
func (o *mixture) handOn(grads gorgonia.Nodes, dx *gorgonia.Node) gorgonia.Nodes {
	b := o.run.builder
	for _, w := range o.m.factors() {
		grads = append(grads, b.handOut(w, dx))
	}
	return grads
}

// lowRank is what a mixture's update adds between the products with the experts' own matrices: for
// every pair a row of r.
type lowRank struct {
	*StackedLoRA // nil where nothing is attached
	r            *routes
	down         []float32 // (pairs, r) Scaling·x·A_eᵀ
	up           []float32 // (pairs, r) Scaling·dy·B_e, in the backward pass
}

// all are the routes of tokens to a single matrix.
func all(rows int) *routes { return &routes{topK: 1, first: []int{0, rows}} }

// newLowRank takes memory for the rows of pairs of all tokens.
func (o *mixture) newLowRank(l *StackedLoRA, r *routes, rows int, backward bool) *lowRank {
	p := &lowRank{StackedLoRA: l, r: r}
	if l == nil {
		return p
	}
	p.down = o.run.arena.matrix(rows, r.topK*l.rank()).Float32s()
	if backward {
		p.up = o.run.arena.matrix(rows, r.topK*l.rank()).Float32s()
	}
	return p
}

// of is the rows of pairs in x, which has one of the rank for each.
func (p *lowRank) of(x []float32, from, n int) gemm.Matrix {
	return gemm.F32(x[from*p.rank():], n, p.rank())
}

// computeDown computes down of the inputs x.
func (p *lowRank) computeDown(x []float32) {
	if p.StackedLoRA == nil {
		return
	}
	var products []gemm.Product
	in := p.A.Cols
	p.r.each(func(e, from, n int) {
		products = append(products, gemm.Product{
			C: p.down[from*p.rank():], Stride: p.rank(), Scale: p.Scaling,
			Terms: []gemm.Term{{A: gemm.F32(x[from*in:], n, in), B: p.a(e).T()}},
		})
	})
	gemm.Group(products...)
}

// computeUp computes up of the gradients dy of the outputs, (pairs, stride), whose columns are those
// of the stripes one after the other.
func (p *lowRank) computeUp(dy []float32, stride int, stripes []stripe) {
	if p.StackedLoRA == nil {
		return
	}
	var products []gemm.Product
	p.r.each(func(e, from, n int) {
		product := gemm.Product{C: p.up[from*p.rank():], Stride: p.rank(), Scale: p.Scaling}
		col := from * stride
		for _, s := range stripes {
			product.Terms = append(product.Terms, gemm.Term{A: gemm.F32Stride(dy[col:], n, s.n, stride), B: p.rows(e, s)})
			col += s.n
		}
		products = append(products, product)
	})
	gemm.Group(products...)
}

// forward adds the update's term to the product of an expert's stripe of outputs.
func (p *lowRank) forward(product gemm.Product, e, from, n int, s stripe) gemm.Product {
	if p.StackedLoRA != nil {
		product.Terms = append(product.Terms, gemm.Term{A: p.of(p.down, from, n), B: p.rows(e, s).T()})
	}
	return product
}

// backward adds the update's term to the product that is the gradient of an expert's inputs.
func (p *lowRank) backward(product gemm.Product, e, from, n int) gemm.Product {
	if p.StackedLoRA != nil {
		product.Terms = append(product.Terms, gemm.Term{A: p.of(p.up, from, n), B: p.a(e)})
	}
	return product
}

// weigh multiplies down and up by what the pair's expert counts for its token.
func (p *lowRank) weigh() {
	if p.StackedLoRA == nil {
		return
	}
	n := p.rank()
	parallel.For(len(p.r.share), rowGrain(n), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for _, x := range [][]float32{p.down[i*n : (i+1)*n], p.up[i*n : (i+1)*n]} {
				vec.Scale(x, x, p.r.share[i])
			}
		}
	})
}

// accumulate adds the gradients of the factors: dyᵀ·down to that of B_e, stripe by stripe, and upᵀ·x to
// that of A_e, each a chain over the expert's tokens in ascending order.
func (p *lowRank) accumulate(x, dy []float32, stride int, stripes []stripe) {
	if p.StackedLoRA == nil {
		return
	}
	var products []gemm.Product
	r, in := p.rank(), p.A.Cols
	p.r.each(func(e, from, n int) {
		products = append(products, gemm.Product{
			C: p.A.param.Grad[e*r*in:], Stride: in, Accumulate: true,
			Terms: []gemm.Term{{A: p.of(p.up, from, n).T(), B: gemm.F32(x[from*in:], n, in)}},
		})
		col := from * stride
		for _, s := range stripes {
			products = append(products, gemm.Product{
				C: p.B.param.Grad[(e*p.out()+s.first)*r:], Stride: s.every * r, Accumulate: true,
				Terms: []gemm.Term{{A: gemm.F32Stride(dy[col:], n, s.n, stride).T(), B: p.of(p.down, from, n)}},
			})
			col += s.n
		}
	})
	gemm.Group(products...)
}
