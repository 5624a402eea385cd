package quant

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cultivar/cultivar/internal/parallel"
)

// grouped is the storage of GPTQ and AWQ: whole numbers with a scale and a zero point for each group
// of columns of each row. An element is (code − zero)·scale, rounded once; with scales that were
// float16 it is exact.
//
// Both formats store several rows, or several columns, of different rows beside each other, for the
// threads of a GPU. What decodes rows cannot use that, so that the first use repacks the weight row by
// row, into as much memory as the file has for it.
type grouped struct {
	rows, cols int
	bits       int     // 2, 3, 4 or 8
	size       int     // columns in a group
	groups     int     // in a row
	group      []int32 // the group of each column, nil where that is column/size

	once   sync.Once
	repack func(*grouped) // fills what follows
	codes  []byte         // row by row; below 8 bits two a byte, the even element in the high nibble
	stride int            // bytes a row
	scales []float32      // [row][group]
	zeros  []byte         // [row][group]
}

func (g *grouped) bytes() int64 {
	return int64(g.rows) * int64(g.codeBytes()+5*g.groups)
}

// codeBytes is how many bytes the codes of a row take.
func (g *grouped) codeBytes() int {
	if g.bits == 8 {
		return g.cols
	}
	return ceilDiv(g.cols, 2)
}

// lessZero is the values of 4-bit codes by zero point.
var lessZero = func() (t [16][16]float32) {
	for zero := range t {
		for code := range t[zero] {
			t[zero][code] = float32(code - zero)
		}
	}
	return t
}()

func (g *grouped) decode(dst []float32, row, col int) {
	g.once.Do(g.prepare)
	codes := g.codes[row*g.stride:][:g.stride]
	scales, zeros := g.scales[row*g.groups:][:g.groups], g.zeros[row*g.groups:][:g.groups]
	if g.group != nil || g.bits == 8 {
		g.decodeEach(dst, col, codes, scales, zeros)
		return
	}
	for len(dst) > 0 {
		i := col / g.size
		n := min(len(dst), (i+1)*g.size-col)
		widenNibbles(dst[:n], codes, col, &lessZero[zeros[i]&15], scales[i])
		dst, col = dst[n:], col+n
	}
}

// decodeEach is decode where each column may be of another group.
func (g *grouped) decodeEach(dst []float32, col int, codes []byte, scales []float32, zeros []byte) {
	for i := range dst {
		at := col + i
		group := at / g.size
		if g.group != nil {
			group = int(g.group[at])
		}
		var code byte
		switch {
		case g.bits == 8:
			code = codes[at]
		case at%2 == 0:
			code = codes[at/2] >> 4
		default:
			code = codes[at/2] & 15
		}
		dst[i] = float32(int(code)-int(zeros[group])) * scales[group]
	}
}

func (g *grouped) prepare() {
	g.stride = g.codeBytes()
	g.codes = make([]byte, g.rows*g.stride)
	g.scales, g.zeros = make([]float32, g.rows*g.groups), make([]byte, g.rows*g.groups)
	g.repack(g)
	g.repack = nil // and with it the file's layout
}

// GroupedParts is a weight of GPTQ or AWQ as it is in a file: 32-bit words, little-endian, of Rows ×
// Cols codes, where rows are outputs and columns inputs.
type GroupedParts struct {
	Rows, Cols int
	Bits       int       // of a code: for GPTQ 2, 3, 4 or 8, for AWQ 4
	GroupSize  int       // columns; Cols for one group
	Weight     []byte    // qweight
	Zeros      []byte    // qzeros
	Scales     []float32 // [group][row]
	// Group is the group of each column (g_idx of GPTQ), nil where it is column/GroupSize.
	Group []int32
	// ZeroLess1 tells that zero points are stored less one, as GPTQ's first format has them.
	ZeroLess1 bool
}

// unit is the fewest codes that are whole words, and those words: of 3 bits 32 codes in 3 words.
func (p GroupedParts) unit() (codes, words int) {
	if p.Bits == 3 {
		return 32, 3
	}
	return 32 / p.Bits, 1
}

// check holds the parts of a shape that is in range against each other; weight is how many words qweight
// has to have.
func (p GroupedParts) check(weight int) (*grouped, error) {
	codes, words := p.unit()
	if p.Rows%codes != 0 {
		return nil, fmt.Errorf("%d rows of %d bits are no whole words", p.Rows, p.Bits)
	}
	if p.GroupSize < 1 || p.GroupSize > p.Cols {
		return nil, fmt.Errorf("group size %d is not in 1 to %d", p.GroupSize, p.Cols)
	}
	g := &grouped{rows: p.Rows, cols: p.Cols, bits: p.Bits, size: p.GroupSize, groups: ceilDiv(p.Cols, p.GroupSize)}
	for _, part := range []struct {
		name      string
		got, want int
	}{
		{"qweight", len(p.Weight), 4 * weight},
		{"qzeros", len(p.Zeros), 4 * g.groups * p.Rows / codes * words},
		{"scales", len(p.Scales), g.groups * p.Rows},
	} {
		if err := checkLength(part.name, part.got, part.want); err != nil {
			return nil, err
		}
	}
	return g, p.checkGroups(g)
}

