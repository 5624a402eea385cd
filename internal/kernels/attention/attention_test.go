package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// problem is one call with all its tensors. They have strides and offsets of their own, as slices
// of fused buffers do.
type problem struct {
	Config
	segs                           []Segment
	q, k, v, out, dout, dq, dk, dv Heads
	lse                            []float32
}

func newProblem(seed uint64, c Config, segs []Segment) *problem {
	r := rand.New(rand.NewPCG(seed, 7))
	queries, keys := rows(segs)
	// q, k, v and their gradients share a buffer when they have the same number of rows.
	width := (c.Heads + 2*c.KVHeads) * c.HeadDim
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	p := &problem{Config: c, segs: segs}
	fused := fill(max(queries, keys) * width)
	grads := fill(max(queries, keys) * width)
	kAt, vAt := c.Heads*c.HeadDim, (c.Heads+c.KVHeads)*c.HeadDim
	p.q, p.k, p.v = Heads{fused, width}, Heads{fused[kAt:], width}, Heads{fused[vAt:], width}
	p.dq, p.dk, p.dv = Heads{grads, width}, Heads{grads[kAt:], width}, Heads{grads[vAt:], width}
	p.out = Heads{fill(queries * (c.Heads*c.HeadDim + 3)), c.Heads*c.HeadDim + 3}
	p.dout = Heads{fill(queries * c.Heads * c.HeadDim), c.Heads * c.HeadDim}
	p.lse = make([]float32, queries*c.Heads)
	return p
}

func (p *problem) forward() { Forward(p.out, p.lse, p.q, p.k, p.v, p.segs, p.Config) }
func (p *problem) backward() {
	Backward(p.dq, p.dk, p.dv, p.dout, p.out, p.lse, p.q, p.k, p.v, p.segs, p.Config)
}

// naive is attention from its definition in float64. in(h, row, head, d) reads an element, and
// emit receives every output with its log-sum-exp.
func (p *problem) naive(in func(h Heads, row, head, d int) float64, emit func(row, head int, o []float64, lse float64)) {
	group := p.Heads / p.KVHeads
	for _, s := range p.segs {
		for row := s.Q0; row < s.Q1; row++ {
			own := s.K1 - (s.Q1 - row)
			for head := range p.Heads {
				o, sum := make([]float64, p.HeadDim), 0.0
				for key := s.K0; key <= own; key++ {
					if p.Window > 0 && own-key >= p.Window {
						continue
					}
					score := 0.0
					for d := range p.HeadDim {
						score += in(p.q, row, head, d) * in(p.k, key, head/group, d)
					}
					score *= float64(p.Scale)
					if p.SoftCap > 0 {
						score = float64(p.SoftCap) * math.Tanh(score/float64(p.SoftCap))
					}
					e := math.Exp(score)
					sum += e
					for d := range o {
						o[d] += e * in(p.v, key, head/group, d)
					}
				}
				for d := range o {
					o[d] /= sum
				}
				emit(row, head, o, math.Log(sum))
			}
		}
	}
}

func (p *problem) element(h Heads, row, head, d int) float64 {
	return float64(h.Data[row*h.Stride+head*p.HeadDim+d])
}

