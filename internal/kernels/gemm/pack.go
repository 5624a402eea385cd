package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// A panel is a piece of an operand as the micro-kernels read it: lane l of step s is at
// data[s·step + l].
type panel struct {
	data []float32
	step int
}

// lanes is an operand as packing sees it: lanes, the rows of A or the columns of B, and steps along
// k. Lane l of step s is at index l·lane + s·step.
type lanes struct {
	typ        dtype.Type
	f32        []float32
	u16        []uint16
	lane, step int
}

// lanesOf views the rows of m as lanes.
func lanesOf(m Matrix) lanes {
	l := lanes{m.Type, m.F32, m.U16, m.RowStride, m.ColStride}
	if m.Rows == 1 {
		l.lane = 1 // a lone lane is adjacent to anything
	}
	return l
}

// direct returns the panel of n lanes without packing, if it can be read in place.
func (l lanes) direct(lane, n, step, steps int) (panel, bool) {
	if l.typ != dtype.F32 || l.lane != 1 {
		return panel{}, false
	}
	at := lane + step*l.step
	if at+(steps-1)*l.step+n > len(l.f32) {
		return panel{}, false
	}
	return panel{l.f32[at:], l.step}, true
}

// pack widens n lanes into dst, in steps of width elements. Lanes n to width are left undefined: no
// lane of a product depends on another. Up to slack elements behind the panel are overwritten.
func (l lanes) pack(impl cpu.Implementation, dst []float32, width, lane, n, step, steps int) {
	at := lane*l.lane + step*l.step
	done := 0
	if impl != cpu.Generic {
		done = l.packVector(dst, width, at, n, steps)
	}
	l.packScalar(dst[done*width:], width, at+done*l.step, n, steps-done)
}

// packScalar is the definition of packing, and does what vectors leave over.
func (l lanes) packScalar(dst []float32, width, at, n, steps int) {
	for s := range steps {
		row := dst[s*width : s*width+n]
		i := at + s*l.step
		switch l.typ {
		case dtype.F32:
			for j := range row {
				row[j] = l.f32[i+j*l.lane]
			}
		case dtype.BF16:
			for j := range row {
				row[j] = dtype.BF16ToF32(l.u16[i+j*l.lane])
			}
		case dtype.F16:
			for j := range row {
				row[j] = dtype.F16ToF32(l.u16[i+j*l.lane])
			}
		}
	}
}
