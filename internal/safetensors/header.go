package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxHeader is the format's own limit on the JSON header, in bytes.
	maxHeader = 100_000_000
	// maxTensors and maxMetadata bound the memory that a hostile header turns into; the largest
	// models have some 10⁵ tensors.
	maxTensors  = 1 << 20
	maxMetadata = 1 << 16
	// maxDims keeps a hostile header from turning into a large shape.
	maxDims = 64
	// metadataKey is the one key of the header that is no tensor.
	metadataKey = "__metadata__"
)

// span is a header entry; begin and end count from the start of the data buffer.
type span struct {
	dtype      string
	shape      []int
	begin, end int64
}

// header is a parsed and validated header.
type header struct {
	metadata map[string]string
	spans    map[string]span
	start    int64 // where the data buffer begins in the file
}

// parseHeader reads the header of a file of size bytes, of which head holds at least the header.
// All that the format demands is checked here, so that slicing by a span cannot go wrong later.
func parseHeader(head []byte, size int64) (*header, error) {
	text, err := headerText(head, size)
	if err != nil {
		return nil, err
	}
	h := readPlain(text)
	if h == nil {
		if h, err = readAny(text); err != nil {
			return nil, err
		}
	}
	h.start = 8 + int64(len(text))
	return h, h.checkLayout(size - h.start)
}

// readAny reads a header however it is spelt.
func readAny(text []byte) (*header, error) {
	h := &header{spans: map[string]span{}}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := readObject(dec, maxTensors, func(key string) error { return h.readEntry(dec, key) }); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	// The specification allows padding by spaces alone; anything else could hide a second document.
	if rest := text[dec.InputOffset():]; len(bytes.Trim(rest, " ")) > 0 {
		return nil, errors.New("header: data after the JSON object")
	}
	return h, nil
}

// headerText is the JSON of the header with its padding.
func headerText(head []byte, size int64) ([]byte, error) {
	if size < 8 || len(head) < 8 {
		return nil, fmt.Errorf("file is too short (%d bytes): it is truncated or no safetensors file", size)
	}
	n := binary.LittleEndian.Uint64(head)
	if n > maxHeader {
		return nil, fmt.Errorf("header of %d bytes exceeds the limit of %d: the file is damaged or no safetensors file", n, maxHeader)
	}
	if int64(n) > size-8 || int(n) > len(head)-8 {
		return nil, fmt.Errorf("header of %d bytes lies beyond the file (%d bytes): the file is truncated or damaged", n, size)
	}
	text := head[8 : 8+n]
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("header does not begin with {: the file is damaged or no safetensors file")
	}
	if !utf8.Valid(text) {
		return nil, errors.New("header is not valid UTF-8: the file is damaged")
	}
	return text, nil
}

// readObject walks one JSON object and refuses duplicate keys, which encoding/json would let win.
// It allows limit keys. value must consume exactly the value of its key.
func readObject(dec *json.Decoder, limit int, value func(key string) error) error {
	if err := expect(dec, json.Delim('{'), "an object"); err != nil {
		return err
	}
	var first [4]string // most objects have few keys: no map for those
	seen, n := map[string]bool(nil), 0
	for ; dec.More(); n++ {
		tok, err := next(dec)
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return errors.New("not valid JSON: a key is no string")
		}
		if seen[key] || slices.Contains(first[:min(n, len(first))], key) {
			return fmt.Errorf("key %s occurs twice", quote(key))
		}
		if n == limit {
			return fmt.Errorf("more than %d keys", limit)
		}
		if n < len(first) {
			first[n] = key
		} else {
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[key] = true
		}
		if err := value(key); err != nil {
			return err
		}
	}
	return expect(dec, json.Delim('}'), "the end of an object")
}

func (h *header) readEntry(dec *json.Decoder, key string) error {
	if key == metadataKey {
		h.metadata = map[string]string{}
		err := readObject(dec, maxMetadata, func(key string) error {
			s, err := readString(dec)
			h.metadata[key] = s
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", metadataKey, err)
		}
		return nil
	}
	s, err := readSpan(dec)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", quote(key), err)
	}
	h.spans[key] = s
	return nil
}