var cases = []struct {
	name string
	c    Config
	segs []Segment
}{
	{"one token", Config{Heads: 1, KVHeads: 1, HeadDim: 4, Scale: 0.5}, []Segment{{0, 1, 0, 1}}},
	{"short", Config{Heads: 2, KVHeads: 2, HeadDim: 8, Scale: 0.35}, []Segment{{0, 5, 0, 5}}},
	{"grouped, packed", Config{Heads: 6, KVHeads: 2, HeadDim: 16, Scale: 0.25}, []Segment{{0, 70, 0, 70}, {70, 71, 70, 71}, {71, 140, 71, 140}}},
	{"several blocks", Config{Heads: 2, KVHeads: 1, HeadDim: 20, Scale: 0.3}, []Segment{{0, 200, 0, 200}}},
	{"unordered segments with gaps", Config{Heads: 1, KVHeads: 1, HeadDim: 8, Scale: 0.3}, []Segment{{90, 100, 80, 90}, {3, 60, 2, 59}}},
	{"cached keys", Config{Heads: 4, KVHeads: 2, HeadDim: 8, Scale: 0.3}, []Segment{{0, 3, 0, 100}, {3, 70, 100, 300}}},
	{"window", Config{Heads: 2, KVHeads: 1, HeadDim: 8, Scale: 0.3, Window: 5}, []Segment{{0, 150, 0, 150}}},
	{"window over a block", Config{Heads: 2, KVHeads: 1, HeadDim: 8, Scale: 0.3, Window: 70}, []Segment{{0, 10, 0, 5 + 250}}},
	{"window of one", Config{Heads: 1, KVHeads: 1, HeadDim: 8, Scale: 0.3, Window: 1}, []Segment{{0, 70, 0, 70}}},
	{"soft cap", Config{Heads: 2, KVHeads: 1, HeadDim: 8, Scale: 0.7, SoftCap: 2}, []Segment{{0, 90, 0, 90}}},
	{"soft cap and window", Config{Heads: 2, KVHeads: 2, HeadDim: 8, Scale: 0.7, SoftCap: 3, Window: 20}, []Segment{{0, 40, 0, 120}}},
}

func TestForwardAgainstDefinition(t *testing.T) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cputest.EachImplementation(t, func(t *testing.T) {
				p := newProblem(1, tc.c, tc.segs)
				p.forward()
				p.naive(p.element, func(row, head int, o []float64, lse float64) {
					for d, want := range o {
						if got := p.element(p.out, row, head, d); !(math.Abs(got-want) <= 1e-5*max(0.1, math.Abs(want))) {
							t.Fatalf("out(%d, %d, %d) = %g, want %g", row, head, d, got, want)
						}
					}
					if got := float64(p.lse[row*p.Heads+head]); !(math.Abs(got-lse) <= 1e-5) {
						t.Fatalf("lse(%d, %d) = %g, want %g", row, head, got, lse)
					}
				})
			})
		})
	}
}

// The loss Σ dout·out, differentiated numerically in float64. One implementation will do, since
// all give the same bits (below).
func TestBackwardAgainstCentralDifferences(t *testing.T) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			p := newProblem(2, tc.c, tc.segs)
			p.forward()
			p.backward()
			r := rand.New(rand.NewPCG(3, 3))
			for range 4 {
				s := p.segs[r.IntN(len(p.segs))]
				d := r.IntN(p.HeadDim)
				p.checkSlope(t, "dq", p.q, p.dq, s, s.Q0+r.IntN(s.Q1-s.Q0), r.IntN(p.Heads), d)
				row, head := s.K0+r.IntN(s.K1-s.K0), r.IntN(p.KVHeads)
				p.checkSlope(t, "dk", p.k, p.dk, s, row, head, d)
				p.checkSlope(t, "dv", p.v, p.dv, s, row, head, d)
			}
		})
	}
}

func (p *problem) checkSlope(t *testing.T, name string, x, dx Heads, s Segment, row, head, d int) {
	t.Helper()
	const h = 1e-4
	one := *p
	one.segs = []Segment{s}
	target := &x.Data[row*x.Stride+head*p.HeadDim+d]
	loss := func(step float64) (sum float64) {
		one.naive(func(h Heads, row, head, d int) float64 {
			v := one.element(h, row, head, d)
			if &h.Data[row*h.Stride+head*p.HeadDim+d] == target {
				v += step
			}
			return v
		}, func(row, head int, o []float64, _ float64) {
			for d, v := range o {
				sum += v * one.element(one.dout, row, head, d)
			}
		})
		return sum
	}
	want := (loss(h) - loss(-h)) / (2 * h)
	if got := p.element(dx, row, head, d); !(math.Abs(got-want) <= 2e-5*max(1, math.Abs(want))) {
		t.Errorf("%s(%d, %d, %d) = %g, want %g", name, row, head, d, got, want)
	}
}

