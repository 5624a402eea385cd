package ops

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// adapted is a projection with an update.
func adapted(b *Builder, name string, out, in int) Projection {
	return Projection{Weight: b.Frozen(name, out, in), LoRA: &LoRA{A: b.Trainable(name+".A", 2, in), B: b.Trainable(name+".B", out, 2), Scaling: 1.5}}
}

// feedForward is a block of a norm, a gate and a residual.
func feedForward(b *Builder, x *gorgonia.Node, norm *Weight, g Gate) *gorgonia.Node {
	h := b.RMSNorm(x, norm, 1e-6)
	h = b.Gated(b.Linear(h, adapted(b, "gate", testInner, testHidden), adapted(b, "up", testInner, testHidden)), g)
	return b.AddLinear(x, h, adapted(b, "down", testHidden, testInner))
}

// restoring are graphs, and how often each must compute a result again or add gradients by itself.
var restoring = []struct {
	graph
	again, sums int
}{
	{graph{"trained norm", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		return feedForward(b, x, b.Trainable("norm", 1, testHidden), SiLU)
	}, nil}, 0, 0},
	{graph{"norm of heads", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		return feedForward(b, x, b.Frozen("norm", 1, testHidden/2), SiLU)
	}, nil}, 0, 0},
	{graph{"sum with what a norm ends", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		h := b.Linear(b.RMSNorm(x, b.Frozen("norm", 1, testHidden), 1e-6), adapted(b, "w", testHidden, testHidden))
		return b.Add(x, b.RMSNorm(h, b.Frozen("norm2", 1, testHidden), 1e-6))
	}, nil}, 0, 0},
	{graph{"two readers of a norm", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		h := b.RMSNorm(x, b.Frozen("norm", 1, testHidden), 1e-6)
		return b.Add(b.Linear(h, adapted(b, "v", testHidden, testHidden)), b.Linear(h, adapted(b, "w", testHidden, testHidden)))
	}, nil}, 1, 1},
	{graph{"two blocks side by side", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		y := feedForward(b, x, b.Frozen("norm", 1, testHidden), SiLU)
		return b.AddLinear(y, b.RMSNorm(x, b.Frozen("norm2", 1, testHidden), 1e-6), adapted(b, "w", testHidden, testHidden))
	}, nil}, 0, 2},
	{graph{"norm beside the residual's end", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		h := b.Linear(x, adapted(b, "v", testHidden, testHidden))
		y := b.AddLinear(h, x, adapted(b, "w", testHidden, testHidden))
		return b.Add(y, b.RMSNorm(h, b.Frozen("norm", 1, testHidden), 1e-6))
	}, nil}, 0, 2},
	{graph{"gate and norm of the same", func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		u := b.Linear(x, adapted(b, "u", 2*testHidden, testHidden))
		h := b.Linear(b.RMSNorm(u, b.Frozen("norm", 1, 2*testHidden), 1e-6), adapted(b, "w", testHidden, 2*testHidden))
		return b.AddLinear(h, b.Gated(u, SiLU), adapted(b, "v", testHidden, testHidden))
	}, nil}, 0, 1},
}

// Restored results and gradients taken along must give the bits of results computed again and of sums.
func TestRestoredResults(t *testing.T) {
	cases := restoring
	for _, gate := range []Gate{SiLU, GELUTanh, ClampedSwiGLU, Product, Sigmoid} {
		build := func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
			return feedForward(b, x, b.Frozen("norm", 1, testHidden), gate)
		}
		c := restoring[0]
		c.graph, c.again, c.sums = graph{gate.Name, build, nil}, 0, 0
		cases = append(cases, c)
	}
	for _, c := range cases {
		c.checkGradients(t, nil)
		c.checkPlan(t)
		if again, sums := c.count(t); again != c.again || sums != c.sums {
			t.Errorf("%s: %d results are computed again and %d gradients added, want %d and %d", c.name, again, sums, c.again, c.sums)
		}
		cputest.EachImplementation(t, func(t *testing.T) {
			if !slices.Equal(c.results(t), c.forgetful().results(t)) {
				t.Errorf("%s: restored results change the bits", c.name)
			}
		})
	}
}

// count returns how many results a tape computes again, and how many sums of gradients.
func (g graph) count(t *testing.T) (again, sums int) {
	t.Helper()
	tape, _ := g.bound(t)
	for _, in := range tape.program.backward {
		if _, ok := in.op.(sum); ok {
			sums++
		} else if strings.HasPrefix(fmt.Sprint(in.op), "again ") {
			again++
		}
	}
	return again, sums
}

