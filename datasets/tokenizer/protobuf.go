package tokenizer

import (
	"encoding/binary"
	"errors"
	"math"
)

// wire is a field of a protocol buffer (https://protobuf.dev/programming-guides/encoding). Its
// bytes are those of the file: reading one allocates nothing.
type wire struct {
	number uint64
	kind   uint64
	value  uint64 // kinds 0, 1 and 5
	bytes  []byte // kind 2
}

// Wire types.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

var (
	errTruncated = errors.New("message is cut short")
	errWireType  = errors.New("field has another type than it should")
)

// eachField calls yield for every field of a message.
func eachField(data []byte, yield func(wire) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return errTruncated
		}
		data = data[n:]
		w := wire{number: key >> 3, kind: key & 7}
		if w.number == 0 {
			return errors.New("message has a field number of 0")
		}
		var err error
		if data, err = w.read(data); err != nil {
			return err
		}
		if err := yield(w); err != nil {
			return err
		}
	}
	return nil
}

// read takes the value from the front of data and returns the rest.
func (w *wire) read(data []byte) ([]byte, error) {
	switch w.kind {
	case wireVarint, wireBytes:
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, errTruncated
		}
		data = data[n:]
		if w.kind == wireVarint {
			w.value = v
			return data, nil
		}
		if v > uint64(len(data)) {
			return nil, errTruncated
		}
		w.bytes = data[:v:v]
		return data[v:], nil
	case wire64:
		if len(data) < 8 {
			return nil, errTruncated
		}
		w.value = binary.LittleEndian.Uint64(data)
		return data[8:], nil
	case wire32:
		if len(data) < 4 {
			return nil, errTruncated
		}
		w.value = uint64(binary.LittleEndian.Uint32(data))
		return data[4:], nil
	}
	return nil, errors.New("message has a field of a type that is not known")
}

// each calls yield for the fields of the message inside.
func (w wire) each(yield func(wire) error) error {
	if w.kind != wireBytes {
		return errWireType
	}
	return eachField(w.bytes, yield)
}

func (w wire) string() (string, error) {
	if w.kind != wireBytes {
		return "", errWireType
	}
	return string(w.bytes), nil
}

func (w wire) float() (float32, error) {
	if w.kind != wire32 {
		return 0, errWireType
	}
	return math.Float32frombits(uint32(w.value)), nil
}

func (w wire) uint() (uint64, error) {
	if w.kind != wireVarint {
		return 0, errWireType
	}
	return w.value, nil
}

// int is an int32, which negative is written as ten bytes of its 64-bit form.
func (w wire) int() (int32, error) {
	v, err := w.uint()
	return int32(v), err
}

func (w wire) bool() (bool, error) {
	v, err := w.uint()
	return v != 0, err
}
