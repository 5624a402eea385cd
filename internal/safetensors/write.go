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
	"unicode/utf8"

	"github.com/cultivar/cultivar/internal/atomicfile"
)

// Entry is a tensor to be written. Either Data holds its bytes, or Load makes them at the moment
// they are written, so that a file can be larger than memory.
type Entry struct {
	Name  string
	DType string
	Shape []int
	Data  []byte
	Load  func() ([]byte, error)
}

// Size is the length of the tensor's data in bytes.
func (e Entry) Size() (int64, error) {
	n, err := byteLength(e.DType, e.Shape)
	if err != nil {
		return 0, fmt.Errorf("tensor %s: %w", quote(e.Name), err)
	}
	return n, nil
}

// F32Entry makes an entry of float32 values, row-major.
func F32Entry(name string, shape []int, values []float32) Entry {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Entry{Name: name, DType: F32, Shape: shape, Data: data}
}

// Write writes a file whose bytes depend only on its content: tensors by descending type and then by
// name, metadata by key, the header padded with spaces to a multiple of 8. These are the bytes the
// reference implementation writes (safetensors/src/tensor.rs, prepare), except that it leaves
// metadata in the order of a hash map.
func Write(w io.Writer, metadata map[string]string, entries []Entry) error {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(dtypes[b.DType].rank, dtypes[a.DType].rank), cmp.Compare(a.Name, b.Name))
	})
	head, err := buildHeader(metadata, entries)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, e := range entries {
		if err := e.writeData(w); err != nil {
			return fmt.Errorf("tensor %s: %w", quote(e.Name), err)
		}
	}
	return nil
}

// WriteFile is Write into a file that appears whole or not at all.
func WriteFile(path string, metadata map[string]string, entries []Entry) error {
	err := atomicfile.WriteFile(path, func(w io.Writer) error { return Write(w, metadata, entries) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (e Entry) writeData(w io.Writer) error {
	data := e.Data
	if e.Load != nil {
		loaded, err := e.Load()
		if err != nil {
			return err
		}
		data = loaded
	}
	want, err := byteLength(e.DType, e.Shape)
	if err != nil {
		return err
	}
	if int64(len(data)) != want {
		return fmt.Errorf("%s%s needs %d bytes, got %d", e.DType, shapeString(e.Shape), want, len(data))
	}
	_, err = w.Write(data)
	return err
}

// buildHeader returns the length, the JSON and its padding.
func buildHeader(metadata map[string]string, entries []Entry) ([]byte, error) {
	// Encoded by hand because the order of the keys matters: metadata first, then the data's order.
	buf := bytes.NewBuffer(make([]byte, 8, 4096))
	buf.WriteByte('{')
	if len(metadata) > 0 {
		buf.WriteString(`"` + metadataKey + `":`)
		writeJSON(buf, metadata)
	}
	var at int64
	seen := map[string]bool{metadataKey: true}
	for _, e := range entries {
		size, err := e.Size()
		if err != nil {
			return nil, err
		}
		if seen[e.Name] || !utf8.ValidString(e.Name) {
			return nil, fmt.Errorf("tensor %s: name is taken or not valid UTF-8", quote(e.Name))
		}
		seen[e.Name] = true
		if buf.Len() > 9 {
			buf.WriteByte(',')
		}
		writeJSON(buf, e.Name)
		buf.WriteByte(':')
		writeJSON(buf, struct {
			DType   string   `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{e.DType, append([]int{}, e.Shape...), [2]int64{at, at + size}})
		at += size
	}
	buf.WriteByte('}')
	for buf.Len()%8 != 0 {
		buf.WriteByte(' ')
	}
	if buf.Len()-8 > maxHeader {
		return nil, errors.New("header exceeds the format's limit of 100 MB")
	}
	binary.LittleEndian.PutUint64(buf.Bytes(), uint64(buf.Len()-8))
	return buf.Bytes(), nil
}

// writeJSON appends compact JSON. The values are strings, integers and maps of strings, which
// always encode.
func writeJSON(buf *bytes.Buffer, v any) {
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	buf.Truncate(buf.Len() - 1) // Encode ends with a newline
}
