package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// slack is how far, in elements, packing may write past the end of a panel: less than two vectors.
const slack = 16

// stretch is how many steps of lanes that are adjacent in memory are packed before going to the next
// panel. Each step is then read as a run of cache lines, across panels, that the processor prefetches.
const stretch = 16

// A panel is a piece of an operand as the micro-kernels read it: lane l of step s is at
// data[s·step + l], for width lanes.
type panel struct {
	data        []float32
	step, width int
	direct      bool // data is the operand's own
}

// from is the panel without its first steps.
func (p panel) from(step int) panel {
	p.data = p.data[step*p.step:]
	return p
}

// panels is a run of panels and the memory they are packed in.
type panels struct {
	list    []panel
	buffer  []float32
	decoded []float32 // a piece of an operand in blocks, on its way into a panel
}

// A span is a range of lanes and of steps.
type span struct{ lane0, lane1, step, steps int }

// fill makes v the panels of a span, width lanes each; the last is narrow instead if that is enough.
// When they are to be used only once, those that need no conversion are left where they are.
func (v *panels) fill(impl cpu.Implementation, l *lanes, s span, width, narrow int, once bool) {
	v.list = v.list[:0]
	size := width*s.steps + slack
	if need := size * ceilDiv(s.lane1-s.lane0, width); len(v.buffer) < need {
		v.buffer = make([]float32, need)
	}
	for lane, at := s.lane0, 0; lane < s.lane1; lane, at = lane+width, at+size {
		w := width
		if s.lane1-lane <= narrow {
			w = narrow
		}
		p := panel{v.buffer[at : at+size], w, w, false}
		if once {
			l.direct(&p, lane, s.step, s.steps)
		}
		v.list = append(v.list, p)
	}
	v.pack(impl, l, s, width)
}

// pack fills the panels of v that have memory of their own.
func (v *panels) pack(impl cpu.Implementation, l *lanes, s span, width int) {
	batch := s.steps
	if l.lane == 1 && len(v.list) > 2 {
		batch = stretch
	}
	for done := 0; done < s.steps; done += batch {
		steps := min(batch, s.steps-done)
		for i, p := range v.list {
			lane := s.lane0 + i*width
			switch n := min(width, s.lane1-lane); {
			case p.direct:
			case l.blocks != nil:
				v.packBlocks(impl, l, p.data[done*p.width:], p.width, lane, n, s.step+done, steps)
			default:
				l.pack(impl, p.data[done*p.width:], p.width, lane, n, s.step+done, steps)
			}
		}
	}
}

// lanes is an operand as packing sees it: lanes, the rows of A or the columns of B, and steps along
// k. Lane l of step s is at index l·lane + s·step.
type lanes struct {
	typ        dtype.Type
	f32        []float32
	u16        []uint16
	lane, step int

	blocks   Blocks // instead of f32 and u16
	row, col int    // of the first step of lane 0
	turned   bool   // lanes are columns of blocks, not rows
}

// lanesOf views the rows of m as lanes.
func lanesOf(m Matrix) lanes {
	l := lanes{m.Type, m.F32, m.U16, m.RowStride, m.ColStride, m.Blocks, m.row, m.col, m.turned}
	if m.Rows == 1 {
		l.lane = 1 // a lone lane is adjacent to anything
	}
	return l
}

// packBlocks is [lanes.pack] for an operand in blocks: pieces of its rows are decoded into memory
// that stays in the first-level cache, and packed from there.
func (v *panels) packBlocks(impl cpu.Implementation, l *lanes, dst []float32, width, lane, n, step, steps int) {
	if v.decoded == nil {
		v.decoded = make([]float32, decodedLanes*depth)
	}
	for done := 0; done < steps; done += depth {
		part := lanes{f32: v.decoded[:n*depth], lane: depth, step: 1}
		deep := min(depth, steps-done)
		if l.turned {
			part.lane, part.step = 1, n
			for s := range deep {
				l.blocks.Decode(part.f32[s*n:s*n+n], l.row+step+done+s, l.col+lane)
			}
		} else {
			for i := range n {
				l.blocks.Decode(part.f32[i*depth:i*depth+deep], l.row+lane+i, l.col+step+done)
			}
		}
		part.pack(impl, dst[done*width:], width, 0, n, 0, deep)
	}
}

// decodedLanes is how many lanes a panel has at most.
const decodedLanes = 32

// direct points p to where its lanes are, if they can be read in place.
func (l *lanes) direct(p *panel, lane, step, steps int) {
	at := lane + step*l.step
	if l.typ == dtype.F32 && l.blocks == nil && l.lane == 1 && at+(steps-1)*l.step+p.width <= len(l.f32) {
		p.data, p.step, p.direct = l.f32[at:], l.step, true
	}
}

// pack widens n lanes into dst, in steps of width elements. Lanes n to width are left undefined: no
// lane of a product depends on another. Up to slack elements behind the panel are overwritten.
func (l *lanes) pack(impl cpu.Implementation, dst []float32, width, lane, n, step, steps int) {
	at := lane*l.lane + step*l.step
	done := 0
	if impl != cpu.Generic {
		done = l.packVector(dst, width, at, n, steps)
	}
	l.packScalar(dst[done*width:], width, at+done*l.step, n, steps-done)
}

// packScalar is the definition of packing, and does what vectors leave over.
func (l *lanes) packScalar(dst []float32, width, at, n, steps int) {
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
