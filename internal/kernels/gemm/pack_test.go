package gemm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
)

// Packing overwrites what follows a panel, by design; never more than the slack it is given.
func TestPackMatchesScalarAndKeepsToItsSlack(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, width := range []int{1, 2, 3, 4, 6, 7, 8, 9, 13, 14, 16, 32} {
			for range 60 {
				checkPack(t, r, width, 1+r.IntN(width), 1+r.IntN(40))
			}
		}
	})
}

func checkPack(t *testing.T, r *rand.Rand, width, n, steps int) {
	t.Helper()
	layout := randomLayout(r)
	layout.blocks = false
	l := lanesOf(layout.matrix(r, n, steps, normal))
	const guard = 32
	size := width*steps + slack
	got, want := make([]float32, size+guard), make([]float32, size)
	for i := range got {
		got[i] = 42
	}
	l.pack(cpu.Current(), got[:size], width, 0, n, 0, steps)
	l.packScalar(want, width, 0, n, steps)
	for s := range steps {
		for j := range n {
			if i := s*width + j; math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("%v, %d of %d lanes, %d steps: lane %d of step %d is %v, want %v",
					layout, n, width, steps, j, s, got[i], want[i])
			}
		}
	}
	for i, x := range got[size:] {
		if x != 42 {
			t.Fatalf("%v, %d of %d lanes, %d steps: wrote %d elements past the slack", layout, n, width, steps, i+1)
		}
	}
}

// Stretches of steps across several panels, and panels left in place.
func TestFill(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, typ := range []dtype.Type{dtype.F32, dtype.BF16} {
			for _, once := range []bool{false, true} {
				m := layout{typ: typ, transposed: true}.matrix(r, 53, 70, normal)
				l := lanesOf(m)
				var v panels
				v.fill(cpu.Current(), &l, span{5, 50, 7, 60}, 14, 4, once)
				if len(v.list) != 4 {
					t.Fatalf("%d panels of 45 lanes, want 4", len(v.list))
				}
				if want := once && typ == dtype.F32; v.direct != want {
					t.Errorf("%v, once=%v: in place is %v", typ, once, v.direct)
				}
				if v.list[2].width != 14 || v.list[3].width != 4 {
					t.Errorf("widths are %d, …, %d, want 14 and 4", v.list[2].width, v.list[3].width)
				}
				for lane := 5; lane < 50; lane++ {
					for s := range 60 {
						p := v.list[(lane-5)/14]
						if got, want := p.data[s*p.step+(lane-5)%14], m.at(lane, 7+s); got != want {
							t.Fatalf("%v, once=%v: lane %d of step %d is %v, want %v", typ, once, lane, s, got, want)
						}
					}
				}
			}
		}
	})
}
