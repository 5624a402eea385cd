package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Bounds on what a header may ask for, far beyond published files, so that a hostile one turns into
// little memory: all of them are held against the bytes that are there as well.
const (
	maxBytes    = math.MaxInt64 / 2
	maxPairs    = 1 << 16
	maxTensors  = 1 << 20
	maxKey      = 1<<16 - 1 // the format's own limit, in bytes
	maxName     = 64        // the format's own limit, in bytes
	maxDims     = 4         // ggml's GGML_MAX_DIMS
	maxAlign    = 1 << 16
	pairBytes   = 8 + 1 + 4 + 1     // the least that a metadata pair takes
	tensorBytes = 8 + 1 + 4 + 4 + 8 // the least that a tensor's entry takes

	defaultAlignment = 32
	alignmentKey     = "general.alignment"
	splitKey         = "split.count"
)

// Parse reads a file that is already in memory; name is for errors. Tensors share data.
func Parse(name string, data []byte) (*File, error) {
	f := &File{path: name, values: map[string]value{}, tensors: map[string]Tensor{}, close: func() error { return nil }}
	if err := f.parse(&cursor{rest: data, size: len(data)}, data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *File) parse(c *cursor, data []byte) error {
	tensors, pairs, err := f.parseStart(c)
	if err != nil {
		return err
	}
	for i := range pairs {
		if err := f.parsePair(c); err != nil {
			return fmt.Errorf("metadata %d: %w", i, err)
		}
	}
	if n, ok := f.Uint(splitKey); ok && n > 1 {
		return fmt.Errorf("%s is %d: the model is in several files; join them with llama-gguf-split --merge", splitKey, n)
	}
	alignment, err := f.alignment()
	if err != nil {
		return err
	}
	entries := make([]entry, 0, tensors)
	for i := range tensors {
		e, err := c.entry()
		if err != nil {
			return fmt.Errorf("tensor %d: %w", i, err)
		}
		entries = append(entries, e)
	}
	start := align(int64(c.at()), alignment)
	if len(entries) == 0 {
		return nil // a vocabulary; what padding there is does not matter
	}
	if start > int64(len(data)) {
		return errors.New("the file ends before its tensors: it is truncated")
	}
	return f.place(entries, data[start:], alignment)
}

// parseStart reads what comes before the metadata: magic, version and the two counts.
func (f *File) parseStart(c *cursor) (tensors, pairs uint64, err error) {
	head, err := c.take(4)
	if err != nil || string(head) != magic {
		return 0, 0, fmt.Errorf("%w: it does not begin with %q", ErrNotGGUF, magic)
	}
	if f.version, err = c.uint32(); err != nil {
		return 0, 0, err
	}
	switch {
	case f.version == 2 || f.version == 3:
	case f.version == 1:
		return 0, 0, errors.New("GGUF version 1 is not supported: it was replaced in 2023; convert the model anew")
	case f.version&0xffff == 0:
		return 0, 0, errors.New("the file is big-endian, which is not supported; convert it with gguf_convert_endian")
	default:
		return 0, 0, fmt.Errorf("GGUF version %d is not supported (supported: 2, 3)", f.version)
	}
	if tensors, err = c.count("tensors", maxTensors, tensorBytes); err != nil {
		return 0, 0, err
	}
	pairs, err = c.count("metadata pairs", maxPairs, pairBytes)
	return tensors, pairs, err
}

func (f *File) parsePair(c *cursor) error {
	key, err := c.string("key", maxKey)
	if err != nil {
		return err
	}
	if key == "" {
		return errors.New("key is empty")
	}
	if _, twice := f.values[key]; twice {
		return fmt.Errorf("key %s occurs twice", quote(key))
	}
	v, err := c.value()
	if err != nil {
		return fmt.Errorf("key %s: %w", quote(key), err)
	}
	f.keys, f.values[key] = append(f.keys, key), v
	return nil
}

// alignment is what tensors start at multiples of.
func (f *File) alignment() (int64, error) {
	v, ok := f.values[alignmentKey]
	if !ok {
		return defaultAlignment, nil
	}
	n, ok := v.uint()
	if v.typ != Uint32 || !ok || n == 0 || n > maxAlign || n&(n-1) != 0 {
		return 0, fmt.Errorf("%s is no uint32 that is a power of two up to %d", alignmentKey, maxAlign)
	}
	return int64(n), nil
}

// entry is what the header says of a tensor; offset counts from the start of the data.
type entry struct {
	Tensor
	offset, size int64
}

func (c *cursor) entry() (entry, error) {
	var e entry
	var err error
	if e.Name, err = c.string("name", maxName); err != nil {
		return e, err
	}
	if e.Name == "" {
		return e, errors.New("name is empty")
	}
	if err := e.read(c); err != nil {
		return e, fmt.Errorf("%s: %w", quote(e.Name), err)
	}
	return e, nil
}

func (e *entry) read(c *cursor) error {
	dims, err := c.uint32()
	if err != nil {
		return err
	}
	if dims > maxDims {
		return fmt.Errorf("%d dimensions exceed the limit of %d", dims, maxDims)
	}
	elements := uint64(1)
	for range dims {
		d, err := c.uint64()
		if err != nil {
			return err
		}
		if d == 0 || d > maxBytes/elements {
			return fmt.Errorf("dimension %d is out of range", d)
		}
		elements *= d
		e.Shape = append(e.Shape, int(d))
	}
	slices.Reverse(e.Shape) // the file has the length of a row first
	typ, err := c.uint32()
	if err != nil {
		return err
	}
	e.Type = Type(typ)
	offset, err := c.uint64()
	if err != nil {
		return err
	}
	if offset > maxBytes {
		return fmt.Errorf("offset %d is out of range", offset)
	}
	e.offset = int64(offset)
	e.size, err = e.Type.Size(e.Shape)
	return err
}

// place holds the tensors against the data: each must lie where ggml expects it, behind the one
// before it and padded to the alignment, so that no byte of the file has two meanings.
func (f *File) place(entries []entry, data []byte, alignment int64) error {
	var at int64
	for _, e := range entries {
		if _, twice := f.tensors[e.Name]; twice {
			return fmt.Errorf("tensor %s occurs twice", quote(e.Name))
		}
		if e.offset != at {
			return fmt.Errorf("tensor %s: offset %d, but the tensors before it end at %d (aligned to %d)", quote(e.Name), e.offset, at, alignment)
		}
		if e.size > int64(len(data))-at {
			return fmt.Errorf("tensor %s: %d bytes at %d lie beyond the file (%d bytes of data): the file is truncated or damaged", quote(e.Name), e.size, at, len(data))
		}
		e.Data = data[at : at+e.size : at+e.size]
		f.names, f.tensors[e.Name] = append(f.names, e.Name), e.Tensor
		// The last tensor's padding may be missing.
		at = min(align(at+e.size, alignment), max(int64(len(data)), at+e.size))
	}
	if rest := int64(len(data)) - at; rest > 0 {
		return fmt.Errorf("%d bytes follow the last tensor: the file is damaged", rest)
	}
	return nil
}

// align rounds n up to a multiple of alignment, a power of two.
func align(n, alignment int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// quote prints a name for an error: quoted, and cut if it is long.
func quote(name string) string {
	if len(name) > 80 {
		name = name[:80]
	}
	return fmt.Sprintf("%q", name)
}

// cursor reads a header from front to back.
type cursor struct {
	rest []byte
	size int
}

func (c *cursor) at() int { return c.size - len(c.rest) }

func (c *cursor) take(n uint64) ([]byte, error) {
	if n > uint64(len(c.rest)) {
		return nil, fmt.Errorf("%d bytes at %d lie beyond the file: it is truncated or damaged", n, c.at())
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b, nil
}

func (c *cursor) uint32() (uint32, error) {
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *cursor) uint64() (uint64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// count reads how many of something follow, each of which takes at least some bytes.
func (c *cursor) count(what string, limit, each uint64) (uint64, error) {
	n, err := c.uint64()
	if err != nil {
		return 0, err
	}
	if n > limit || n > uint64(len(c.rest))/each {
		return 0, fmt.Errorf("%d %s are more than the file has room for", n, what)
	}
	return n, nil
}

// string reads a name of the header itself; strings among the values stay bytes until asked for.
func (c *cursor) string(what string, limit uint64) (string, error) {
	n, err := c.uint64()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("%s of %d bytes exceeds the limit of %d", what, n, limit)
	}
	b, err := c.take(n)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%s %s is not valid UTF-8", what, quote(string(b)))
	}
	return string(b), nil
}
