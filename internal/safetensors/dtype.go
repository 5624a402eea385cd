package safetensors

import (
	"fmt"
	"math"
	"strings"

	"github.com/cultivar/cultivar/internal/humanize"
)

// The element types of the weights this project computes with. Other types are carried as bytes.
const (
	F32  = "F32"
	F16  = "F16"
	BF16 = "BF16"
	U8   = "U8"
)

// dtypeInfo is what the format knows about an element type.
type dtypeInfo struct {
	bits int // sub-byte types are packed without padding
	rank int // position in the reference's enum, which decides the order in a file
}

// dtypes lists the element types in the order of the reference's Dtype enum
// (huggingface/safetensors, safetensors/src/tensor.rs).
var dtypes = func() map[string]dtypeInfo {
	list := []struct {
		name string
		bits int
	}{
		{"BOOL", 8}, {"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {U8, 8}, {"I8", 8},
		{"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E8M0", 8},
		{"I16", 16}, {"U16", 16}, {F16, 16}, {BF16, 16}, {"I32", 32}, {"U32", 32}, {F32, 32},
		{"C64", 64}, {"F64", 64}, {"I64", 64}, {"U64", 64},
	}
	m := make(map[string]dtypeInfo, len(list))
	for i, d := range list {
		m[d.name] = dtypeInfo{bits: d.bits, rank: i}
	}
	return m
}()

// byteLength is the length of a tensor's data: the product of its shape times the size of its type.
// A shape without dimensions is a scalar.
func byteLength(dtype string, shape []int) (int64, error) {
	info, ok := dtypes[dtype]
	if !ok {
		return 0, fmt.Errorf("type %s is unknown; known are F32, BF16, F16 and the others of the safetensors format", quote(dtype))
	}
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if d > 0 && n > math.MaxInt64/64/int64(d) {
			return 0, fmt.Errorf("shape %s is too large", shapeString(shape))
		}
		n *= int64(d)
	}
	bits := n * int64(info.bits)
	if bits%8 != 0 {
		return 0, fmt.Errorf("shape %s of %s does not end on a whole byte", shapeString(shape), dtype)
	}
	return bits / 8, nil
}

// shapeString prints a shape for an error; a hostile shape with thousands of dimensions is cut.
func shapeString(shape []int) string {
	if len(shape) > 8 {
		return strings.TrimSuffix(fmt.Sprint(shape[:8]), "]") + " …]"
	}
	return fmt.Sprint(shape)
}

// quote prints a name from a file for an error: control characters escaped, long names cut.
func quote(name string) string { return fmt.Sprintf("%q", humanize.Excerpt(name, 200)) }