// readSpan reads {"dtype":…,"shape":[…],"data_offsets":[begin,end]}.
func readSpan(dec *json.Decoder) (span, error) {
	var s span
	var found int
	err := readObject(dec, 3, func(key string) (err error) {
		found++
		switch key {
		case "dtype":
			s.dtype, err = readString(dec)
		case "shape":
			var dims []int64
			dims, err = readInts(dec, maxDims)
			s.shape = make([]int, len(dims))
			for i, d := range dims {
				if d > math.MaxInt {
					return fmt.Errorf("dimension %d is too large for this machine", d)
				}
				s.shape[i] = int(d)
			}
		case "data_offsets":
			var offsets []int64
			offsets, err = readInts(dec, 2)
			if err == nil && len(offsets) != 2 {
				return errors.New("data_offsets is not a pair")
			}
			if err == nil {
				s.begin, s.end = offsets[0], offsets[1]
			}
		default:
			return fmt.Errorf("unknown key %s", quote(key))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return span{}, err
	}
	if found != 3 { // keys are known and distinct, so three are all
		return span{}, errors.New("dtype, shape or data_offsets is missing")
	}
	return s, s.check()
}

// check holds the length of the data against type and shape.
func (s span) check() error {
	if s.end < s.begin {
		return fmt.Errorf("offsets %d–%d run backwards", s.begin, s.end)
	}
	want, err := byteLength(s.dtype, s.shape)
	if err != nil {
		return err
	}
	if got := s.end - s.begin; got != want {
		return fmt.Errorf("%s%s needs %d bytes, offsets %d–%d span %d", s.dtype, shapeString(s.shape), want, s.begin, s.end, got)
	}
	return nil
}

// checkLayout holds the spans against the data buffer: they must cover it exactly, without overlap,
// gap or rest, so that no byte of the file has two meanings or none.
func (h *header) checkLayout(size int64) error {
	type tensor struct {
		name       string
		begin, end int64
	}
	list := make([]tensor, 0, len(h.spans))
	for name, s := range h.spans {
		list = append(list, tensor{name, s.begin, s.end})
	}
	slices.SortFunc(list, func(a, b tensor) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), strings.Compare(a.name, b.name))
	})
	var at int64
	for i, s := range list {
		name := s.name
		switch {
		case s.end > size:
			return fmt.Errorf("tensor %s: offsets %d–%d lie beyond the file (%d bytes of data): the file is truncated or damaged", quote(name), s.begin, s.end, size)
		case s.begin < at:
			return fmt.Errorf("tensor %s: offsets %d–%d overlap tensor %s", quote(name), s.begin, s.end, quote(list[i-1].name))
		case s.begin > at:
			return fmt.Errorf("tensor %s: offsets %d–%d leave bytes %d–%d to no tensor", quote(name), s.begin, s.end, at, s.begin)
		}
		at = s.end
	}
	if at != size {
		return fmt.Errorf("%d bytes follow the last tensor: the file is damaged", size-at)
	}
	return nil
}

// next reads a token; running out of text in the middle is the file's fault, not io.EOF.
func next(dec *json.Decoder) (json.Token, error) {
	tok, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("not valid JSON: it ends early")
	}
	if err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	return tok, nil
}

func expect(dec *json.Decoder, want json.Delim, what string) error {
	tok, err := next(dec)
	if err != nil {
		return err
	}
	if tok != want {
		return fmt.Errorf("expected %s", what)
	}
	return nil
}

func readString(dec *json.Decoder) (string, error) {
	tok, err := next(dec)
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", errors.New("expected a string")
	}
	return s, nil
}

// readInts reads an array of at most limit non-negative integers written in plain digits.
func readInts(dec *json.Decoder, limit int) ([]int64, error) {
	if err := expect(dec, json.Delim('['), "an array"); err != nil {
		return nil, err
	}
	var list []int64
	for dec.More() {
		tok, err := next(dec)
		if err != nil {
			return nil, err
		}
		number, ok := tok.(json.Number)
		if !ok {
			return nil, errors.New("expected an integer")
		}
		v, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("%.40s is no integer of 0 to 2⁶³−1", number)
		}
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d entries", limit)
		}
		list = append(list, v)
	}
	return list, expect(dec, json.Delim(']'), "the end of an array")
}
