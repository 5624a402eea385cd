// Package keys reads typed values out of a JSON object of which most keys are unknown, such as the
// configurations that Python programs write.
package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/cultivar/cultivar/internal/humanize"
)

// Keys picks typed values out of a JSON object of which most keys are unknown. null reads as
// absent everywhere, as in Python's configs. The first mistake is kept in err, so that a whole
// config can be read in one expression.
type Keys struct {
	raw map[string]json.RawMessage // without nulls
	err error
}

// MaxID is the largest token id that is read; no vocabulary comes near.
const MaxID = 1 << 24

// Of reads values that were parsed before; nulls must have been dropped.
func Of(raw map[string]json.RawMessage) *Keys { return &Keys{raw: raw} }

// Err is the first mistake, nil when there was none.
func (r *Keys) Err() error { return r.err }

// All is the values by key. The caller must not change the map.
func (r *Keys) All() map[string]json.RawMessage { return r.raw }

// Raw is the JSON of a value, nil when there is none.
func (r *Keys) Raw(key string) json.RawMessage { return r.raw[key] }

// Parse reads the text of an object.
func Parse(text []byte) (*Keys, error) {
	raw, err := Object(text)
	if err != nil {
		return nil, err
	}
	return &Keys{raw: DropNulls(raw)}, nil
}

// Object returns the values of a JSON object, nulls included.
func Object(text []byte) (map[string]json.RawMessage, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if raw == nil {
		return nil, errors.New("not a JSON object")
	}
	return raw, nil
}

// IsNull reports whether a value is null.
func IsNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }

// DropNulls removes the keys that are null and returns the map.
func DropNulls(raw map[string]json.RawMessage) map[string]json.RawMessage {
	maps.DeleteFunc(raw, func(_ string, value json.RawMessage) bool { return IsNull(value) })
	return raw
}

// Has reports whether the key is there and not null.
func (r *Keys) Has(key string) bool {
	_, ok := r.raw[key]
	return ok
}

// Fail records the first mistake.
func (r *Keys) Fail(key string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%s: %w", key, err)
	}
}

// read decodes the value of key into a T and reports whether there was one.
func read[T any](r *Keys, key, want string) (T, bool) {
	var v, zero T
	raw, ok := r.raw[key]
	if !ok {
		return zero, false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		r.Fail(key, fmt.Errorf("%s is not %s", excerpt(raw), want))
		return zero, false
	}
	return v, true
}

// excerpt prints a value for an error.
func excerpt(raw json.RawMessage) string { return humanize.Excerpt(string(raw), 40) }

// Bool reads true or false; absent is false.
func (r *Keys) Bool(key string) bool {
	v, _ := read[bool](r, key, "true or false")
	return v
}

// String reads a text.
func (r *Keys) String(key, otherwise string) string {
	if v, ok := read[string](r, key, "a string"); ok {
		return v
	}
	return otherwise
}

// Strings reads a list of texts, nil when there is none.
func (r *Keys) Strings(key string) []string {
	v, _ := read[[]string](r, key, "a list of strings")
	return v
}

// Float reads a number; JSON has no infinities, and one that overflows is a mistake.
func (r *Keys) Float(key string, otherwise float64) float64 {
	if v, ok := read[float64](r, key, "a number"); ok {
		return v
	}
	return otherwise
}

// Ints reads a list of whole numbers, nil when there is none.
func (r *Keys) Ints(key string) []int {
	v, _ := read[[]int](r, key, "a list of whole numbers")
	return v
}

// Floats reads a list of numbers, nil when there is none.
func (r *Keys) Floats(key string) []float64 {
	v, _ := read[[]float64](r, key, "a list of numbers")
	return v
}

// Int reads a whole number of low…high; 4096.0 is one too, since Python writes such.
func (r *Keys) Int(key string, otherwise, low, high int) int {
	v, ok := read[float64](r, key, "a number")
	if !ok {
		return otherwise
	}
	// low and high are far below 2⁵³, so float64 is exact where it matters.
	if v != math.Trunc(v) || v < float64(low) || v > float64(high) {
		r.Fail(key, fmt.Errorf("%s is no whole number of %d to %d", excerpt(r.raw[key]), low, high))
		return otherwise
	}
	return int(v)
}

// Size reads a positive size that has no default. It returns 1 after a mistake, so that callers may
// divide by it.
func (r *Keys) Size(key string, high int) int {
	if !r.Has(key) {
		r.Fail(key, errors.New("is missing"))
	}
	return r.Int(key, 1, 1, high)
}

// ID reads a token id. Old configs write -1 for none.
func (r *Keys) ID(key string) *int {
	v := r.Int(key, -1, -1, MaxID)
	if v < 0 {
		return nil
	}
	return &v
}

// IDs reads one token id or a list of them.
func (r *Keys) IDs(key string) []int {
	if !bytes.HasPrefix(r.raw[key], []byte("[")) {
		if v := r.ID(key); v != nil {
			return []int{*v}
		}
		return nil
	}
	list, _ := read[[]int](r, key, "a token id or a list of them")
	for _, v := range list {
		if v < 0 || v > MaxID {
			r.Fail(key, fmt.Errorf("%d is no token id", v))
			return nil
		}
	}
	return list
}

// Object returns a reader of a nested object, nil when there is none.
func (r *Keys) Object(key string) *Keys {
	raw, ok := r.raw[key]
	if !ok {
		return nil
	}
	nested, err := Parse(raw)
	if err != nil {
		r.Fail(key, err)
		return nil
	}
	return nested
}
