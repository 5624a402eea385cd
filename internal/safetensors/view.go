package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/cultivar/cultivar/internal/dtype"
)

// Float32s returns the elements of an F32, BF16 or F16 tensor as float32, widened exactly, in
// memory that belongs to the caller and outlives the file.
func Float32s(t Tensor) ([]float32, error) {
	out := make([]float32, t.Len())
	typ, err := dtype.Parse(t.DType)
	switch {
	case err != nil:
		return nil, fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	case typ != dtype.F32:
		bits, err := ViewU16(t)
		if err != nil {
			return nil, err
		}
		dtype.Widen(typ, out, bits)
	default:
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
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