// checkGroups refuses groups that there are not, and keeps those that are not in order.
func (p GroupedParts) checkGroups(g *grouped) error {
	if p.Group == nil {
		return nil
	}
	if err := checkLength("g_idx", len(p.Group), p.Cols); err != nil {
		return err
	}
	for col, group := range p.Group {
		if group < 0 || int(group) >= g.groups {
			return fmt.Errorf("g_idx puts column %d into group %d of %d", col, group, g.groups)
		}
		if int(group) != col/p.GroupSize {
			g.group = p.Group
		}
	}
	return nil
}

// FromGPTQ is a weight of GPTQ: words of qweight hold consecutive columns of a row and lie as
// [column][row], words of qzeros hold the zero points of consecutive rows and lie as [group][row],
// the lowest bits first; of 3 bits, codes go on in the next word (AutoGPTQ,
// auto_gptq/nn_modules/qlinear/qlinear_cuda.py).
func FromGPTQ(p GroupedParts) (*Tensor, error) {
	if p.Bits != 2 && p.Bits != 3 && p.Bits != 4 && p.Bits != 8 {
		return nil, fmt.Errorf("GPTQ of %d bits: not 2, 3, 4 or 8", p.Bits)
	}
	if err := checkShape(p.Rows, p.Cols); err != nil {
		return nil, err
	}
	codes, words := p.unit()
	if p.Cols%codes != 0 {
		return nil, fmt.Errorf("%d columns of %d bits are no whole words", p.Cols, p.Bits)
	}
	g, err := p.check(p.Cols / codes * words * p.Rows)
	if err != nil {
		return nil, err
	}
	g.repack = p.repackGPTQ
	return &Tensor{Format: GPTQ, Rows: p.Rows, Cols: p.Cols, storage: g}, nil
}

// word is 32-bit word i.
func word(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }

// rowsAtOnce is how many rows are repacked together, so that reads go along cache lines.
const rowsAtOnce = 64

func (p GroupedParts) repackGPTQ(g *grouped) {
	codes, words := p.unit()
	mask := byte(1)<<p.Bits - 1
	plus := byte(0)
	if p.ZeroLess1 {
		plus = 1 // wraps: a zero point of 0 is stored as all ones
	}
	parallel.For(p.Rows, rowsAtOnce, func(lo, hi int) {
		var w [3]uint32
		for u := range p.Cols / codes {
			for row := lo; row < hi; row++ {
				for i := range words {
					w[i] = word(p.Weight, (u*words+i)*p.Rows+row)
				}
				putCodes(g.codes[row*g.stride:], u*codes, codes, w, p.Bits)
			}
		}
		for group := range g.groups {
			for row := lo; row < hi; row++ {
				at := group*p.Rows + row
				for i := range words {
					w[i] = word(p.Zeros, at/codes*words+i)
				}
				zero := codeAt(w, row%codes, p.Bits)
				g.scales[row*g.groups+group], g.zeros[row*g.groups+group] = p.Scales[at], (zero+plus)&mask
			}
		}
	})
}

// codeAt is code i of words whose codes follow each other from the lowest bit on, some of 3 bits in two
// words.
func codeAt(w [3]uint32, i, bits int) byte {
	at, shift := i*bits/32, i*bits%32
	v := w[at] >> shift
	if shift+bits > 32 {
		v |= w[at+1] << (32 - shift)
	}
	return byte(v) & (1<<bits - 1)
}

// putCodes stores the n codes of words as elements at, at+1, … of a row.
func putCodes(row []byte, at, n int, w [3]uint32, bits int) {
	for i := range n {
		switch code := codeAt(w, i, bits); {
		case bits == 8:
			row[at+i] = code
		case i%2 == 0:
			row[(at+i)/2] = code << 4
		default:
			row[(at+i)/2] |= code
		}
	}
}

// orderAWQ is the row, of eight, that nibble i of a word belongs to (AutoAWQ, awq/utils/packing_utils.py,
// AWQ_ORDER): even rows, then odd ones.
var orderAWQ = [8]int{0, 2, 4, 6, 1, 3, 5, 7}

// FromAWQ is a weight of AWQ in its "gemm" layout: words of qweight and of qzeros hold eight
// consecutive rows in an order of their own and lie as [column][rows] and [group][rows].
func FromAWQ(p GroupedParts) (*Tensor, error) {
	if p.Bits != 4 {
		return nil, fmt.Errorf("AWQ of %d bits: not 4", p.Bits)
	}
	if err := checkShape(p.Rows, p.Cols); err != nil {
		return nil, err
	}
	g, err := p.check(p.Cols * (p.Rows / 8))
	if err != nil {
		return nil, err
	}
	g.repack = p.repackAWQ
	return &Tensor{Format: AWQ, Rows: p.Rows, Cols: p.Cols, storage: g}, nil
}

func (p GroupedParts) repackAWQ(g *grouped) {
	words := p.Rows / 8
	parallel.For(words, rowsAtOnce/8, func(lo, hi int) {
		for col := range p.Cols {
			shift := (col%2 ^ 1) * 4
			for w := lo; w < hi; w++ {
				codes := word(p.Weight, col*words+w)
				for i, row := range orderAWQ {
					g.codes[(8*w+row)*g.stride+col/2] |= byte(codes>>(4*i)&15) << shift
				}
			}
		}
		for group := range g.groups {
			for w := lo; w < hi; w++ {
				zeros := word(p.Zeros, group*words+w)
				for i, row := range orderAWQ {
					at := (8*w+row)*g.groups + group
					g.zeros[at], g.scales[at] = byte(zeros>>(4*i)&15), p.Scales[group*p.Rows+8*w+row]
				}
			}
		}
	})
}