// Every implementation and thread count must give the bits of the reference on one thread.
func TestBitsDependOnNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var want *problem
			cputest.EachImplementation(t, func(t *testing.T) {
				for _, threads := range []int{1, 3, 8} {
					runtime.GOMAXPROCS(threads)
					p := newProblem(4, tc.c, tc.segs)
					p.forward()
					p.backward()
					if want == nil {
						want = p
						continue
					}
					mustEqual(t, fmt.Sprintf("out at %d threads", threads), p.out.Data, want.out.Data)
					mustEqual(t, "lse", p.lse, want.lse)
					mustEqual(t, "gradients", p.dq.Data, want.dq.Data) // all three share the buffer
				}
			})
		})
	}
}

func mustEqual(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s [%d] = %x, want %x", name, i, got[i], want[i])
		}
	}
}

// Decoding token by token, and in pieces of any size, equals prefill to the bit.
func TestSplitOfQueriesChangesNothing(t *testing.T) {
	for _, c := range []Config{
		{Heads: 2, KVHeads: 1, HeadDim: 12, Scale: 0.3},
		{Heads: 1, KVHeads: 1, HeadDim: 12, Scale: 0.3, Window: 30},
		{Heads: 1, KVHeads: 1, HeadDim: 12, Scale: 0.3, SoftCap: 2},
		{Heads: 2 * (fewQueries + 1), KVHeads: 2, HeadDim: 12, Scale: 0.3},
	} {
		cputest.EachImplementation(t, func(t *testing.T) {
			const n = stretch + block + 7
			whole := newProblem(5, c, []Segment{{0, n, 0, n}})
			// Key 0 has most of the weight and value 0 in dimension 0. All other products there
			// vanish and leave a zero whose sign is that of the last key added, masked or not.
			for row := range n {
				whole.q.at(row, 0, c.HeadDim)[0] = 1
				whole.v.at(row, 0, c.HeadDim)[0] = math.SmallestNonzeroFloat32 * float32(1-row%2*2)
			}
			whole.k.at(0, 0, c.HeadDim)[0] = 17
			whole.v.at(0, 0, c.HeadDim)[0] = 0
			whole.forward()
			for _, step := range []int{1, 7, 64, tall + 1, n - 1} {
				part := newProblem(5, c, []Segment{{0, n, 0, n}})
				copy(part.q.Data, whole.q.Data)
				for at := 0; at < n; at += step {
					end := min(n, at+step)
					part.segs = []Segment{{at, end, 0, end}}
					part.forward()
				}
				mustEqual(t, fmt.Sprintf("lse in steps of %d", step), part.lse, whole.lse)
				for row := range n {
					for head := range c.Heads {
						mustEqual(t, fmt.Sprintf("out(%d, %d) in steps of %d", row, head, step),
							part.out.at(row, head, c.HeadDim), whole.out.at(row, head, c.HeadDim))
					}
				}
			}
		})
	}
}

// Segments that are packed together equal segments alone, and rows outside them are left alone.
func TestSegmentsAreIndependent(t *testing.T) {
	c := Config{Heads: 2, KVHeads: 1, HeadDim: 8, Scale: 0.3}
	segs := []Segment{{0, 30, 0, 30}, {33, 110, 33, 110}}
	packed := newProblem(6, c, segs)
	before := append([]float32(nil), packed.out.Data...)
	packed.forward()
	packed.backward()
	alone := newProblem(6, c, segs)
	for _, s := range segs {
		alone.segs = []Segment{s}
		alone.forward()
		alone.backward()
	}
	mustEqual(t, "out", packed.out.Data, alone.out.Data)
	mustEqual(t, "gradients", packed.dq.Data, alone.dq.Data)
	stride := packed.out.Stride
	mustEqual(t, "gap", packed.out.Data[30*stride:33*stride], before[30*stride:33*stride])
}

