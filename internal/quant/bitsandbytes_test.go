package quant

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
)

// slice makes a source of values in memory.
func slice(values []float32) Source {
	return func(dst []float32, at int) { copy(dst, values[at:]) }
}

// fourBitCase reads what bitsandbytes made of a weight.
func fourBitCase(t *testing.T, f *safetensors.File, name, state string, kind Format) FourBit {
	t.Helper()
	var about struct {
		Blocksize int
		Shape     []int
		Offset    *float32 `json:"nested_offset"`
		Nested    int      `json:"nested_blocksize"`
	}
	if err := json.Unmarshal(golden(t, f, name+".state."+state).Data, &about); err != nil {
		t.Fatal(err)
	}
	q := FourBit{
		Format: kind, Rows: about.Shape[0], Cols: about.Shape[1], Block: about.Blocksize,
		Packed: golden(t, f, name+".packed").Data,
	}
	if about.Offset == nil {
		q.Absmax = floats(t, f, name+".state.absmax")
		return q
	}
	q.Nested = &Nested{
		Codes: golden(t, f, name+".state.absmax").Data, Map: floats(t, f, name+".state.nested_quant_map"),
		Absmax: floats(t, f, name+".state.nested_absmax"), Block: about.Nested, Offset: *about.Offset,
	}
	return q
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !sameBits(got[i], want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func equalFourBit(t *testing.T, got, want FourBit) {
	t.Helper()
	for i := range want.Packed {
		if got.Packed[i] != want.Packed[i] {
			t.Fatalf("byte %d is %02x, want %02x", i, got.Packed[i], want.Packed[i])
		}
	}
	equalBits(t, "absmax", got.Absmax, want.Absmax)
	if (got.Nested == nil) != (want.Nested == nil) {
		t.Fatalf("nested: %v, want %v", got.Nested != nil, want.Nested != nil)
	}
	if g, w := got.Nested, want.Nested; w != nil {
		if !bytes.Equal(g.Codes, w.Codes) {
			t.Errorf("codes of absmax are\n%v, want\n%v", g.Codes, w.Codes)
		}
		equalBits(t, "map", g.Map, w.Map)
		equalBits(t, "absmax of absmax", g.Absmax, w.Absmax)
		equalBits(t, "offset", []float32{g.Offset}, []float32{w.Offset})
		if g.Block != w.Block {
			t.Errorf("blocks of %d scales, want %d", g.Block, w.Block)
		}
	}
}

func TestFourBitEqualsBitsandbytes(t *testing.T) {
	f := goldens(t, "bitsandbytes.safetensors")
	for _, kind := range []Format{NF4, FP4} {
		for _, name := range []string{"odd", "nested", "ties", "many"} {
			t.Run(kind.String()+"/"+name, func(t *testing.T) {
				name := strings.ToLower(kind.String()) + "." + name
				want := fourBitCase(t, f, name, "json", kind)
				source := floats(t, f, name+".source")
				got, err := Quantise4Bit(kind, want.Rows, want.Cols, want.Block, want.Nested != nil, slice(source))
				if err != nil {
					t.Fatal(err)
				}
				equalFourBit(t, got, want)
				checkFourBit(t, want, floats(t, f, name+".values"))
			})
		}
	}
}

// checkFourBit decodes q, of which values are the last rows.
func checkFourBit(t *testing.T, q FourBit, values []float32) {
	t.Helper()
	all, err := q.Tensor()
	if err != nil {
		t.Fatal(err)
	}
	var last []int
	for row := q.Rows - len(values)/q.Cols; row < q.Rows; row++ {
		last = append(last, row)
	}
	part, err := all.Select(last)
	if err != nil {
		t.Fatal(err)
	}
	cputest.EachImplementation(t, func(t *testing.T) { checkDecode(t, part, values) })
}

// The golden case of a whole checkpoint has single tensors too.
func TestFourBitEqualsSharedGolden(t *testing.T) {
	f, err := safetensors.Open(filepath.Join(testkit.Shared(t, "goldens", "extra", "nf4"), "tensors.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, name := range []string{"single", "double"} {
		want := fourBitCase(t, f, name, "quant_state.bitsandbytes__nf4", NF4)
		got, err := Quantise4Bit(NF4, want.Rows, want.Cols, want.Block, want.Nested != nil, slice(floats(t, f, "weight")))
		if err != nil {
			t.Fatal(err)
		}
		equalFourBit(t, got, want)
		checkFourBit(t, want, floats(t, f, name+".dequantized"))
	}
}

func TestNestedScalesEqualBitsandbytes(t *testing.T) {
	f := goldens(t, "bitsandbytes.safetensors")
	equalBits(t, "dynamic map", dynamicMap[:], floats(t, f, "dynamic_map"))

	x := make([]float32, 70000)
	for i := range x {
		x[i] = float32(float64(uint32(i*2654435761))/(1<<32) + 0.125)
	}
	for _, n := range []int{1, 7, 8, 31, 32, 33, 100, 511, 512, 513, 1000, 4096, 8191, 20000, 32768, 70000} {
		name := "mean." + itoa(n)
		equalBits(t, name, []float32{mean(x[:n])}, floats(t, f, name))
	}

	scales := floats(t, f, "blockwise.source")
	codes, absmax := quantiseScales(scales)
	if !bytes.Equal(codes, golden(t, f, "blockwise.codes").Data) {
		t.Errorf("codes are\n%v, want\n%v", codes, golden(t, f, "blockwise.codes").Data)
	}
	equalBits(t, "absmax", absmax, floats(t, f, "blockwise.absmax"))
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestInt8EqualsBitsandbytes(t *testing.T) {
	f := goldens(t, "bitsandbytes.safetensors")
	source := golden(t, f, "int8.source")
	got, err := QuantiseInt8(source.Shape[0], source.Shape[1], slice(floats(t, f, "int8.source")))
	if err != nil {
		t.Fatal(err)
	}
	if want := golden(t, f, "int8.packed").Data; !bytes.Equal(got.Codes, want) {
		t.Errorf("codes are\n%v, want\n%v", got.Codes, want)
	}
	equalBits(t, "scale", got.Scale, floats(t, f, "int8.scale"))
	q, err := got.Tensor()
	if err != nil {
		t.Fatal(err)
	}
	cputest.EachImplementation(t, func(t *testing.T) { checkDecode(t, q, floats(t, f, "int8.values")) })
}

func TestQ8_0EqualsGGML(t *testing.T) {
	f := goldens(t, "gguf.safetensors")
	got, err := QuantiseQ8_0(floats(t, f, "Q8_0.source"))
	if err != nil {
		t.Fatal(err)
	}
	if want := golden(t, f, "Q8_0.packed").Data; !bytes.Equal(got, want) {
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("byte %d of block %d is %02x, want %02x", i%34, i/34, got[i], want[i])
			}
		}
	}
}

func TestQuantiseRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	with := func(v float32) Source {
		values := make([]float32, 200)
		values[150] = v
		return slice(values)
	}
	for name, v := range map[string]float32{"NaN": nan, "infinity": inf} {
		if _, err := Quantise4Bit(NF4, 2, 100, 64, true, with(v)); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "row 1") {
			t.Errorf("NF4 of %s: %v", name, err)
		}
		if _, err := QuantiseInt8(2, 100, with(v)); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "row 1") {
			t.Errorf("int8 of %s: %v", name, err)
		}
		block := make([]float32, 64)
		block[40] = v
		if _, err := QuantiseQ8_0(block); !errors.Is(err, ErrNotFinite) {
			t.Errorf("Q8_0 of %s: %v", name, err)
		}
	}
	if _, err := QuantiseInt8(2, 100, with(1e5)); !errors.Is(err, ErrNotFinite) {
		t.Errorf("int8 of 1e5, which is no float16: %v", err)
	}
	if _, err := QuantiseQ8_0(append(make([]float32, 31), 1e8)); err == nil {
		t.Error("Q8_0 takes a scale that is no float16")
	}
	if _, err := QuantiseQ8_0(make([]float32, 33)); err == nil {
		t.Error("Q8_0 takes 33 elements")
	}
	if _, err := Quantise4Bit(Q4_0, 1, 32, 32, false, with(0)); err == nil {
		t.Error("quantises to Q4_0 as if it were bitsandbytes'")
	}
	for _, block := range []int{0, -2, 33, 1 << 20} {
		if _, err := Quantise4Bit(NF4, 1, 64, block, false, with(0)); err == nil {
			t.Errorf("quantises in blocks of %d", block)
		}
	}
}

