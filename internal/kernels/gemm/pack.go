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
}

// panels is a run of panels and the memory they are packed in.
type panels struct {
	list     []panel
	direct   bool // their data is the operand's own
	distance int  // from the beginning of a packed panel to that of the next
	buffer   []float32
	decoded  []float32 // a piece of an operand in blocks, on its way into a panel
}

// A span is a range of lanes and of steps.
type span struct{ lane0, lane1, step, steps int }

// reserve makes room for n elements.
func (v *panels) reserve(n int) {
	if len(v.buffer) < n {
		v.buffer = make([]float32, n+n/8)
	}
}

// fill makes v the panels of a span in memory of its own.
func (v *panels) fill(impl cpu.Implementation, l *lanes, s span, width, narrow int, once bool) {
	if v.lay(l, s, width, narrow, once) {
		return
	}
	v.reserve(v.size())
	v.copy(impl, l, s, width)
}

// lay makes v the panels of a span, width lanes each; the last is narrow instead if that is enough.
// When they are to be used only once and need no conversion, they stay where they are: it reports true.
// Otherwise they have no data yet.
func (v *panels) lay(l *lanes, s span, width, narrow int, once bool) bool {
	v.list, v.direct = v.list[:0], once
	v.distance = width*s.steps + slack
	for lane := s.lane0; lane < s.lane1; lane += width {
		p := panel{step: width, width: width}
		if s.lane1-lane <= narrow {
			p.step, p.width = narrow, narrow
		}
		v.direct = v.direct && l.direct(&p, lane, s.step, s.steps)
		v.list = append(v.list, p)
	}
	return v.direct
}

// size is how much memory the panels take.
func (v *panels) size() int { return v.distance * len(v.list) }

// copy fills the panels, in v's memory.
func (v *panels) copy(impl cpu.Implementation, l *lanes, s span, width int) {
	for i := range v.list {
		p := &v.list[i]
		p.data, p.step = v.buffer[i*v.distance:], p.width
	}
	if l.blocks != nil {
		v.decode(impl, l, s, width)
		return
	}
	v.pack(impl, l, s, width)
}

// pack fills panels from an operand in memory.
func (v *panels) pack(impl cpu.Implementation, l *lanes, s span, width int) {
	batch := s.steps
	if l.lane == 1 && len(v.list) > 2 {
		batch = stretch
	}
	for done := 0; done < s.steps; done += batch {
		v.packSteps(impl, l, 0, done, width, span{s.lane0, s.lane1, s.step + done, min(batch, s.steps-done)})
	}
}

// packSteps packs a span into panels from number first on, where it begins with step done.
func (v *panels) packSteps(impl cpu.Implementation, l *lanes, first, done, width int, s span) {
	for i, lane := first, s.lane0; lane < s.lane1; i, lane = i+1, lane+width {
		p := &v.list[i]
		l.pack(impl, p.data[done*p.width:], p.width, lane, min(width, s.lane1-lane), s.step, s.steps)
	}
}

// decode fills panels from an operand in blocks. Pieces of its rows are widened into memory that stays
// in the first-level cache, and packed from there.
func (v *panels) decode(impl cpu.Implementation, l *lanes, s span, width int) {
	const size = 8192 // elements
	if v.decoded == nil {
		v.decoded = make([]float32, size)
	}
	lanes0, deep := width, size/width/32*32 // of a piece
	if l.turned {
		lanes0, deep = roundUp(256, width), stretch
	}
	for lane := s.lane0; lane < s.lane1; lane += lanes0 {
		n := min(lanes0, s.lane1-lane)
		for done := 0; done < s.steps; done += deep {
			steps := min(deep, s.steps-done)
			piece := lanes{f32: v.decoded, lane: steps, step: 1}
			if l.turned {
				piece.lane, piece.step = 1, n
				for i := range steps {
					l.blocks.Decode(piece.f32[i*n:(i+1)*n], l.row+s.step+done+i, l.col+lane)
				}
			} else {
				for i := range n {
					l.blocks.Decode(piece.f32[i*steps:(i+1)*steps], l.row+lane+i, l.col+s.step+done)
				}
			}
			v.packSteps(impl, &piece, (lane-s.lane0)/width, done, width, span{0, n, 0, steps})
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

// inRows reports whether lanes are adjacent float32: those of A when it is a transpose, of B when not.
func (l *lanes) inRows() bool { return l.typ == dtype.F32 && l.blocks == nil && l.lane == 1 }

// inColumns reports whether lanes are adjacent, of whatever type.
func (l *lanes) inColumns() bool {
	if l.blocks != nil {
		return l.turned
	}
	return l.lane == 1
}

// inColumnsOf32 reports whether lanes are rows of float32, which a kernel can broadcast in place.
func (l *lanes) inColumnsOf32() bool { return l.typ == dtype.F32 && l.blocks == nil && l.step == 1 }

// alongRows reports whether the steps of a lane are adjacent.
func (l *lanes) alongRows() bool {
	if l.blocks != nil {
		return !l.turned
	}
	return l.step == 1
}

// collides reports whether the same step of n lanes falls into fewer places of the first-level cache of
// translations than there are lanes: sets of it are chosen by the low bits of the page.
func (l *lanes) collides(n int) bool { return n > 12 && l.lane != 1 && l.lane%(1<<14) == 0 }

// read widens steps of a lane whose steps are adjacent.
func (l *lanes) read(dst []float32, lane, step int) {
	at := lane*l.lane + step
	switch {
	case l.blocks != nil:
		l.blocks.Decode(dst, l.row+lane, l.col+step)
	case l.typ == dtype.F32:
		copy(dst, l.f32[at:])
	default:
		dtype.Widen(l.typ, dst, l.u16[at:at+len(dst)])
	}
}

// direct points p to where its lanes are, if they can be read in place.
func (l *lanes) direct(p *panel, lane, step, steps int) bool {
	at := lane + step*l.step
	if !l.inRows() || at+(steps-1)*l.step+p.width > len(l.f32) {
		return false
	}
	p.data, p.step = l.f32[at:], l.step
	return true
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

// turn writes the transpose of src to dst, which becomes rows × cols.
func turn(impl cpu.Implementation, dst []float32, dstRow int, src []float32, srcRow, rows, cols int) {
	l := lanes{f32: src, lane: srcRow, step: 1}
	whole := cols &^ 7
	if impl != cpu.Generic && impl != cpu.NEON && whole > 0 {
		done := 0
		for j := 0; j < whole; j += 8 {
			done = l.packVector(dst[j:], dstRow, j*srcRow, 8, rows)
		}
		if done < rows {
			l.packScalarTo(dst[done*dstRow:], dstRow, 0, whole, done, rows-done)
		}
	} else {
		whole = 0
	}
	l.packScalarTo(dst, dstRow, whole, cols, 0, rows)
}

// packScalarTo packs lanes j0 to j1 of steps at, at+1, … into rows of dst.
func (l *lanes) packScalarTo(dst []float32, width, j0, j1, at, steps int) {
	for s := range steps {
		for j := j0; j < j1; j++ {
			dst[s*width+j] = l.f32[j*l.lane+at+s]
		}
	}
}
