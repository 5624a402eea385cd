package ops

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
)

// The shape of a small layer of experts with updates.
const (
	loraExperts = 4
	loraInner   = 6
	loraRank    = 3
)

// expertsWithLoRA is a layer of experts of which gate and up are two matrices, one, or two whose
// outputs alternate.
func expertsWithLoRA(layout string, router, gateUp, down bool) graph {
	stacked := func(b *Builder, name string, n, in, out int) *StackedLoRA {
		return &StackedLoRA{A: b.Trainable(name+".A", n*loraRank, in), B: b.Trainable(name+".B", n*out, loraRank), Scaling: 1.5}
	}
	return graph{name: fmt.Sprintf("%s router %t gateUp %t down %t", layout, router, gateUp, down), build: func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		m := Mixture{Router: Affine{Weight: b.Frozen("router", loraExperts, testHidden)}, TopK: 2, Normalise: true, Gate: SiLU, Interleaved: layout == "interleaved"}
		for i := range loraExperts {
			affine := func(name string, out, in int) Affine {
				name = fmt.Sprint(i, name)
				return Affine{b.Frozen(name, out, in), b.Frozen(name+".bias", 1, out)}
			}
			e := Expert{Down: affine("down", testHidden, loraInner), GateUp: []Affine{affine("gate", loraInner, testHidden), affine("up", loraInner, testHidden)}}
			if layout == "fused" {
				e.GateUp = []Affine{affine("gate_up", 2*loraInner, testHidden)}
			}
			m.Experts = append(m.Experts, e)
		}
		if router {
			m.RouterLoRA = stacked(b, "router", 1, testHidden, loraExperts)
		}
		if gateUp {
			m.GateUpLoRA = stacked(b, "gate_up", loraExperts, testHidden, 2*loraInner)
		}
		if down {
			m.DownLoRA = stacked(b, "down", loraExperts, loraInner, testHidden)
		}
		return b.Add(x, b.Mixture(b.RMSNorm(x, b.Trainable("norm", 1, testHidden), 1e-6), m))
	}}
}

func TestExpertLoRA(t *testing.T) {
	for _, layout := range []string{"split", "fused", "interleaved"} {
		for _, on := range [][3]bool{{true, true, true}, {false, true, false}, {false, false, true}, {true, false, false}} {
			g := expertsWithLoRA(layout, on[0], on[1], on[2])
			g.checkGradients(t, nil)
			g.checkPlan(t)
		}
	}
}

// The update is that of the weights: what is computed is what the experts' own matrices would compute
// with the products of the factors added to them.
func TestExpertLoRAIsAnUpdateOfTheWeights(t *testing.T) {
	x := random("x", testRows*testHidden)
	for _, layout := range []string{"split", "fused", "interleaved"} {
		with, params := expertsWithLoRA(layout, true, true, true).bound(t)
		y, err := with.NewMachine(NewArena(nil, nil)).Forward(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		y = slices.Clone(y)
		bare, _ := expertsWithLoRA(layout, false, false, false).bound(t)
		for _, w := range bare.Weights {
			var expert, first, every int
			var name string
			n, _ := fmt.Sscanf(w.Name, "%d%s", &expert, &name)
			switch every = 1; {
			case w.Name == "router":
				name = "router"
			case n != 2 || w.Rows == 1:
				continue
			case name == "up" && layout == "interleaved":
				first, every = 1, 2
			case name == "gate" && layout == "interleaved":
				every = 2
			case name == "up":
				first = loraInner
			}
			factors, out := "gate_up", 2*loraInner
			if name == "down" || name == "router" {
				factors, out = name, testHidden
			}
			a, b := params[factors+".A"].Value, params[factors+".B"].Value
			sum := slices.Clone(w.frozen.F32)
			for i := range w.Rows {
				row := expert*out + first + i*every
				for j := range w.Cols {
					for r := range loraRank {
						sum[i*w.Cols+j] += 1.5 * b[row*loraRank+r] * a[(expert*loraRank+r)*w.Cols+j]
					}
				}
			}
			w.frozen.F32 = sum
		}
		want, err := bare.NewMachine(NewArena(nil, nil)).Forward(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range y {
			if math.Abs(float64(y[i]-want[i])) > 1e-4*math.Max(1, math.Abs(float64(want[i]))) {
				t.Fatalf("%s: element %d is %g, with merged weights %g", layout, i, y[i], want[i])
			}
		}
	}
}

// An expert that no token picks keeps its gradient, and a rehearsal leaves all of them alone.
func TestExpertLoRATouchesOnlyPickedExperts(t *testing.T) {
	tape, params := expertsWithLoRA("split", false, true, true).bound(t)
	touched := func(p *Param) (experts []int) {
		n := len(p.Grad) / loraExperts
		for e := range loraExperts {
			if slices.ContainsFunc(p.Grad[e*n:(e+1)*n], func(g float32) bool { return g != 0 }) {
				experts = append(experts, e)
			}
		}
		return experts
	}
	for name, p := range params {
		if slices.ContainsFunc(p.Grad, func(g float32) bool { return g != 0 }) {
			t.Errorf("the rehearsal changed the gradient of %s", name)
		}
	}
	m := tape.NewMachine(NewArena(nil, nil))
	if _, err := m.Forward(random("x", testHidden), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Backward(random("dy", testHidden), nil); err != nil {
		t.Fatal(err)
	}
	want := touched(params["down.A"])
	for _, name := range []string{"down.B", "gate_up.A", "gate_up.B"} {
		if got := touched(params[name]); len(got) != 2 || !slices.Equal(got, want) {
			t.Errorf("one token of 2 experts changed the gradients of %v of %s, of %v of down.A", got, name, want)
		}
	}
}
