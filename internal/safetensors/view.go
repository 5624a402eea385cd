package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Float32s returns the elements of an F32, BF16 or F16 tensor as float32, widened exactly, in
// memory that belongs to the caller and outlives the file.
func Float32s(t Tensor) ([]float32, error) {
	out := make([]float32, t.Len())
	switch t.DType {
	case F32:
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case BF16:
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	case F16:
		for i := range out {
			out[i] = widenF16(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	default:
		return nil, fmt.Errorf("tensor %s: type %s is not F32, BF16 or F16", quote(t.Name), t.DType)
	}
	return out, nil
}

// ViewF32 returns the elements of an F32 tensor without copying where the data is aligned and the
// machine little-endian; otherwise it copies. The result is read-only and lives as long as the file.
func ViewF32(t Tensor) ([]float32, error) {
	if t.DType != F32 {
		return nil, fmt.Errorf("tensor %s: type is %s, not F32", quote(t.Name), t.DType)
	}
	if v, ok := view[float32](t.Data); ok {
		return v, nil
	}
	return Float32s(t)
}

// ViewU16 returns the raw bits of a tensor of 16-bit elements (BF16, F16, U16, I16) under the same
// terms as ViewF32.
func ViewU16(t Tensor) ([]uint16, error) {
	if dtypes[t.DType].bits != 16 {
		return nil, fmt.Errorf("tensor %s: type %s is not 16 bits wide", quote(t.Name), t.DType)
	}
	if v, ok := view[uint16](t.Data); ok {
		return v, nil
	}
	out := make([]uint16, len(t.Data)/2)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(t.Data[2*i:])
	}
	return out, nil
}

// view reinterprets bytes in place. Headers are padded to 8 by today's writers but not by old ones,
// so alignment has to be looked at; some architectures trap on misaligned loads, and checkptr does.
func view[T float32 | uint16](data []byte) ([]T, bool) {
	size := unsafe.Sizeof(*new(T))
	if len(data) == 0 {
		return []T{}, true
	}
	p := unsafe.Pointer(unsafe.SliceData(data))
	if cpu.IsBigEndian || uintptr(p)%size != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(p), len(data)/int(size)), true
}

// widenF16 converts IEEE 754 binary16 to binary32, which is exact.
func widenF16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0: // zero or subnormal: frac·2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	case 0x1f: // infinity or NaN, payload kept
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}
