package ops

import (
	"fmt"
	"testing"

	"gorgonia.org/gorgonia"
)

// BenchmarkMixture is forward and backward of a layer of experts on 512 tokens, frozen and with updates.
func BenchmarkMixture(b *testing.B) {
	const experts, topK, hidden, inner, rows, rank = 32, 4, 512, 256, 512, 8
	for _, lora := range []bool{false, true} {
		b.Run(fmt.Sprintf("lora=%t", lora), func(b *testing.B) {
			g := graph{build: func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
				m := Mixture{Router: Affine{Weight: b.Frozen("router", experts, hidden)}, TopK: topK, Normalise: true, Gate: SiLU}
				for e := range experts {
					slot := func(name string, out, in int) Affine { return Affine{Weight: b.Frozen(fmt.Sprint(name, e), out, in)} }
					m.Experts = append(m.Experts, Expert{GateUp: []Affine{slot("gate", inner, hidden), slot("up", inner, hidden)}, Down: slot("down", hidden, inner)})
				}
				if lora {
					m.GateUpLoRA = &StackedLoRA{A: b.Trainable("gate_up.A", experts*rank, hidden), B: b.Trainable("gate_up.B", experts*2*inner, rank), Scaling: 2}
					m.DownLoRA = &StackedLoRA{A: b.Trainable("down.A", experts*rank, inner), B: b.Trainable("down.B", experts*hidden, rank), Scaling: 2}
				}
				return b.Mixture(x, m)
			}}
			tape, _ := g.boundWide(b, hidden)
			m := tape.NewMachine(NewArena(nil, nil))
			x, dy := random("x", rows*hidden), random("dy", rows*hidden)
			for b.Loop() {
				if _, err := m.Forward(x, nil); err != nil {
					b.Fatal(err)
				}
				if _, err := m.Backward(dy, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
