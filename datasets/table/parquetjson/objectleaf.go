package parquetjson

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	footer "github.com/parquet-go/parquet-go/format"
)

// appendLeaf writes a value as JSON: by its logical type where that says what it is, else by how it
// is stored. Numbers that are not finite have no JSON and become null.
func appendLeaf(out []byte, t parquet.Type, v parquet.Value) ([]byte, error) {
	if v.IsNull() {
		return append(out, "null"...), nil
	}
	if logical := t.LogicalType(); logical != nil {
		switch l := logical.Value.(type) {
		case *footer.DecimalType:
			return appendDecimal(out, t.Kind(), v, l.Scale), nil
		case *footer.DateType:
			return quote(out, time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly)), nil
		case *footer.TimestampType:
			return quote(out, instant(l, v.Int64()).Format(time.RFC3339Nano)), nil
		case *footer.UUIDType:
			return quote(out, hex.EncodeToString(v.ByteArray())), nil
		case *footer.IntType:
			if !l.IsSigned {
				return appendUnsigned(out, t.Kind(), v), nil
			}
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(out, v.Boolean()), nil
	case parquet.Int32:
		return strconv.AppendInt(out, int64(v.Int32()), 10), nil
	case parquet.Int64:
		return strconv.AppendInt(out, v.Int64(), 10), nil
	case parquet.Int96:
		return quote(out, v.Int96().String()), nil
	case parquet.Float:
		return appendReal(out, float64(v.Float()), 32), nil
	case parquet.Double:
		return appendReal(out, v.Double(), 64), nil
	}
	return appendBytes(out, t, v.ByteArray()), nil
}

// appendBytes writes a text. What is none must not be taken for one: bytes of no type become an object,
// and what calls itself a text keeps a byte that is no UTF-8, by which whoever reads the row knows.
func appendBytes(out []byte, t parquet.Type, b []byte) []byte {
	if utf8.Valid(b) {
		return quote(out, string(b))
	}
	if logical := t.LogicalType(); logical != nil {
		if _, text := logical.Value.(*footer.StringType); text {
			out = quote(out, string(b))
			return append(out[:len(out)-1], 0xff, '"')
		}
	}
	out = quote(append(out, `{"base64":`...), base64.StdEncoding.EncodeToString(b))
	return append(out, '}')
}

// quote writes a JSON string with no more escapes than JSON asks for.
func quote(out []byte, s string) []byte {
	b := bytes.NewBuffer(out)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string into memory: cannot fail
	return b.Bytes()[:b.Len()-1]
}

func appendReal(out []byte, x float64, bits int) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(out, "null"...)
	}
	return strconv.AppendFloat(out, x, 'g', -1, bits)
}

func appendUnsigned(out []byte, k parquet.Kind, v parquet.Value) []byte {
	if k == parquet.Int32 {
		return strconv.AppendUint(out, uint64(v.Uint32()), 10)
	}
	return strconv.AppendUint(out, v.Uint64(), 10)
}

// appendDecimal writes an integer, of bytes big endian in two's complement, over a power of ten.
func appendDecimal(out []byte, k parquet.Kind, v parquet.Value, scale int32) []byte {
	n := new(big.Int)
	switch k {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default:
		b := slices.Clone(v.ByteArray())
		n.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	scale = min(max(scale, 0), 1000) // a damaged footer may claim anything
	tens := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return append(out, new(big.Rat).SetFrac(n, tens).FloatString(int(scale))...)
}

func instant(t *footer.TimestampType, n int64) time.Time {
	switch t.Unit.Value.(type) {
	case *footer.MilliSeconds:
		return time.UnixMilli(n).UTC()
	case *footer.NanoSeconds:
		return time.Unix(0, n).UTC()
	}
	return time.UnixMicro(n).UTC()
}
