package spill

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
)

// Encode appends a value: its exported fields in their order, numbers of fixed or variable length,
// everything else behind its length, a pointer behind a byte that says whether it is nil. Equal
// values have equal bytes: maps are in the order of their keys. Only this process reads them back.
func Encode(dst []byte, value any) []byte {
	return encode(dst, reflect.Indirect(reflect.ValueOf(value)))
}

// Decode reads what Encode wrote into the value that into points to, which is zero.
func Decode(data []byte, into any) error {
	d := decoder{data}
	if err := d.decode(reflect.ValueOf(into).Elem()); err != nil {
		return err
	}
	if len(d.data) > 0 {
		return ErrDamaged
	}
	return nil
}

var timeType = reflect.TypeFor[time.Time]()

func encode(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return append(dst, boolByte(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(dst, v.Int())
	case reflect.Float32, reflect.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float()))
	case reflect.String:
		return append(binary.AppendUvarint(dst, uint64(v.Len())), v.String()...)
	case reflect.Slice:
		dst = binary.AppendUvarint(dst, uint64(v.Len()))
		for i := range v.Len() {
			dst = encode(dst, v.Index(i))
		}
		return dst
	case reflect.Map:
		return encodeMap(dst, v)
	case reflect.Pointer:
		dst = append(dst, boolByte(!v.IsNil()))
		if v.IsNil() {
			return dst
		}
		return encode(dst, v.Elem())
	case reflect.Struct:
		return encodeStruct(dst, v)
	}
	panic("spill: no encoding for " + v.Type().String()) // a type of ours, seen by the first test
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func encodeMap(dst []byte, v reflect.Value) []byte {
	dst = binary.AppendUvarint(dst, uint64(v.Len()))
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	for _, key := range keys {
		dst = encode(encode(dst, key), v.MapIndex(key))
	}
	return dst
}

func encodeStruct(dst []byte, v reflect.Value) []byte {
	if v.Type() == timeType {
		t := v.Interface().(time.Time)
		if t.IsZero() {
			return append(dst, 0)
		}
		return binary.AppendVarint(binary.AppendVarint(append(dst, 1), t.Unix()), int64(t.Nanosecond()))
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			dst = encode(dst, v.Field(i))
		}
	}
	return dst
}

// decoder eats data from its front.
type decoder struct{ data []byte }

func (d *decoder) decode(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		b, err := d.take(1)
		if err == nil {
			v.SetBool(b[0] != 0)
		}
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := d.varint()
		v.SetInt(n)
		return err
	case reflect.Float32, reflect.Float64:
		b, err := d.take(8)
		if err == nil {
			v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
		return err
	case reflect.String:
		b, err := d.counted()
		v.SetString(string(b))
		return err
	case reflect.Slice:
		return d.slice(v)
	case reflect.Map:
		return d.mapping(v)
	case reflect.Pointer:
		b, err := d.take(1)
		if err != nil || b[0] == 0 {
			return err
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.decode(v.Elem())
	case reflect.Struct:
		return d.structure(v)
	}
	return fmt.Errorf("no encoding for %s", v.Type())
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.data) {
		return nil, ErrDamaged
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b, nil
}

func (d *decoder) varint() (int64, error) {
	n, size := binary.Varint(d.data)
	if size <= 0 {
		return 0, ErrDamaged
	}
	d.data = d.data[size:]
	return n, nil
}

// length reads how many elements follow, each of which has a byte at least.
func (d *decoder) length() (int, error) {
	n, size := binary.Uvarint(d.data)
	if size <= 0 || n > uint64(len(d.data)) {
		return 0, ErrDamaged
	}
	d.data = d.data[size:]
	return int(n), nil
}

func (d *decoder) counted() ([]byte, error) {
	n, err := d.length()
	if err != nil {
		return nil, err
	}
	return d.take(n)
}

// slice leaves an empty one nil, and mapping an empty map: readers of drafts do not tell them apart.
func (d *decoder) slice(v reflect.Value) error {
	n, err := d.length()
	if err != nil || n == 0 {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		if err := d.decode(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) mapping(v reflect.Value) error {
	n, err := d.length()
	if err != nil || n == 0 {
		return err
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), n))
	for range n {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(key); err != nil {
			return err
		}
		if err := d.decode(value); err != nil {
			return err
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

func (d *decoder) structure(v reflect.Value) error {
	if v.Type() == timeType {
		return d.time(v)
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			if err := d.decode(v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *decoder) time(v reflect.Value) error {
	b, err := d.take(1)
	if err != nil || b[0] == 0 {
		return err
	}
	seconds, err := d.varint()
	if err != nil {
		return err
	}
	nanos, err := d.varint()
	v.Set(reflect.ValueOf(time.Unix(seconds, nanos).UTC()))
	return err
}
