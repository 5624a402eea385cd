package ops

import (
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// deltaMixer is what a gated delta net computes between its linear modules, on one sequence.
func deltaMixer(tb testing.TB, d DeltaNet, rows int) (m *Machine, x, dy []float32) {
	tb.Helper()
	b := NewBuilder()
	in := b.Input("x", d.Width()+d.Values()+2*d.ValueHeads)
	columns := func(from, n int) *gorgonia.Node { return b.Columns(in, Columns{from, n}) }
	vector := func(name string, n int) *Weight { return b.Frozen(name, 1, n) }
	qkv := b.CausalConv(columns(0, d.Width()), b.Frozen("conv", 4, d.Width()), nil, true)
	y := b.DeltaNet(qkv, columns(d.Width()+d.Values(), 2*d.ValueHeads), d, vector("A_log", d.ValueHeads), vector("dt_bias", d.ValueHeads))
	y = b.GatedBy(b.HeadNorm(y, vector("norm", d.ValueDim), 1e-6), columns(d.Width(), d.Values()), SiLU)
	tape, err := b.Compile(in, y, OfWeightsInput)
	if err != nil {
		tb.Fatal(err)
	}
	for _, w := range tape.Weights {
		w.Bind(gemm.F32(random(w.Name, w.Rows*w.Cols), w.Rows, w.Cols))
	}
	if err := tape.Rehearse(); err != nil {
		tb.Fatal(err)
	}
	tape.Run.Layout = deltaRows(rows)
	tape.Run.Training = true
	return tape.NewMachine(NewArena(nil, nil)), random("x", rows*in.Shape()[1]), random("dy", rows*d.Values())
}

func TestDeltaNetLeavesLittleGarbage(t *testing.T) {
	m, x, dy := deltaMixer(t, DeltaNet{KeyHeads: 4, ValueHeads: 8, KeyDim: 32, ValueDim: 32}, 200)
	leavesLittle(t, m, x, dy)
}

// BenchmarkDeltaNet has the heads of Qwen 3 Next, and of Qwen 3.5 from 4 billion parameters on.
func BenchmarkDeltaNet(b *testing.B) {
	if err := cpu.FromEnv(); err != nil {
		b.Fatal(err)
	}
	const rows = 256
	m, x, dy := deltaMixer(b, DeltaNet{KeyHeads: 16, ValueHeads: 32, KeyDim: 128, ValueDim: 128}, rows)
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Forward(x, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/token")
	})
	b.Run("backward", func(b *testing.B) {
		if _, err := m.Forward(x, nil); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := m.Backward(dy, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/token")
	})
}
