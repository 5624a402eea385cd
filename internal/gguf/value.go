package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// value is one metadata value, as bytes of its own: a scalar, a string, or an array.
type value struct {
	typ   ValueType
	elem  ValueType // of an array
	count int       // elements of an array, else 1
	data  []byte    // scalars back to back; of an array of strings each with its length before it
}

// value reads and checks a value. Its bytes are copied: metadata outlives the mapping.
func (c *cursor) value() (value, error) {
	typ, err := c.uint32()
	if err != nil {
		return value{}, err
	}
	v := value{typ: ValueType(typ), count: 1}
	if v.typ == Array {
		return c.array(v)
	}
	n, err := c.span(v.typ, 1)
	if err != nil {
		return value{}, err
	}
	b, err := c.take(n)
	v.data = slices.Clone(b)
	return v, v.check(v.typ, err)
}

func (c *cursor) array(v value) (value, error) {
	elem, err := c.uint32()
	if err != nil {
		return v, err
	}
	if v.elem = ValueType(elem); v.elem == Array {
		return v, errors.New("arrays of arrays are not supported")
	}
	if int(v.elem) >= len(width) {
		return v, fmt.Errorf("array of unknown %v", v.elem)
	}
	each := uint64(max(width[v.elem], 1))
	if v.elem == String {
		each = 8
	}
	n, err := c.count("elements", math.MaxInt32, each)
	if err != nil {
		return v, err
	}
	v.count = int(n)
	size, err := c.span(v.elem, n)
	if err != nil {
		return v, err
	}
	b, err := c.take(size)
	v.data = slices.Clone(b)
	return v, v.check(v.elem, err)
}

// span is how many bytes n values of a type take from here on.
func (c *cursor) span(t ValueType, n uint64) (uint64, error) {
	if int(t) >= len(width) {
		return 0, fmt.Errorf("unknown %v", t)
	}
	if t != String {
		return n * uint64(width[t]), nil // n is at most the file's length by count
	}
	at := 0
	for i := range n {
		if len(c.rest)-at < 8 {
			return 0, fmt.Errorf("string %d lies beyond the file: it is truncated or damaged", i)
		}
		length := binary.LittleEndian.Uint64(c.rest[at:])
		if length > uint64(len(c.rest)-at-8) {
			return 0, fmt.Errorf("string %d of %d bytes lies beyond the file: it is truncated or damaged", i, length)
		}
		at += 8 + int(length)
	}
	return uint64(at), nil
}

// check refuses booleans that are neither, which readers would take differently.
func (v value) check(t ValueType, err error) error {
	if err != nil || t != Bool {
		return err
	}
	for _, b := range v.data {
		if b > 1 {
			return fmt.Errorf("%d is no boolean", b)
		}
	}
	return nil
}

// scalar is element i of numbers or booleans, widened: float64 holds all of them exactly but the
// largest 64-bit integers, which uint reads itself.
func (v value) scalar(t ValueType, i int) float64 {
	b := v.data[i*int(width[t]):]
	switch t {
	case Uint8, Bool:
		return float64(b[0])
	case Int8:
		return float64(int8(b[0]))
	case Uint16:
		return float64(binary.LittleEndian.Uint16(b))
	case Int16:
		return float64(int16(binary.LittleEndian.Uint16(b)))
	case Uint32:
		return float64(binary.LittleEndian.Uint32(b))
	case Int32:
		return float64(int32(binary.LittleEndian.Uint32(b)))
	case Uint64:
		return float64(binary.LittleEndian.Uint64(b))
	case Int64:
		return float64(int64(binary.LittleEndian.Uint64(b)))
	case Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	default:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
}

// whole reports whether t is a type of integers.
func whole(t ValueType) bool {
	return t != Float32 && t != Float64 && t != Bool && int(t) < len(width) && width[t] > 0
}

// uint is the value as an integer that is not negative.
func (v value) uint() (uint64, bool) {
	switch {
	case !whole(v.typ):
		return 0, false
	case v.typ == Uint64 || v.typ == Int64:
		u := binary.LittleEndian.Uint64(v.data)
		return u, v.typ == Uint64 || u <= math.MaxInt64
	}
	f := v.scalar(v.typ, 0)
	return uint64(f), f >= 0
}

// Keys returns the metadata keys in the order of the file. The caller must not change the slice.
func (f *File) Keys() []string { return f.keys }

// Has reports whether there is a value under key.
func (f *File) Has(key string) bool {
	_, ok := f.values[key]
	return ok
}

// Kind returns the type of the value under key and, of an array, its elements' type and number.
func (f *File) Kind(key string) (typ, elem ValueType, n int, ok bool) {
	v, ok := f.values[key]
	return v.typ, v.elem, v.count, ok
}

// Uint returns the value under key where that is an integer of any width that is not negative.
func (f *File) Uint(key string) (uint64, bool) {
	v, ok := f.values[key]
	if !ok {
		return 0, false
	}
	return v.uint()
}

// Float returns the value under key where that is a number.
func (f *File) Float(key string) (float64, bool) {
	v, ok := f.values[key]
	if !ok || v.typ == Bool || int(v.typ) >= len(width) || width[v.typ] == 0 {
		return 0, false
	}
	return v.scalar(v.typ, 0), true
}

// Bool returns the value under key where that is a boolean.
func (f *File) Bool(key string) (value, ok bool) {
	v, ok := f.values[key]
	if !ok || v.typ != Bool {
		return false, false
	}
	return v.data[0] == 1, true
}

// String returns the value under key where that is a string. It may hold any bytes.
func (f *File) String(key string) (string, bool) {
	v, ok := f.values[key]
	if !ok || v.typ != String {
		return "", false
	}
	return string(v.data[8:]), true
}

// Strings returns the value under key where that is an array of strings.
func (f *File) Strings(key string) ([]string, bool) {
	v, ok := f.values[key]
	if !ok || v.typ != Array || v.elem != String {
		return nil, false
	}
	list := make([]string, v.count)
	for i, rest := 0, v.data; i < v.count; i++ {
		n := binary.LittleEndian.Uint64(rest)
		list[i] = string(rest[8 : 8+n])
		rest = rest[8+n:]
	}
	return list, true
}

// Floats returns the value under key where that is an array of numbers or booleans (0 and 1).
func (f *File) Floats(key string) ([]float64, bool) {
	v, ok := f.values[key]
	if !ok || v.typ != Array || v.elem == String {
		return nil, false
	}
	list := make([]float64, v.count)
	for i := range list {
		list[i] = v.scalar(v.elem, i)
	}
	return list, true
}

// Bytes returns the value under key where that is an array of bytes.
func (f *File) Bytes(key string) ([]byte, bool) {
	v, ok := f.values[key]
	if !ok || v.typ != Array || v.elem != Uint8 && v.elem != Int8 {
		return nil, false
	}
	return slices.Clone(v.data), true
}

// Pair returns the value under key as it can be written again.
func (f *File) Pair(key string) (Pair, bool) {
	v, ok := f.values[key]
	return Pair{Key: key, value: v}, ok
}