// What no query sees must not matter, be it NaN.
func TestUnseenKeysDoNotLeak(t *testing.T) {
	c := Config{Heads: 1, KVHeads: 1, HeadDim: 8, Scale: 0.3, Window: 10}
	segs := []Segment{{0, 20, 60, 160}}
	p := newProblem(7, c, segs)
	want := newProblem(7, c, segs)
	// Keys 0…63 of the segment form a block that the window has left behind.
	for row := range 60 + 64 {
		for d := range c.HeadDim {
			p.k.at(row, 0, c.HeadDim)[d], p.v.at(row, 0, c.HeadDim)[d] = float32(math.NaN()), float32(math.Inf(1))
		}
	}
	p.forward()
	want.forward()
	mustEqual(t, "out", p.out.Data, want.out.Data)
}

func TestMisuseIsRefused(t *testing.T) {
	good := Config{Heads: 2, KVHeads: 1, HeadDim: 4, Scale: 1}
	segs := []Segment{{0, 4, 0, 4}}
	for name, f := range map[string]func(p *problem){
		"heads":      func(p *problem) { p.Heads = 3; p.KVHeads = 2 },
		"more query": func(p *problem) { p.segs = []Segment{{0, 4, 0, 3}} },
		"backwards":  func(p *problem) { p.segs = []Segment{{3, 2, 0, 3}} },
		"short k":    func(p *problem) { p.k.Data = p.k.Data[:20] },
		"stride":     func(p *problem) { p.v.Stride = 3 },
		"short lse":  func(p *problem) { p.lse = p.lse[:7:7] },
	} {
		p := newProblem(1, good, segs)
		f(p)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			p.forward()
		}()
	}
}

func BenchmarkForward(b *testing.B) {
	cputest.EachImplementationB(b, func(b *testing.B) {
		p := newProblem(1, Config{Heads: 3, KVHeads: 1, HeadDim: 64, Scale: 0.125}, []Segment{{0, 512, 0, 512}})
		for b.Loop() {
			p.forward()
		}
	})
}

func BenchmarkBackward(b *testing.B) {
	cputest.EachImplementationB(b, func(b *testing.B) {
		p := newProblem(1, Config{Heads: 3, KVHeads: 1, HeadDim: 64, Scale: 0.125}, []Segment{{0, 512, 0, 512}})
		p.forward()
		for b.Loop() {
			p.backward()
		}
	})
}

// BenchmarkLayer is attention in layers of several shapes: a micro-batch of short sequences, one long
// sequence, and one of many heads. GFLOP/s are of what is not masked: two products forward, five backward.
func BenchmarkLayer(b *testing.B) {
	for _, shape := range []struct {
		name              string
		sequences, length int
		c                 Config
	}{
		{"4x512,9on3x64", 4, 512, Config{Heads: 9, KVHeads: 3, HeadDim: 64, Scale: 0.125}},
		{"1x2048,9on3x64", 1, 2048, Config{Heads: 9, KVHeads: 3, HeadDim: 64, Scale: 0.125}},
		{"1x1024,32on32x128", 1, 1024, Config{Heads: 32, KVHeads: 32, HeadDim: 128, Scale: 0.088}},
	} {
		var segs []Segment
		for i := range shape.sequences {
			from, to := i*shape.length, (i+1)*shape.length
			segs = append(segs, Segment{from, to, from, to})
		}
		product := float64(shape.sequences*shape.c.Heads*shape.c.HeadDim*shape.length) * float64(shape.length+1)
		b.Run(shape.name, func(b *testing.B) {
			cputest.EachImplementationB(b, func(b *testing.B) {
				p := newProblem(1, shape.c, segs)
				measure := func(name string, products float64, f func()) {
					b.Run(name, func(b *testing.B) {
						for b.Loop() {
							f()
						}
						b.ReportMetric(products*product*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					})
				}
				measure("forward", 2, p.forward)
				measure("backward", 5, p.backward)
			})
		})
	}
}

// BenchmarkDecode is attention of one new token to those before it, as in decoding.
func BenchmarkDecode(b *testing.B) {
	for _, keys := range []int{100, 1000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			cputest.EachImplementationB(b, func(b *testing.B) {
				p := newProblem(1, Config{Heads: 9, KVHeads: 3, HeadDim: 64, Scale: 0.125}, []Segment{{0, 1, 0, keys}})
				for b.Loop() {
					p.forward()
				}
			})
		})
	}
}
