package bases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/cultivar/cultivar/internal/humanize"
)

// reader picks typed values out of a JSON object of which most keys are unknown. null reads as
// absent everywhere, as in Python's configs. The first mistake is kept in err, so that a whole
// config can be read in one expression.
type reader struct {
	raw map[string]json.RawMessage // without nulls
	err error
}

func newReader(text []byte) (*reader, error) {
	raw, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return &reader{raw: dropNulls(raw)}, nil
}

// parseObject returns the values of a JSON object, nulls included.
func parseObject(text []byte) (map[string]json.RawMessage, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if raw == nil {
		return nil, errors.New("not a JSON object")
	}
	return raw, nil
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }

// dropNulls removes the keys that are null and returns the map.
func dropNulls(raw map[string]json.RawMessage) map[string]json.RawMessage {
	maps.DeleteFunc(raw, func(_ string, value json.RawMessage) bool { return isNull(value) })
	return raw
}

func (r *reader) has(key string) bool {
	_, ok := r.raw[key]
	return ok
}

// fail records the first mistake.
func (r *reader) fail(key string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%s: %w", key, err)
	}
}

// read decodes the value of key into a T and reports whether there was one.
func read[T any](r *reader, key, want string) (T, bool) {
	var v, zero T
	raw, ok := r.raw[key]
	if !ok {
		return zero, false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		r.fail(key, fmt.Errorf("%s is not %s", excerpt(raw), want))
		return zero, false
	}
	return v, true
}

// excerpt prints a value for an error.
func excerpt(raw json.RawMessage) string { return humanize.Excerpt(string(raw), 40) }

func (r *reader) bool(key string) bool {
	v, _ := read[bool](r, key, "true or false")
	return v
}

func (r *reader) string(key, otherwise string) string {
	if v, ok := read[string](r, key, "a string"); ok {
		return v
	}
	return otherwise
}

func (r *reader) strings(key string) []string {
	v, _ := read[[]string](r, key, "a list of strings")
	return v
}

// float reads a number; JSON has no infinities, and one that overflows is a mistake.
func (r *reader) float(key string, otherwise float64) float64 {
	if v, ok := read[float64](r, key, "a number"); ok {
		return v
	}
	return otherwise
}

func (r *reader) floats(key string) []float64 {
	v, _ := read[[]float64](r, key, "a list of numbers")
	return v
}

// int reads a whole number of low…high; 4096.0 is one too, since Python writes such.
func (r *reader) int(key string, otherwise, low, high int) int {
	v, ok := read[float64](r, key, "a number")
	if !ok {
		return otherwise
	}
	// low and high are far below 2⁵³, so float64 is exact where it matters.
	if v != math.Trunc(v) || v < float64(low) || v > float64(high) {
		r.fail(key, fmt.Errorf("%s is no whole number of %d to %d", excerpt(r.raw[key]), low, high))
		return otherwise
	}
	return int(v)
}

// size reads a positive size that has no default. It returns 1 after a mistake, so that callers may
// divide by it.
func (r *reader) size(key string, high int) int {
	if !r.has(key) {
		r.fail(key, errors.New("is missing"))
	}
	return r.int(key, 1, 1, high)
}

// id reads a token id. Old configs write -1 for none.
func (r *reader) id(key string) *int {
	v := r.int(key, -1, -1, maxVocab)
	if v < 0 {
		return nil
	}
	return &v
}

// ids reads one token id or a list of them.
func (r *reader) ids(key string) []int {
	if !bytes.HasPrefix(r.raw[key], []byte("[")) {
		if v := r.id(key); v != nil {
			return []int{*v}
		}
		return nil
	}
	list, _ := read[[]int](r, key, "a token id or a list of them")
	for _, v := range list {
		if v < 0 || v > maxVocab {
			r.fail(key, fmt.Errorf("%d is no token id", v))
			return nil
		}
	}
	return list
}

// object returns a reader of a nested object, nil when there is none.
func (r *reader) object(key string) *reader {
	raw, ok := r.raw[key]
	if !ok {
		return nil
	}
	nested, err := newReader(raw)
	if err != nil {
		r.fail(key, err)
		return nil
	}
	return nested
}
