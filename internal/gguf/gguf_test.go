package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/testkit"
)

const types = "testdata/types.gguf" // made by tools/goldens/gguf_types.py

func open(t *testing.T, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestReadsWhatGGUFPyWrites(t *testing.T) {
	f := open(t, types)
	if f.Version() != 3 || !gguf.Is(types) || f.Path() != types {
		t.Errorf("version %d of %s", f.Version(), f.Path())
	}
	for key, want := range map[string]uint64{"t.uint8": 200, "t.uint16": 60000, "t.uint32": 4e9, "t.uint64": math.MaxUint64} {
		if got, ok := f.Uint(key); !ok || got != want {
			t.Errorf("%s is %d, %v", key, got, ok)
		}
	}
	for key, want := range map[string]float64{"t.int8": -100, "t.int16": -30000, "t.int32": -2e9, "t.int64": -(1 << 62), "t.float32": float64(float32(0.1)), "t.float64": 0.1} {
		if got, ok := f.Float(key); !ok || got != want {
			t.Errorf("%s is %g, %v", key, got, ok)
		}
		if _, ok := f.Uint(key); ok {
			t.Errorf("%s is taken for a positive integer", key)
		}
	}
	if got, ok := f.Bool("t.bool"); !ok || !got {
		t.Error("t.bool")
	}
	if got, ok := f.String("t.string"); !ok || got != "naïve\n▁" {
		t.Errorf("t.string is %q, %v", got, ok)
	}
	if got, ok := f.Strings("t.strings"); !ok || !slices.Equal(got, []string{"", "a", "ę"}) {
		t.Errorf("t.strings is %q, %v", got, ok)
	}
	for key, want := range map[string][]float64{"t.ints": {1, -2, 3}, "t.floats": {0.5, -1.5}, "t.bools": {1, 0}} {
		if got, ok := f.Floats(key); !ok || !slices.Equal(got, want) {
			t.Errorf("%s is %v, %v", key, got, ok)
		}
	}
	if got, ok := f.Bytes("t.bytes"); !ok || !bytes.Equal(got, []byte{0, 255}) {
		t.Errorf("t.bytes is %v, %v", got, ok)
	}
	checkTensors(t, f)
}

func checkTensors(t *testing.T, f *gguf.File) {
	t.Helper()
	if got := f.Tensors(); !slices.Equal(got, []string{"matrix", "half", "cube", "vector", "blocks"}) {
		t.Errorf("tensors %v", got)
	}
	for name, want := range map[string]struct {
		typ   string
		shape []int
	}{"matrix": {"F32", []int{2, 3}}, "half": {"F16", []int{2, 3}}, "cube": {"F32", []int{2, 3, 4}}, "vector": {"F32", []int{5}}, "blocks": {"Q8_0", []int{2, 32}}} {
		got, ok := f.Tensor(name)
		if !ok || got.Type.String() != want.typ || !slices.Equal(got.Shape, want.shape) {
			t.Errorf("%s is %v%v, %v", name, got.Type, got.Shape, ok)
		}
	}
	m, _ := f.Tensor("matrix")
	if last := math.Float32frombits(binary.LittleEndian.Uint32(m.Data[20:])); last != 5 || m.Len() != 6 || len(m.Data) != 24 {
		t.Errorf("the last of %d elements is %g", m.Len(), last)
	}
}

// A key of another type, or none at all, is not a value.
func TestTypesAreKeptApart(t *testing.T) {
	f := open(t, types)
	for _, key := range []string{"t.none", "t.string", "t.strings", "t.bool"} {
		if _, ok := f.Uint(key); ok {
			t.Errorf("%s is an integer", key)
		}
		if _, ok := f.Float(key); ok {
			t.Errorf("%s is a number", key)
		}
	}
	for _, key := range []string{"t.none", "t.uint8", "t.ints"} {
		if _, ok := f.String(key); ok {
			t.Errorf("%s is a string", key)
		}
		if _, ok := f.Strings(key); ok {
			t.Errorf("%s is a list of strings", key)
		}
		if _, ok := f.Bool(key); ok {
			t.Errorf("%s is a boolean", key)
		}
		if _, ok := f.Bytes(key); ok {
			t.Errorf("%s is bytes", key)
		}
	}
	if _, ok := f.Floats("t.strings"); ok {
		t.Error("strings are numbers")
	}
	if _, _, _, ok := f.Kind("t.none"); ok || f.Has("t.none") {
		t.Error("t.none exists")
	}
	if typ, elem, n, ok := f.Kind("t.bytes"); !ok || typ != gguf.Array || elem != gguf.Uint8 || n != 2 {
		t.Errorf("t.bytes is %v of %d %v", typ, n, elem)
	}
}

// rewrite writes what a file holds once more.
func rewrite(t testing.TB, f *gguf.File) []byte {
	t.Helper()
	var pairs []gguf.Pair
	for _, key := range f.Keys() {
		p, ok := f.Pair(key)
		if !ok {
			t.Fatalf("no pair %s", key)
		}
		pairs = append(pairs, p)
	}
	var entries []gguf.Entry
	for _, name := range f.Tensors() {
		x, _ := f.Tensor(name)
		entries = append(entries, gguf.Entry{Name: name, Type: x.Type, Shape: x.Shape, Load: func() ([]byte, error) { return x.Data, nil }})
	}
	var buf bytes.Buffer
	if err := gguf.Write(&buf, pairs, entries); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// The writer makes the reference writer's bytes.
func TestWritesGGUFPysBytes(t *testing.T) {
	want := testkit.Read(t, types)
	if got := rewrite(t, open(t, types)); !bytes.Equal(got, want) {
		t.Errorf("%d bytes are not the %d of gguf-py", len(got), len(want))
	}
}

func TestNewPairs(t *testing.T) {
	from := open(t, types)
	for key, v := range map[string]any{
		"t.uint32": uint32(4e9), "t.int32": int32(-2e9), "t.float32": float32(0.1), "t.bool": true, "t.string": "naïve\n▁",
		"t.uint64": uint64(math.MaxUint64), "t.int64": int64(-(1 << 62)), "t.float64": 0.1, "t.strings": []string{"", "a", "ę"},
		"t.ints": []int32{1, -2, 3}, "t.floats": []float32{0.5, -1.5}, "t.bools": []bool{true, false}, "t.bytes": []uint8{0, 255},
	} {
		want, _ := from.Pair(key)
		var a, b bytes.Buffer
		if err := errors.Join(gguf.Write(&a, []gguf.Pair{gguf.NewPair(key, v)}, nil), gguf.Write(&b, []gguf.Pair{want}, nil)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s of %T is written another way than gguf-py's", key, v)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	load := func() ([]byte, error) { return make([]byte, 8), nil }
	fine := gguf.Entry{Name: "a", Type: gguf.F32, Shape: []int{2}, Load: load}
	for name, tt := range map[string]struct {
		pairs   []gguf.Pair
		entries []gguf.Entry
		want    string
	}{
		"key twice":    {[]gguf.Pair{gguf.NewPair("k", "v"), gguf.NewPair("k", "v")}, nil, "twice"},
		"alignment":    {[]gguf.Pair{gguf.NewPair("general.alignment", uint32(8))}, nil, "not the caller's"},
		"tensor twice": {nil, []gguf.Entry{fine, fine}, "twice"},
		"long name":    {nil, []gguf.Entry{{Name: strings.Repeat("n", 64), Type: gguf.F32, Shape: []int{2}, Load: load}}, "64 bytes"},
		"scalar":       {nil, []gguf.Entry{{Name: "a", Type: gguf.F32, Load: load}}, "dimensions"},
		"blocks":       {nil, []gguf.Entry{{Name: "a", Type: gguf.Q8_0, Shape: []int{2}, Load: load}}, "whole blocks"},
		"length":       {nil, []gguf.Entry{{Name: "a", Type: gguf.F32, Shape: []int{3}, Load: load}}, "needs 12 bytes, got 8"},
		"load":         {nil, []gguf.Entry{{Name: "a", Type: gguf.F32, Shape: []int{2}, Load: func() ([]byte, error) { return nil, errors.New("gone") }}}, "gone"},
	} {
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := gguf.WriteFile(path, tt.pairs, tt.entries); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file is there", name)
		}
	}
}

// u32, u64 and text are pieces of hostile headers.
func u32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }
func u64(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }
func text(s string) string {
	return u64(uint64(len(s))) + s
}

func start(version uint32, tensors, pairs uint64) string {
	return "GGUF" + u32(version) + u64(tensors) + u64(pairs)
}

// tensor is an entry with its dimensions in the order of the file.
func tensor(name string, typ uint32, offset uint64, dims ...uint64) string {
	s := text(name) + u32(uint32(len(dims)))
	for _, d := range dims {
		s += u64(d)
	}
	return s + u32(typ) + u64(offset)
}

// padded is a header up to the data.
func padded(s string) string { return s + strings.Repeat("\x00", (32-len(s)%32)%32) }

func TestHostileFiles(t *testing.T) {
	room := strings.Repeat("\x00", 1<<12) // so that counts are not refused for want of bytes
	data := strings.Repeat("\x00", 32)
	pair := func(key string, typ uint32, value string) string {
		return start(3, 0, 1) + text(key) + u32(typ) + value
	}
	for name, tt := range map[string]struct{ file, want string }{
		"empty":            {"", "not a GGUF file"},
		"other":            {"PK\x03\x04" + room, "not a GGUF file"},
		"short":            {"GGUF" + u32(3), "truncated"},
		"version 1":        {start(1, 0, 0), "version 1"},
		"version 4":        {start(4, 0, 0), "version 4"},
		"big-endian":       {"GGUF\x00\x00\x00\x03" + room, "big-endian"},
		"tensors":          {start(3, 1<<63, 0) + room, "tensors are more"},
		"pairs":            {start(3, 0, 1<<40) + room, "metadata pairs are more"},
		"key":              {start(3, 0, 1) + u64(1<<62) + room, "exceeds the limit"},
		"empty key":        {start(3, 0, 1) + text("") + room, "key is empty"},
		"key encoding":     {start(3, 0, 1) + text("\xff") + room, "UTF-8"},
		"key twice":        {start(3, 0, 2) + text("k") + u32(0) + "a" + text("k") + u32(0) + "a" + room, "twice"},
		"value type":       {pair("k", 13, room), "unknown value type 13"},
		"bool":             {pair("k", 7, "\x02"+room), "no boolean"},
		"string":           {pair("k", 8, u64(1<<63)+room), "beyond the file"},
		"array of arrays":  {pair("k", 9, u32(9)+u64(1)+room), "arrays of arrays"},
		"array type":       {pair("k", 9, u32(99)+u64(1)+room), "unknown value type 99"},
		"array length":     {pair("k", 9, u32(8)+u64(1<<40)+room), "more than the file has room for"},
		"array of bytes":   {pair("k", 9, u32(0)+u64(1<<20)+room), "more than the file has room for"},
		"array string":     {pair("k", 9, u32(8)+u64(2)+text("a")+u64(1<<63)+room), "string 1 of"},
		"alignment 0":      {pair("general.alignment", 4, u32(0)+room), "power of two"},
		"alignment 24":     {pair("general.alignment", 4, u32(24)+room), "power of two"},
		"alignment type":   {pair("general.alignment", 6, u32(32)+room), "power of two"},
		"split":            {pair("split.count", 4, u32(3)+room), "several files"},
		"name":             {start(3, 1, 0) + tensor(strings.Repeat("n", 65), 0, 0, 4) + room, "exceeds the limit of 64"},
		"empty name":       {start(3, 1, 0) + tensor("", 0, 0, 4) + room, "name is empty"},
		"dims":             {start(3, 1, 0) + tensor("a", 0, 0, 1, 1, 1, 1, 1) + room, "5 dimensions"},
		"dim 0":            {start(3, 1, 0) + tensor("a", 0, 0, 4, 0) + room, "dimension 0"},
		"dim product":      {start(3, 1, 0) + tensor("a", 0, 0, 1<<32, 1<<32) + room, "out of range"},
		"bytes product":    {start(3, 1, 0) + tensor("a", 0, 0, 1<<61) + room, "too large"},
		"type":             {start(3, 1, 0) + tensor("a", 4, 0, 4) + room, "ggml type 4 is not known"},
		"blocks":           {start(3, 1, 0) + tensor("a", 12, 0, 128) + room, "whole blocks"},
		"offset alignment": {start(3, 1, 0) + tensor("a", 0, 4, 4) + room, "offset 4"},
		"offset":           {start(3, 1, 0) + tensor("a", 0, 1<<63, 4) + room, "out of range"},
		"overlap":          {padded(start(3, 2, 0)+tensor("a", 0, 0, 16)+tensor("b", 0, 32, 16)) + room, "the tensors before it end at 64"},
		"gap":              {padded(start(3, 2, 0)+tensor("a", 0, 0, 8)+tensor("b", 0, 64, 8)) + room, "the tensors before it end at 32"},
		"tensor twice":     {padded(start(3, 2, 0)+tensor("a", 0, 0, 8)+tensor("a", 0, 32, 8)) + data + data, "twice"},
		"truncated":        {padded(start(3, 1, 0)+tensor("a", 0, 0, 9)) + data, "truncated"},
		"no data":          {start(3, 1, 0) + tensor("a", 0, 0, 8), "truncated"},
		"rest":             {padded(start(3, 1, 0)+tensor("a", 0, 0, 8)) + data + "x", "follow the last tensor"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gguf.Parse("h.gguf", []byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "h.gguf: ") {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
		})
	}
}

// Version 2 differs in nothing that matters, and the padding behind the last tensor may be missing.
func TestAccepts(t *testing.T) {
	for name, file := range map[string]string{
		"version 2":  padded(start(2, 1, 0)+tensor("a", 0, 0, 8)) + strings.Repeat("\x00", 32),
		"no padding": padded(start(3, 1, 0)+tensor("a", 0, 0, 3)) + strings.Repeat("\x00", 12),
		"scalar":     padded(start(3, 1, 0)+tensor("a", 0, 0)) + strings.Repeat("\x00", 4),
		"vocabulary": start(3, 0, 0),
	} {
		if _, err := gguf.Parse(name, []byte(file)); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := gguf.Open(t.TempDir()); err == nil || gguf.Is(t.TempDir()) {
		t.Error("a directory was opened")
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := gguf.Open(empty); !errors.Is(err, gguf.ErrNotGGUF) || gguf.Is(empty) {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := gguf.Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestRealFiles(t *testing.T) {
	list, err := filepath.Glob(filepath.Join(testkit.Shared(t, "real"), "*", "*", "*.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, filepath.Join(testkit.Shared(t, "real"), "gguf", "llama-2-tiny-random.gguf"))
	if len(list) < 5 {
		t.Fatalf("only %d files", len(list))
	}
	for _, path := range list {
		f := open(t, path)
		tokens, ok := f.Strings("tokenizer.ggml.tokens")
		if !ok || len(tokens) < 1000 {
			t.Errorf("%s has %d tokens", path, len(tokens))
		}
		want := testkit.Read(t, path)
		if got := rewrite(t, f); !bytes.HasPrefix(got, want) && len(f.Tensors()) > 0 {
			t.Errorf("%s is written another way", path)
		}
	}
}

// FuzzParse: whatever the bytes, parsing neither panics nor takes more than a small multiple of
// their size, and what it accepts can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(padded(start(3, 1, 0)+tensor("a", 0, 0, 8)) + strings.Repeat("\x00", 32)))
	f.Add([]byte(start(3, 0, 1) + text("k") + u32(9) + u32(8) + u64(1) + text("v")))
	f.Add(testkit.Read(f, types))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := gguf.Parse("fuzz", data)
		runtime.ReadMemStats(&after)
		// An entry of 25 bytes becomes a Tensor, its place in a map and a name.
		if took, limit := after.TotalAlloc-before.TotalAlloc, uint64(64*len(data)+1<<16); took > limit {
			t.Errorf("%d bytes took %d of memory", len(data), took)
		}
		if err != nil {
			return
		}
		for _, name := range file.Tensors() {
			if x, ok := file.Tensor(name); !ok || len(x.Shape) == 0 || len(name) > 63 {
				return // readable, and more than the writer writes
			}
		}
		if file.Has("general.alignment") {
			return
		}
		again, err := gguf.Parse("again", rewrite(t, file))
		if err != nil || !slices.Equal(again.Tensors(), file.Tensors()) || !slices.Equal(again.Keys(), file.Keys()) {
			t.Errorf("read again: %v", err)
		}
	})
}
