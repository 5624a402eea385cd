package ops

import (
	"runtime"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// mixer is what a block of Granite 4 tiny computes between its linear modules, on one sequence.
func mixer(tb testing.TB, rows int) (m *Machine, x, dy []float32) {
	tb.Helper()
	cfg := Mamba2{Heads: 48, HeadDim: 64, Groups: 1, StateDim: 128, MaxStep: unbounded}
	b := NewBuilder()
	in := b.Input("x", cfg.Values()+cfg.Width()+cfg.Heads)
	columns := func(from, n int) *gorgonia.Node { return b.Columns(in, Columns{from, n}) }
	vector := func(name string) *Weight { return b.Frozen(name, 1, cfg.Heads) }
	xbc := b.CausalConv(columns(cfg.Values(), cfg.Width()), b.Frozen("conv", 4, cfg.Width()), b.Frozen("bias", 1, cfg.Width()), true)
	y := b.Mamba2(xbc, columns(cfg.Values()+cfg.Width(), cfg.Heads), cfg, vector("A_log"), vector("dt_bias"), vector("D"))
	y = b.RMSNorm(b.GatedBy(y, columns(0, cfg.Values()), SiLU), b.Frozen("norm", 1, cfg.Values()), 1e-5)
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
	tape.Run.Layout = Layout{Positions: make([]int32, rows), Segments: []attention.Segment{{Q1: rows, K1: rows}}}
	tape.Run.Training = true
	return tape.NewMachine(NewArena(nil, nil)), random("x", rows*in.Shape()[1]), random("dy", rows*cfg.Values())
}

// leavesLittle holds what a pass allocates to less than a byte for each of its inputs: pieces of loops
// must not throw memory away, beside which that of activations would be little.
func leavesLittle(t *testing.T, m *Machine, x, dy []float32) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	least := ^uint64(0) // of some passes: a collection in between empties pools
	for range 4 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := m.Forward(x, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Backward(dy, nil); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if least > uint64(len(x)) {
		t.Errorf("a pass over %d numbers allocates %d bytes", len(x), least)
	}
}

func TestMixersLeaveLittleGarbage(t *testing.T) {
	m, x, dy := mixer(t, 48)
	leavesLittle(t, m, x, dy)
}

func BenchmarkMixer(b *testing.B) {
	if err := cpu.FromEnv(); err != nil {
		b.Fatal(err)
	}
	const rows = 512
	m, x, dy := mixer(b, rows)
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Forward(x, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/token")
	})
	b.Run("backward", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Backward(dy, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/token")
	})
}
