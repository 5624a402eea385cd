package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cultivar/cultivar/internal/atomicfile"
)

// Pair is a metadata key and its value, made by [NewPair] or [File.Pair].
type Pair struct {
	Key   string
	value value
}

// NewPair makes a pair of a value. The Go type decides the type in the file: string, bool, uint32,
// int32, uint64, int64, float32, float64, or a slice of string, bool, uint8, uint32, int32 or float32.
func NewPair(key string, v any) Pair {
	p := Pair{Key: key}
	switch v := v.(type) {
	case string:
		p.value = value{typ: String, count: 1, data: appendString(nil, v)}
	case []string:
		p.value = value{typ: Array, elem: String, count: len(v)}
		for _, s := range v {
			p.value.data = appendString(p.value.data, s)
		}
	case bool:
		p.value = scalars(Bool, 1, v)
	case uint32:
		p.value = scalars(Uint32, 1, v)
	case int32:
		p.value = scalars(Int32, 1, v)
	case uint64:
		p.value = scalars(Uint64, 1, v)
	case int64:
		p.value = scalars(Int64, 1, v)
	case float32:
		p.value = scalars(Float32, 1, v)
	case float64:
		p.value = scalars(Float64, 1, v)
	case []bool:
		p.value = scalars(Bool, -len(v), v)
	case []uint8:
		p.value = scalars(Uint8, -len(v), v)
	case []uint32:
		p.value = scalars(Uint32, -len(v), v)
	case []int32:
		p.value = scalars(Int32, -len(v), v)
	case []float32:
		p.value = scalars(Float32, -len(v), v)
	default:
		panic(fmt.Sprintf("gguf: no metadata value is made of a %T", v))
	}
	return p
}

// scalars encodes one number, or with n ≤ 0 an array of −n.
func scalars(t ValueType, n int, v any) value {
	data, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(fmt.Sprintf("gguf: encode a %T: %v", v, err)) // the callers' types all have a fixed size
	}
	if n > 0 {
		return value{typ: t, count: 1, data: data}
	}
	return value{typ: Array, elem: t, count: -n, data: data}
}

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// Entry is a tensor to be written. Load makes its bytes at the moment they are written, so that a
// file can be larger than memory.
type Entry struct {
	Name  string
	Type  Type
	Shape []int // row-major
	Load  func() ([]byte, error)
}

// Write writes a file of version 3 whose bytes depend only on what it is given: pairs and tensors in
// that order, data aligned to 32 bytes with zeros between, and behind the last tensor.
func Write(w io.Writer, pairs []Pair, entries []Entry) error {
	head, err := header(pairs, entries)
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	if _, err := buf.Write(head); err != nil {
		return err
	}
	for _, e := range entries {
		if err := e.write(buf); err != nil {
			return fmt.Errorf("tensor %s: %w", quote(e.Name), err)
		}
	}
	return buf.Flush()
}

// WriteFile is Write into a file that appears whole or not at all.
func WriteFile(path string, pairs []Pair, entries []Entry) error {
	err := atomicfile.WriteFile(path, func(w io.Writer) error { return Write(w, pairs, entries) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// header is everything before the data, padded.
func header(pairs []Pair, entries []Entry) ([]byte, error) {
	b := binary.LittleEndian.AppendUint32([]byte(magic), 3)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(entries)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(pairs)))
	seen := map[string]bool{}
	for _, p := range pairs {
		if p.Key == "" || len(p.Key) > maxKey || seen[p.Key] || p.Key == alignmentKey {
			return nil, fmt.Errorf("metadata key %s is empty, too long, written twice or not the caller's", quote(p.Key))
		}
		seen[p.Key] = true
		b = p.append(b)
	}
	seen = map[string]bool{}
	var at int64
	for _, e := range entries {
		if e.Name == "" || len(e.Name) >= maxName || seen[e.Name] || len(e.Shape) == 0 || len(e.Shape) > maxDims {
			return nil, fmt.Errorf("tensor %s: the name is empty, of %d bytes or more, or written twice, or the shape %v has not 1 to %d dimensions", quote(e.Name), maxName, e.Shape, maxDims)
		}
		seen[e.Name] = true
		size, err := e.Type.Size(e.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", quote(e.Name), err)
		}
		b = e.append(b, at)
		if at = align(at+size, defaultAlignment); at > math.MaxInt64/2 {
			return nil, errors.New("the tensors are too large for a file")
		}
	}
	return append(b, make([]byte, align(int64(len(b)), defaultAlignment)-int64(len(b)))...), nil
}

func (p Pair) append(b []byte) []byte {
	b = appendString(b, p.Key)
	b = binary.LittleEndian.AppendUint32(b, uint32(p.value.typ))
	if p.value.typ == Array {
		b = binary.LittleEndian.AppendUint32(b, uint32(p.value.elem))
		b = binary.LittleEndian.AppendUint64(b, uint64(p.value.count))
	}
	return append(b, p.value.data...)
}

func (e Entry) append(b []byte, offset int64) []byte {
	b = appendString(b, e.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Shape)))
	for i := range e.Shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Shape[len(e.Shape)-1-i]))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(e.Type))
	return binary.LittleEndian.AppendUint64(b, uint64(offset))
}

func (e Entry) write(w io.Writer) error {
	data, err := e.Load()
	if err != nil {
		return err
	}
	want, err := e.Type.Size(e.Shape)
	if err != nil {
		return err
	}
	if int64(len(data)) != want {
		return fmt.Errorf("%v%v needs %d bytes, got %d", e.Type, e.Shape, want, len(data))
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	_, err = w.Write(make([]byte, align(want, defaultAlignment)-want))
	return err
}