// Whoever quantises, and with how many goroutines: the bytes are the same.
func TestQuantisePiecesAgree(t *testing.T) {
	const rows, cols = 130, 1001 // several pieces, and rows that end inside of blocks
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(int32(uint32(i)*2654435761)) * 0x1p-30
	}
	q, err := Quantise4Bit(NF4, rows, cols, 64, false, slice(values))
	if err != nil {
		t.Fatal(err)
	}
	for b, absmax := range q.Absmax {
		block := values[b*64 : min(b*64+64, len(values))]
		one, err := Quantise4Bit(NF4, 1, len(block), 64, false, slice(block))
		if err != nil {
			t.Fatal(err)
		}
		if one.Absmax[0] != absmax || !bytes.Equal(one.Packed, q.Packed[b*32:][:len(one.Packed)]) {
			t.Fatalf("block %d differs from itself alone", b)
		}
	}
}

func TestPartsAreChecked(t *testing.T) {
	good := FourBit{Format: NF4, Rows: 2, Cols: 33, Block: 32, Packed: make([]byte, 33), Absmax: make([]float32, 3)}
	nested := good
	nested.Absmax, nested.Nested = nil, &Nested{Codes: make([]byte, 3), Map: make([]float32, 256), Absmax: make([]float32, 1), Block: 256}
	for _, q := range []FourBit{good, nested} {
		if _, err := q.Tensor(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		damage func(*FourBit, *Nested)
		want   string
	}{
		{func(q *FourBit, _ *Nested) { q.Format = Q4_0 }, "Q4_0 is no 4-bit format"},
		{func(q *FourBit, _ *Nested) { q.Rows = -1 }, "out of range"},
		{func(q *FourBit, _ *Nested) { q.Rows = 3 }, "packed weight has 33 elements, the shape needs 50"},
		{func(q *FourBit, _ *Nested) { q.Block = 31 }, "blocks of 31"},
		{func(q *FourBit, _ *Nested) { q.Block = 0 }, "blocks of 0"},
		{func(q *FourBit, _ *Nested) { q.Block = 64 }, "absmax has 3 elements, the shape needs 2"},
		{func(q *FourBit, _ *Nested) { q.Nested = nil }, "absmax has 0 elements"},
		{func(_ *FourBit, s *Nested) { s.Map = s.Map[1:] }, "map of absmax has 255"},
		{func(_ *FourBit, s *Nested) { s.Block = 0 }, "blocks of 0 scales"},
		{func(_ *FourBit, s *Nested) { s.Block = 2 }, "absmax of absmax has 1 elements, the shape needs 2"},
		{func(_ *FourBit, s *Nested) { s.Offset = float32(math.Inf(1)) }, "offset of absmax is not finite"},
	} {
		q, s := nested, *nested.Nested
		q.Nested = &s
		c.damage(&q, &s)
		if _, err := q.Tensor(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := (RowInt8{Rows: 2, Cols: 2, Codes: make([]byte, 4), Scale: make([]float32, 3)}).Tensor(); err == nil {
		t.Error("int8 with a scale too many")
	}
	if _, err := (RowInt8{Rows: 2, Cols: 2, Codes: make([]byte, 5), Scale: make([]float32, 2)}).Tensor(); err == nil {
		t.Error("int8 with a code too many")
	}
	if FourBitValues(Q4_0) != nil || len(FourBitValues(FP4)) != 16 {
		t.Error("tables by format")
	}
}

func BenchmarkBitsandbytes(b *testing.B) {
	const rows, cols = 16, 2048
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(int32(uint32(i)*2654435761)) * 0x1p-30
	}
	for name, nested := range map[string]bool{"NF4": false, "NF4nested": true} {
		q, err := Quantise4Bit(NF4, rows, cols, 64, nested, slice(values))
		if err != nil {
			b.Fatal(err)
		}
		t, err := q.Tensor()
		if err != nil {
			b.Fatal(err)
		}
		benchmarkDecode(b, name, t)
	}
	q, err := QuantiseInt8(rows, cols, slice(values))
	if err != nil {
		b.Fatal(err)
	}
	t, err := q.Tensor()
	if err != nil {
		b.Fatal(err)
	}
	benchmarkDecode(b, "INT8", t)
}

// BenchmarkQuantise reports bytes of float32 that are quantised a second, on all cores.
func BenchmarkQuantise(b *testing.B) {
	const rows, cols = 512, 2048
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(int32(uint32(i)*2654435761)) * 0x1p-30
	}
	for name, run := range map[string]func() error{
		"NF4":  func() error { _, err := Quantise4Bit(NF4, rows, cols, 64, true, slice(values)); return err },
		"INT8": func() error { _, err := QuantiseInt8(rows, cols, slice(values)); return err },
		"Q8_0": func() error { _, err := QuantiseQ8_0(values); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * rows * cols)
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
