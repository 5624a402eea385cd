package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// file assembles a file from a header's text and the number of data bytes.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func entry(dtype, shape, offsets string) string {
	return `{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}`
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "too short (0 bytes)"},
		{"seven bytes", make([]byte, 7), "too short (7 bytes)"},
		{"no header", file("", 0), "does not begin with {"},
		{"header over the limit", binary.LittleEndian.AppendUint64(nil, 100_000_001), "exceeds the limit"},
		{"header length of all ones", bytes.Repeat([]byte{0xff}, 64), "exceeds the limit"},
		{"header beyond the file", binary.LittleEndian.AppendUint64(nil, 16), "header of 16 bytes lies beyond the file (8 bytes)"},
		{"array", file(`[]`, 0), "does not begin with {"},
		{"leading space", file(` {}`, 0), "does not begin with {"},
		{"not UTF-8", file("{\"\xff\":0}", 0), "not valid UTF-8"},
		{"broken JSON", file(`{"a":`, 0), "ends early"},
		{"second document", file(`{}{}`, 0), "data after the JSON object"},
		{"padding by other than spaces", file("{}\n\n", 0), "data after the JSON object"},
		{"duplicate tensor", file(`{"a":`+entry("U8", "[1]", "[0,1]")+`,"a":`+entry("U8", "[1]", "[0,1]")+`}`, 1), `key "a" occurs twice`},
		{"duplicate after unescaping", file(`{"a":`+entry("U8", "[1]", "[0,1]")+`,"\u0061":`+entry("U8", "[1]", "[0,1]")+`}`, 1), `key "a" occurs twice`},
		{"duplicate key in a tensor", file(`{"a":{"dtype":"U8","dtype":"U8"}}`, 0), `tensor "a": key "dtype" occurs twice`},
		{"duplicate metadata", file(`{"__metadata__":{"a":"1","a":"2"}}`, 0), `__metadata__: key "a" occurs twice`},
		{"metadata is no map of strings", file(`{"__metadata__":{"a":1}}`, 0), "__metadata__: expected a string"},
		{"tensor is no object", file(`{"a":1}`, 0), `tensor "a": expected an object`},
		{"missing key", file(`{"a":{"dtype":"U8","shape":[]}}`, 0), "is missing"},
		{"unknown key", file(`{"a":{"x":1}}`, 0), `unknown key "x"`},
		{"unknown type", file(`{"a":`+entry("Q4", "[1]", "[0,1]")+`}`, 1), `type "Q4" is unknown`},
		{"three offsets", file(`{"a":`+entry("U8", "[1]", "[0,1,1]")+`}`, 1), "more than 2 entries"},
		{"one offset", file(`{"a":`+entry("U8", "[1]", "[0]")+`}`, 1), "not a pair"},
		{"negative offset", file(`{"a":`+entry("U8", "[1]", "[-1,0]")+`}`, 1), "-1 is no integer"},
		{"fractional dimension", file(`{"a":`+entry("U8", "[1.0]", "[0,1]")+`}`, 1), "1.0 is no integer"},
		{"dimension over 64 bits", file(`{"a":`+entry("U8", "[18446744073709551617]", "[0,1]")+`}`, 1), "is no integer"},
		{"too many dimensions", file(`{"a":`+entry("U8", "["+strings.Repeat("1,", 64)+"1]", "[0,1]")+`}`, 1), "more than 64 entries"},
		{"product overflows to the length", file(`{"a":`+entry("F32", "[4294967296,4294967296]", "[0,0]")+`}`, 0), "is too large"},
		{"length against shape", file(`{"a":`+entry("F32", "[2,3]", "[0,20]")+`}`, 20), `tensor "a": F32[2 3] needs 24 bytes, offsets 0–20 span 20`},
		{"half a byte", file(`{"a":`+entry("F4", "[3]", "[0,1]")+`}`, 1), "does not end on a whole byte"},
		{"backwards", file(`{"a":`+entry("U8", "[0]", "[1,0]")+`}`, 1), "run backwards"},
		{"beyond the file", file(`{"x":`+entry("U8", "[20]", "[0,20]")+`}`, 16), `tensor "x": offsets 0–20 lie beyond the file (16 bytes of data): the file is truncated or damaged`},
		{"overlap", file(`{"a":`+entry("U8", "[2]", "[0,2]")+`,"b":`+entry("U8", "[2]", "[1,3]")+`}`, 3), `tensor "b": offsets 1–3 overlap tensor "a"`},
		{"same bytes twice", file(`{"a":`+entry("U8", "[2]", "[0,2]")+`,"b":`+entry("U8", "[2]", "[0,2]")+`}`, 2), "overlap"},
		{"gap", file(`{"a":`+entry("U8", "[1]", "[0,1]")+`,"b":`+entry("U8", "[1]", "[2,3]")+`}`, 3), "leave bytes 1–2 to no tensor"},
		{"hole at the start", file(`{"a":`+entry("U8", "[1]", "[1,2]")+`}`, 2), "leave bytes 0–1 to no tensor"},
		{"trailing bytes", file(`{"a":`+entry("U8", "[1]", "[0,1]")+`}`, 9), "8 bytes follow the last tensor"},
		{"data without tensors", file(`{}`, 1), "1 bytes follow the last tensor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("model.safetensors", tt.data)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error is %v, want %q", err, tt.want)
			}
			if !strings.HasPrefix(err.Error(), "model.safetensors: ") {
				t.Errorf("error does not name the file: %v", err)
			}
		})
	}
}