// forgetful is the graph with more readers of everything, so that nothing is restored or taken along.
func (g graph) forgetful() graph {
	build := g.build
	g.build = func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		y := build(b, x)
		for n := range b.readers {
			b.readers[n] = append(b.readers[n], nil, nil)
		}
		return y
	}
	return g
}

// results is everything that a forward and a backward pass compute.
func (g graph) results(t *testing.T) (all []float32) {
	t.Helper()
	tape, params := g.bound(t)
	m := tape.NewMachine(NewArena(tape.Plan(), new(Scratch)))
	x, dy := random("x", testRows*testHidden), random("dy", testRows*testHidden)
	y, err := m.Forward(x, make([]float32, testRows*testHidden))
	if err != nil {
		t.Fatal(err)
	}
	dx, err := m.Backward(dy, make([]float32, testRows*testHidden))
	if err != nil {
		t.Fatal(err)
	}
	all = slices.Concat(y, dx)
	for _, w := range tape.Weights {
		if p := params[w.Name]; p != nil {
			all = append(all, p.Grad...)
		}
	}
	return all
}

// The gradient of a gate's input lies where that was, unless another reads it later.
func TestPlanLetsGradientsOverwrite(t *testing.T) {
	for _, c := range []struct {
		graph
		want []bool // of each operator that may, in the order in which they run
	}{
		{restoring[0].graph, []bool{true, false}},                      // the norm's input is the caller's
		{restoring[len(restoring)-1].graph, []bool{false, true, true}}, // the last of two, and their sum
	} {
		tape, _ := c.bound(t)
		m := tape.NewMachine(NewArena(tape.Plan(), new(Scratch)))
		if _, err := m.Forward(make([]float32, testHidden), make([]float32, testHidden)); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Backward(make([]float32, testHidden), make([]float32, testHidden)); err != nil {
			t.Fatal(err)
		}
		var got []bool
		for _, in := range tape.program.backward {
			if o, ok := in.op.(overwriting); ok {
				result, input := m.values[in.result], m.values[in.inputs[o.overwrites()]]
				got = append(got, &floats(result)[0] == &floats(input)[0])
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: results overwrite inputs %v, want %v", c.name, got, c.want)
		}
	}
}

// A gate is handed memory in which its results lie where its inputs were.
func TestGatesInPlace(t *testing.T) {
	const n = 40
	gate, up, dy := random("gate", n), random("up", n), random("dy", n)
	for i := range gate { // past the limits of clamping
		gate[i], up[i] = gate[i]*12, up[i]*12
	}
	for _, g := range []Gate{SiLU, GELUTanh, ClampedSwiGLU, Product, Sigmoid} {
		cputest.EachImplementation(t, func(t *testing.T) {
			want := make([]float32, n)
			g.Forward(want, gate, up)
			dgate, dup, y := make([]float32, n), make([]float32, n), make([]float32, n)
			g.Backward(dgate, dup, y, dy, gate, up)
			if !slices.Equal(y, want) {
				t.Errorf("%s: the derivative restores another result", g.Name)
			}
			gate, up, dy := slices.Clone(gate), slices.Clone(up), slices.Clone(dy)
			g.Backward(gate, up, dy, dy, gate, up)
			if !slices.Equal(gate, dgate) || !slices.Equal(up, dup) || !slices.Equal(dy, y) {
				t.Errorf("%s: the results in place differ", g.Name)
			}
		})
	}
}

// What comes before the first trained weight needs no gradient.
func TestUnwantedGradients(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", testHidden)
	h := b.Linear(b.RMSNorm(x, b.Frozen("norm", 1, testHidden), 1e-6), adapted(b, "first", testHidden, testHidden))
	y := b.Linear(b.RMSNorm(h, b.Frozen("norm2", 1, testHidden), 1e-6), adapted(b, "second", testHidden, testHidden))
	tape := rehearsed(t, b, x, y)
	var got []string
	for _, in := range tape.program.backward {
		if name := fmt.Sprint(in.op); strings.HasPrefix(name, "∂x ") {
			got = append(got, name)
		}
	}
	if want := []string{"∂x linear second", "∂x rmsnorm norm2"}; !slices.Equal(got, want) {
		t.Errorf("the backward pass computes %q, want %q", got, want)
	}
}
