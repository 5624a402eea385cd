//go:build amd64 || arm64

package gemm

import "github.com/cultivar/cultivar/internal/dtype"

// packVector packs the first steps of a panel and returns how many.
func (l *lanes) packVector(dst []float32, width, at, n, steps int) int {
	switch {
	case l.lane == 1:
		return l.packAdjacent(dst, width, at, n, steps)
	case l.step == 1:
		return l.packRows(dst, width, at, n, steps)
	}
	return 0
}

// packRows packs lanes that are rows in memory, as many at a time as a vector holds. The last rows
// come first: where the panel is not a multiple of that wide, what they write beyond it is made good
// by the rows before.
func (l *lanes) packRows(dst []float32, width, at, n, steps int) int {
	if l.typ == dtype.F32 {
		steps &^= packLanes - 1
	} else {
		steps &^= 2*packLanes - 1
	}
	if steps == 0 {
		return 0
	}
	for first := (n - 1) &^ (packLanes - 1); first >= 0; first -= packLanes {
		rows, from := min(packLanes, n-first), at+first*l.lane
		switch l.typ {
		case dtype.F32:
			transposeF32(&dst[first], width, &l.f32[from], l.lane, rows, steps)
		case dtype.BF16:
			transposeBF16(&dst[first], width, &l.u16[from], l.lane, rows, steps)
		case dtype.F16:
			transposeF16(&dst[first], width, &l.u16[from], l.lane, rows, steps)
		}
	}
	return steps
}