func TestHostileNamesAreQuotedAndCut(t *testing.T) {
	name := strings.Repeat("é", 5000)
	_, err := Parse("f", file(`{"\u001b[31m`+name+`":1}`, 0))
	if err == nil || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 400 {
		t.Errorf("error is %d bytes: %.300q", len(err.Error()), err)
	}
}

func TestNumberOfKeysIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"__metadata__":{`)
	for i := range maxMetadata + 1 {
		fmt.Fprintf(&b, `"%x":"",`, i)
	}
	if _, err := Parse("f", file(b.String(), 0)); err == nil || !strings.Contains(err.Error(), "more than 65536 keys") {
		t.Errorf("error is %v", err)
	}
}

func TestParseAccepts(t *testing.T) {
	tests := []struct {
		name, header string
		data         int
		want         string // names
	}{
		{"no tensors", `{}`, 0, ""},
		{"padded", `{}      `, 0, ""},
		{"metadata alone", `{"__metadata__":{"format":"pt"}}`, 0, ""},
		{"scalar", `{"s":` + entry("F32", "[]", "[0,4]") + `}`, 4, "s"},
		{"empty tensors share an offset", `{"b":` + entry("F32", "[0,3]", "[0,0]") + `,"a":` + entry("U8", "[1]", "[0,1]") + `,"c":` + entry("U8", "[0]", "[1,1]") + `}`, 1, "a b c"},
		{"out of order", `{"z":` + entry("BF16", "[2]", "[4,8]") + `,"y":` + entry("F32", "[1]", "[0,4]") + `}`, 8, "y z"},
		{"sub-byte", `{"q":` + entry("F4", "[3,2]", "[0,3]") + `}`, 3, "q"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("f", file(tt.header, tt.data))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(f.Tensors(), " "); got != tt.want {
				t.Errorf("tensors %q, want %q", got, tt.want)
			}
			if f.Metadata() == nil {
				t.Error("metadata is nil")
			}
		})
	}
}

func sample() (map[string]string, []Entry) {
	return map[string]string{"format": "pt", "a<b": "é"}, []Entry{
		{Name: "h", DType: BF16, Shape: []int{3}, Data: []byte{0x80, 0x3f, 0, 0xc0, 0x80, 0x7f}},
		{Name: "bytes", DType: U8, Shape: []int{3}, Data: []byte{1, 2, 3}},
		F32Entry("w", []int{2, 2}, []float32{1, -2.5, 0, 4}),
		F32Entry("b", nil, []float32{7}),
		{Name: "half", DType: F16, Shape: []int{2}, Load: func() ([]byte, error) { return []byte{0, 0x3c, 1, 0}, nil }},
	}
}

func TestWriteBytes(t *testing.T) {
	metadata, entries := sample()
	var buf bytes.Buffer
	if err := Write(&buf, metadata, entries); err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"a<b":"é","format":"pt"},` +
		`"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[4,20]},` +
		`"h":{"dtype":"BF16","shape":[3],"data_offsets":[20,26]},"half":{"dtype":"F16","shape":[2],"data_offsets":[26,30]},` +
		`"bytes":{"dtype":"U8","shape":[3],"data_offsets":[30,33]}}`
	for len(header)%8 != 0 {
		header += " "
	}
	want := file(header, 0)
	want = append(want, 0, 0, 0xe0, 0x40, 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0, 0, 0, 0, 0x80, 0x40)
	want = append(want, 0x80, 0x3f, 0, 0xc0, 0x80, 0x7f, 0, 0x3c, 1, 0, 1, 2, 3)
	if !bytes.Equal(buf.Bytes(), want) {
		t.Errorf("got\n%q\nwant\n%q", buf.Bytes(), want)
	}
	slices.Reverse(entries)
	var again bytes.Buffer
	if err := Write(&again, metadata, entries); err != nil || !bytes.Equal(again.Bytes(), want) {
		t.Errorf("bytes depend on the order of entries (%v)", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"twice", []Entry{F32Entry("a", nil, []float32{1}), F32Entry("a", nil, []float32{1})}, "taken"},
		{"metadata's name", []Entry{F32Entry("__metadata__", nil, []float32{1})}, "taken"},
		{"name not UTF-8", []Entry{F32Entry("\xff", nil, []float32{1})}, "not valid UTF-8"},
		{"unknown type", []Entry{{Name: "a", DType: "NF4"}}, `type "NF4" is unknown`},
		{"negative shape", []Entry{{Name: "a", DType: U8, Shape: []int{-1}}}, "negative"},
		{"length", []Entry{F32Entry("a", []int{2}, []float32{1})}, "needs 8 bytes, got 4"},
		{"load fails", []Entry{{Name: "a", DType: U8, Load: func() ([]byte, error) { return nil, broken }}}, "broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			err := WriteFile(path, nil, tt.entries)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Error("a file was left behind")
			}
		})
	}
}

func TestOpenReadsWhatWriteWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.safetensors")
	metadata, entries := sample()
	if err := WriteFile(path, metadata, entries); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(f.Metadata(), metadata) || f.Path() != path {
		t.Errorf("metadata %v, path %s", f.Metadata(), f.Path())
	}
	floats := map[string][]float32{
		"w": {1, -2.5, 0, 4}, "b": {7}, "h": {1, -2, float32(math.Inf(1))}, "half": {1, 0x1p-24},
	}
	for name, want := range floats {
		x, ok := f.Tensor(name)
		got, err := Float32s(x)
		if !ok || err != nil || !slices.Equal(got, want) || x.Len() != len(want) {
			t.Errorf("%s: got %v (%v, %v), want %v", name, got, ok, err, want)
		}
	}
	if _, ok := f.Tensor("missing"); ok {
		t.Error("a tensor came out of nothing")
	}
	raw, _ := f.Tensor("bytes")
	if _, err := Float32s(raw); err == nil {
		t.Error("U8 was widened")
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if _, ok := f.Tensor("w"); ok || len(f.Tensors()) > 0 {
		t.Error("a closed file still hands out tensors")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("directory: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("empty: %v", err)
	}
}

// Views share the file's memory when aligned and copy when not; both give the same values.
func TestViews(t *testing.T) {
	values := []float32{1, -2.5, 3}
	aligned := F32Entry("w", []int{3}, values).Data
	shifted := append([]byte{0}, aligned...)[1:]
	for _, data := range [][]byte{aligned, shifted} {
		got, err := ViewF32(Tensor{Name: "w", DType: F32, Shape: []int{3}, Data: data})
		if err != nil || !slices.Equal(got, values) {
			t.Errorf("got %v (%v), want %v", got, err, values)
		}
		bits, err := ViewU16(Tensor{Name: "h", DType: BF16, Shape: []int{6}, Data: data})
		if err != nil || len(bits) != 6 || bits[1] != 0x3f80 || bits[3] != 0xc020 {
			t.Errorf("got %x (%v)", bits, err)
		}
	}
	got, _ := ViewF32(Tensor{DType: F32, Shape: []int{3}, Data: aligned})
	aligned[3] = 0xbf
	if got[0] != -1 {
		t.Error("an aligned view is a copy")
	}
	if _, err := ViewF32(Tensor{DType: BF16}); err == nil {
		t.Error("BF16 was viewed as float32")
	}
	if _, err := ViewU16(Tensor{DType: F32}); err == nil {
		t.Error("F32 was viewed as uint16")
	}
	if v, err := ViewF32(Tensor{DType: F32, Shape: []int{0}}); err != nil || v == nil || len(v) != 0 {
		t.Errorf("empty view: %v, %v", v, err)
	}
}

// The golden files were written by the reference implementation: reading and writing them again must
// give the same bytes.
func TestGoldenFilesRoundTrip(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files (%v)", err)
	}
	for _, path := range paths {
		roundTrip(t, path)
	}
}

