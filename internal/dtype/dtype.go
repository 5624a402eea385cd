// Package dtype is the element types of stored tensors and their exact conversions to and from
// float32, the only type that is computed with (docs/numerics.md).
package dtype

import "fmt"

//go:generate go -C ../../tools/asm run ./neon/dtype -out ../../internal/dtype/vector_arm64.s -stubs ../../internal/dtype/stubs_arm64.go

// Type is the element type of a stored tensor.
type Type uint8

// The element types. The zero value is the type that everything is widened to.
const (
	F32  Type = iota // IEEE 754 binary32
	BF16             // the upper half of a binary32
	F16              // IEEE 754 binary16
)

var names = [...]string{F32: "F32", BF16: "BF16", F16: "F16"}

// String returns the name that safetensors files use.
func (t Type) String() string {
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("dtype.Type(%d)", uint8(t))
}

// Size returns the bytes that one element takes.
func (t Type) Size() int {
	if t == F32 {
		return 4
	}
	return 2
}

// Parse returns the type with the name that safetensors files use.
func Parse(name string) (Type, error) {
	for t, n := range names {
		if n == name {
			return Type(t), nil
		}
	}
	return 0, fmt.Errorf("element type %q is none of F32, BF16, F16", name)
}
