package quant

import (
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// The reference is transformers, in float32.
func TestMicroscaledDecodesAsReference(t *testing.T) {
	f := goldens(t, "mxfp4.safetensors")
	blocks, scales, values := golden(t, f, "blocks"), golden(t, f, "scales"), floats(t, f, "values")
	cols := 32 * blocks.Shape[2]
	q, err := Microscaled{Rows: len(values) / cols, Cols: cols, Blocks: blocks.Data, Scales: scales.Data}.Tensor()
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(blocks.Data) + len(scales.Data)); q.Bytes() != want || q.Format != MXFP4 {
		t.Errorf("%v of %d bytes, want %d", q.Format, q.Bytes(), want)
	}
	cputest.EachImplementation(t, func(t *testing.T) { checkDecode(t, q, values) })
}

func TestMicroscaledRefuses(t *testing.T) {
	for _, c := range []struct {
		rows, cols, blocks, scales int
		want                       string
	}{
		{0, 32, 0, 0, "shape 0×32"},
		{1, 1 << 62, 0, 0, "out of range"},
		{1, 48, 24, 1, "rows of 48 elements are no whole blocks of MXFP4"},
		{2, 64, 63, 4, "blocks has 63 elements, the shape needs 64"},
		{2, 64, 64, 3, "scales has 3 elements, the shape needs 4"},
	} {
		_, err := Microscaled{Rows: c.rows, Cols: c.cols, Blocks: make([]byte, c.blocks), Scales: make([]byte, c.scales)}.Tensor()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d×%d: %v, want %q", c.rows, c.cols, err, c.want)
		}
	}
}

func BenchmarkMicroscaled(b *testing.B) {
	const rows, cols = 16, 2880
	q, err := Microscaled{Rows: rows, Cols: cols, Blocks: make([]byte, rows*cols/2), Scales: make([]byte, rows*cols/32)}.Tensor()
	if err != nil {
		b.Fatal(err)
	}
	for i := range q.storage.(*microscaled).Scales {
		q.storage.(*microscaled).Scales[i] = 127
	}
	benchmarkDecode(b, "MXFP4", q)
}

// What is repacked for GGUF has the same values, but for the sign of zeros.
func TestMXFP4AsGGUF(t *testing.T) {
	f := goldens(t, "mxfp4.safetensors")
	blocks, scales := golden(t, f, "blocks"), golden(t, f, "scales")
	const rows, cols = 6, 64
	q := Microscaled{Rows: rows, Cols: cols, Blocks: blocks.Data, Scales: scales.Data}
	from, err := q.Tensor()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, rows*cols/32*17)
	for row := range rows {
		q.GGUFRow(data[row*cols/32*17:(row+1)*cols/32*17], row)
	}
	to, err := FromGGUF(MXFP4, rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	for row := range rows {
		got, want := make([]float32, cols), make([]float32, cols)
		to.Decode(got, row, 0)
		from.Decode(want, row, 0)
		if !slices.Equal(got, want) {
			t.Errorf("row %d is %v, want %v", row, got, want)
		}
	}
}
