package quant

import (
	"errors"
	"fmt"
	"math"
)

// The tables that codes of NF4 and FP4 index (bitsandbytes/functional.py, get_4bit_type). FP4's are
// bit patterns of one sign, two exponent and one fraction bit, divided by the largest.
var (
	valuesNF4 = [16]float32{
		-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
		-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
		0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
		0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
	}
	valuesFP4 = [16]float32{
		0, 0.0625 / 12., 8. / 12, 1, 4. / 12, 6. / 12, 2. / 12, 3. / 12,
		0, -0.0625 / 12., -8. / 12, -1, -4. / 12, -6. / 12, -2. / 12, -3. / 12,
	}
)

// FourBit is a weight as bitsandbytes stores it in 4 bits. Blocks of Block elements, counted through
// all rows, share a scale: element i is table[code i]·scale[i / Block], rounded once
// (bitsandbytes/backends/default/ops.py, dequantize_4bit).
type FourBit struct {
	Format     Format // NF4 or FP4
	Rows, Cols int
	Block      int    // even; bitsandbytes allows powers of two of 32 to 4096
	Packed     []byte // two codes a byte, the even element in the high nibble
	Absmax     []float32
	Nested     *Nested // takes the place of Absmax
}

// Nested is the scales of a FourBit in 8 bits (double quantisation): scale i is
// Map[Codes[i]]·Absmax[i / Block] + Offset, the product rounded (functional.py, dequantize_4bit).
type Nested struct {
	Codes  []byte
	Map    []float32 // 256 values
	Absmax []float32
	Block  int
	Offset float32
}

// FourBitValues returns the table of NF4 or FP4, nil for other formats.
func FourBitValues(f Format) []float32 {
	if t := tableOf(f); t != nil {
		return append([]float32(nil), t[:]...)
	}
	return nil
}

func tableOf(f Format) *[16]float32 {
	switch f {
	case NF4:
		return &valuesNF4
	case FP4:
		return &valuesFP4
	}
	return nil
}

// maxBlock bounds blocks whose scale is shared, in elements; bitsandbytes has up to 4096.
const maxBlock = 1 << 16

// Tensor checks the parts against each other and returns the tensor they are, which shares them.
func (q FourBit) Tensor() (*Tensor, error) {
	table := tableOf(q.Format)
	if table == nil {
		return nil, fmt.Errorf("%v is no 4-bit format of bitsandbytes", q.Format)
	}
	if err := checkShape(q.Rows, q.Cols); err != nil {
		return nil, err
	}
	if q.Block < 2 || q.Block%2 != 0 || q.Block > maxBlock {
		return nil, fmt.Errorf("blocks of %d elements: not even or not in 2 to %d", q.Block, maxBlock)
	}
	n := q.Rows * q.Cols
	if err := checkLength("the packed weight", len(q.Packed), (n+1)/2); err != nil {
		return nil, err
	}
	blocks := ceilDiv(n, q.Block)
	if q.Nested == nil {
		if err := checkLength("absmax", len(q.Absmax), blocks); err != nil {
			return nil, err
		}
	} else if err := q.Nested.check(blocks); err != nil {
		return nil, err
	}
	return &Tensor{Format: q.Format, Rows: q.Rows, Cols: q.Cols, storage: &fourBit{q, table}}, nil
}

func (s *Nested) check(blocks int) error {
	if err := checkLength("absmax", len(s.Codes), blocks); err != nil {
		return err
	}
	if err := checkLength("the map of absmax", len(s.Map), 256); err != nil {
		return err
	}
	if s.Block < 1 || s.Block > maxBlock {
		return fmt.Errorf("blocks of %d scales are not in 1 to %d", s.Block, maxBlock)
	}
	if f := float64(s.Offset); math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("the offset of absmax is not finite")
	}
	return checkLength("absmax of absmax", len(s.Absmax), ceilDiv(blocks, s.Block))
}

// at is scale i.
func (s *Nested) at(i int) float32 {
	return float32(s.Map[s.Codes[i]]*s.Absmax[i/s.Block]) + s.Offset
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// fourBit is the storage of a FourBit.
type fourBit struct {
	FourBit
	table *[16]float32
}

func (q *fourBit) bytes() int64 {
	n := len(q.Packed) + 4*len(q.Absmax)
	if s := q.Nested; s != nil {
		n = len(q.Packed) + len(s.Codes) + 4*(len(s.Map)+len(s.Absmax)+1)
	}
	return int64(n)
}

func (q *fourBit) decode(dst []float32, row, col int) {
	at := row*q.Cols + col
	block := at / q.Block
	for end := (block + 1) * q.Block; len(dst) > 0; block, end = block+1, end+q.Block {
		scale := float32(0)
		if q.Nested != nil {
			scale = q.Nested.at(block)
		} else {
			scale = q.Absmax[block]
		}
		n := min(len(dst), end-at)
		widenNibbles(dst[:n], q.Packed, at, q.table, scale)
		dst, at = dst[n:], end
	}
}

// widenNibbles widens elements at, at+1, … of packed, which has the even element of a byte in the
// high nibble, to table[code]·scale.
func widenNibbles(dst []float32, packed []byte, at int, table *[16]float32, scale float32) {
	if at%2 != 0 {
		dst[0] = table[packed[at/2]&15] * scale
		dst, at = dst[1:], at+1
	}
	packed = packed[at/2:][:(len(dst)+1)/2]
	done := widenNibblesVector(dst, packed, table, scale)
	dst, packed = dst[done:], packed[done/2:]
	for ; len(dst) >= 2; dst, packed = dst[2:], packed[1:] {
		b := packed[0]
		dst[0], dst[1] = table[b>>4]*scale, table[b&15]*scale
	}
	if len(dst) > 0 {
		dst[0] = table[packed[0]>>4] * scale
	}
}
