package gguf

import "fmt"

// Type is how the elements of a tensor are stored: ggml's number for it (ggml.h, enum ggml_type).
type Type uint32

// The types that are read or written as plain numbers, and those that weights are quantised to or
// repacked in. The others have a name and a size in the table below; what their bytes mean is for internal/quant.
const (
	F32   Type = 0
	F16   Type = 1
	Q8_0  Type = 8
	BF16  Type = 30
	MXFP4 Type = 39
)

// layout is what a type's blocks are: rows are whole blocks, one after the other.
type layout struct {
	name     string
	elements int64 // in a block
	bytes    int64 // a block takes
}

// layouts lists ggml's types (gguf-py/gguf/constants.py, GGML_QUANT_SIZES). Numbers that are missing
// were given to formats that no longer exist.
var layouts = map[Type]layout{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, BF16: {"BF16", 1, 2},
	24: {"I8", 1, 1}, 25: {"I16", 1, 2}, 26: {"I32", 1, 4}, 27: {"I64", 1, 8}, 28: {"F64", 1, 8},
	2: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20}, 6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24}, Q8_0: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 40},
	10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, 12: {"Q4_K", 256, 144}, 13: {"Q5_K", 256, 176}, 14: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292},
	16: {"IQ2_XXS", 256, 66}, 17: {"IQ2_XS", 256, 74}, 18: {"IQ3_XXS", 256, 98}, 19: {"IQ1_S", 256, 50}, 20: {"IQ4_NL", 32, 18},
	21: {"IQ3_S", 256, 110}, 22: {"IQ2_S", 256, 82}, 23: {"IQ4_XS", 256, 136}, 29: {"IQ1_M", 256, 56},
	34: {"TQ1_0", 256, 54}, 35: {"TQ2_0", 256, 66}, MXFP4: {"MXFP4", 32, 17}, 40: {"NVFP4", 64, 36}, 41: {"Q1_0", 128, 18},
}

// String returns ggml's name for the type.
func (t Type) String() string {
	if l, ok := layouts[t]; ok {
		return l.name
	}
	return fmt.Sprintf("ggml type %d", uint32(t))
}

// Size returns the bytes that a tensor of the type and shape takes. The last dimension is the length
// of a row and must be whole blocks.
func (t Type) Size(shape []int) (int64, error) {
	l, ok := layouts[t]
	if !ok {
		return 0, fmt.Errorf("%v is not known", t)
	}
	if len(shape) == 0 {
		shape = []int{1}
	}
	blocks := int64(shape[len(shape)-1])
	if blocks%l.elements != 0 {
		return 0, fmt.Errorf("rows of %d elements are no whole blocks of %s, which hold %d", blocks, l.name, l.elements)
	}
	blocks /= l.elements
	for _, d := range shape[:len(shape)-1] {
		if d < 0 || blocks > 0 && int64(d) > maxBytes/blocks {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		blocks *= int64(d)
	}
	if blocks < 0 || blocks > maxBytes/l.bytes {
		return 0, fmt.Errorf("shape %v is too large", shape)
	}
	return blocks * l.bytes, nil
}

// ValueType is the type of a metadata value (gguf.md, "File Structure", enum gguf_metadata_value_type).
type ValueType uint32

// The value types.
const (
	Uint8 ValueType = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Float32
	Bool
	String
	Array
	Uint64
	Int64
	Float64
)

// width is the bytes that a value of a type takes, 0 where that depends on the value.
var width = [...]int64{Uint8: 1, Int8: 1, Uint16: 2, Int16: 2, Uint32: 4, Int32: 4, Float32: 4, Bool: 1, String: 0, Array: 0, Uint64: 8, Int64: 8, Float64: 8}

var valueNames = [...]string{Uint8: "uint8", Int8: "int8", Uint16: "uint16", Int16: "int16", Uint32: "uint32", Int32: "int32",
	Float32: "float32", Bool: "bool", String: "string", Array: "array", Uint64: "uint64", Int64: "int64", Float64: "float64"}

// String returns the name that the format's description uses, in Go's spelling.
func (t ValueType) String() string {
	if int(t) < len(valueNames) {
		return valueNames[t]
	}
	return fmt.Sprintf("value type %d", uint32(t))
}