func TestSharedFilesRoundTrip(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"goldens/*/*/*.safetensors", "goldens/extra/*/*.safetensors", "goldens/extra/*/*/*.safetensors", "real/safetensors-small/*.safetensors"} {
		list, err := filepath.Glob(filepath.Join(testkit.Shared(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, list...)
	}
	if len(paths) < 40 {
		t.Fatalf("only %d files found", len(paths))
	}
	for _, path := range paths {
		roundTrip(t, path)
	}
}

func roundTrip(t *testing.T, path string) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	var entries []Entry
	for _, name := range f.Tensors() {
		x, _ := f.Tensor(name)
		entries = append(entries, Entry{Name: x.Name, DType: x.DType, Shape: x.Shape, Data: x.Data})
	}
	var buf bytes.Buffer
	if err := Write(&buf, f.Metadata(), entries); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	if !bytes.Equal(buf.Bytes(), testkit.Read(t, path)) {
		t.Errorf("%s: bytes differ from the reference's", path)
	}
}

// samePlain holds what is read the short way to what is read the long way.
func samePlain(t *testing.T, data []byte) {
	t.Helper()
	text, err := headerText(data, int64(len(data)))
	if err != nil {
		return
	}
	if h := readPlain(text); h != nil {
		want, err := readAny(text)
		if err != nil || !reflect.DeepEqual(h, want) {
			t.Fatalf("%.200q is read as %v, want %v, %v", text, h, want, err)
		}
	}
}

// TestPlain: what our writer and others write is read the short way.
func TestPlain(t *testing.T) {
	metadata, entries := sample()
	var buf bytes.Buffer
	if err := Write(&buf, metadata, entries); err != nil {
		t.Fatal(err)
	}
	python := file(`{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}}`, 4)
	for _, data := range [][]byte{buf.Bytes(), python} {
		samePlain(t, data)
		if text, err := headerText(data, int64(len(data))); err != nil || readPlain(text) == nil {
			t.Errorf("%.200q is read the long way: %v", data, err)
		}
	}
	for _, text := range []string{`{"a":{"dtype":"F32""shape":[1],"data_offsets":[0,4]}}`, `{,}`, `{"a":1}`, `{"__metadata__":{"a":"b",}}`, `{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}`, `{"__metadata__":{},"__metadata__":{}}`} {
		if readPlain([]byte(text)) != nil {
			t.Errorf("%s is read", text)
		}
	}
}

// FuzzParse holds the reader to two promises on any input: no panic, and what is accepted can be
// written and read again with the same content.
func FuzzParse(f *testing.F) {
	metadata, entries := sample()
	var buf bytes.Buffer
	if err := Write(&buf, metadata, entries); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(file(`{}`, 0))
	f.Add(file(`{"a":`+entry("F32", "[4294967296,4294967296]", "[0,0]")+`}`, 0))
	f.Add(file(`{"__metadata__": {"a": "b"}, "a": `+entry("F32", "[1, 1]", "[0, 4]")+`, "b":`+entry("U8", "[]", "[4,5]")+`}  `, 5))
	f.Fuzz(func(t *testing.T, data []byte) {
		samePlain(t, data)
		file, err := Parse("f", data)
		if err != nil {
			return
		}
		var entries []Entry
		total := 0
		for _, name := range file.Tensors() {
			x, ok := file.Tensor(name)
			if !ok {
				t.Fatalf("tensor %q is listed and not there", name)
			}
			total += len(x.Data)
			entries = append(entries, Entry{Name: x.Name, DType: x.DType, Shape: x.Shape, Data: x.Data})
			if _, err := Float32s(x); err != nil && (x.DType == F32 || x.DType == F16 || x.DType == BF16) {
				t.Fatal(err)
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
		var out bytes.Buffer
		if err := Write(&out, file.Metadata(), entries); err != nil {
			t.Fatal(err)
		}
		again, err := Parse("again", out.Bytes())
		if err != nil || !slices.Equal(again.Tensors(), file.Tensors()) {
			t.Fatalf("written file does not read back: %v", err)
		}
	})
}
