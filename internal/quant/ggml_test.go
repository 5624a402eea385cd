package quant

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// ggufFormats are all that FromGGUF takes.
var ggufFormats = []Format{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4}

// goldens opens a file of testdata; the script beside it says what is in it.
func goldens(t testing.TB, name string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func golden(t testing.TB, f *safetensors.File, name string) safetensors.Tensor {
	t.Helper()
	tensor, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %q", name)
	}
	return tensor
}

func floats(t testing.TB, f *safetensors.File, name string) []float32 {
	t.Helper()
	v, err := safetensors.Float32s(golden(t, f, name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sameBits also takes NaNs for equal, whatever is in them.
func sameBits(a, b float32) bool {
	return a != a && b != b || math.Float32bits(a) == math.Float32bits(b)
}

// checkDecode decodes every row of q as a whole and in pieces of all kinds, and looks for writes
// outside of what was asked for.
func checkDecode(t *testing.T, q *Tensor, want []float32) {
	t.Helper()
	if len(want) != q.Rows*q.Cols {
		t.Fatalf("%d×%d decoded, want %d elements", q.Rows, q.Cols, len(want))
	}
	for row := range q.Rows {
		values := want[row*q.Cols:][:q.Cols]
		checkPiece(t, q, row, 0, values)
		for _, n := range []int{1, 2, 7, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 200, 255, 256, 257} {
			for _, col := range []int{0, 1, 2, 15, 16, 17, 31, 32, 48, 64, 65, 96, 100, 128, 255, 256} {
				if col+n <= q.Cols {
					checkPiece(t, q, row, col, values[col:col+n])
				}
			}
			if n <= q.Cols {
				checkPiece(t, q, row, q.Cols-n, values[q.Cols-n:])
			}
		}
	}
}

func checkPiece(t *testing.T, q *Tensor, row, col int, want []float32) {
	t.Helper()
	const guard = 16
	all := make([]float32, guard+len(want)+guard)
	for i := range all {
		all[i] = 42
	}
	q.Decode(all[guard:guard+len(want)], row, col)
	for i, got := range all {
		if j := i - guard; j < 0 || j >= len(want) {
			if got != 42 {
				t.Fatalf("%v [%d, %d:%d]: wrote element %d", q.Format, row, col, col+len(want), col+j)
			}
		} else if !sameBits(got, want[j]) {
			t.Fatalf("%v [%d, %d:%d]: element %d is %v, want %v", q.Format, row, col, col+len(want), col+j, got, want[j])
		}
	}
}

// The reference is gguf-py, whose values are ggml's.
func TestGGUFDecodesAsReference(t *testing.T) {
	f := goldens(t, "gguf.safetensors")
	for _, format := range ggufFormats {
		data, values := golden(t, f, format.String()+".data"), golden(t, f, format.String()+".values")
		q, err := FromGGUF(format, values.Shape[0], values.Shape[1], data.Data)
		if err != nil {
			t.Fatalf("%v: %v", format, err)
		}
		if q.Bytes() != int64(len(data.Data)) {
			t.Errorf("%v takes %d bytes, want %d", format, q.Bytes(), len(data.Data))
		}
		t.Run(format.String(), func(t *testing.T) {
			cputest.EachImplementation(t, func(t *testing.T) {
				checkDecode(t, q, floats(t, f, format.String()+".values"))
			})
		})
	}
}

func TestFromGGUFRefuses(t *testing.T) {
	for _, c := range []struct {
		format     Format
		rows, cols int
		data       int
		want       string
	}{
		{NF4, 1, 32, 18, "NF4 is no format of GGUF"},
		{Q4_0, 0, 32, 0, "shape 0×32"},
		{Q4_0, 1, -32, 0, "shape 1×-32"},
		{Q4_0, 1, 33, 18, "no whole blocks of Q4_0"},
		{Q4_K, 2, 128, 144, "no whole blocks of Q4_K"},
		{Q4_K, 2, 256, 144, "data has 144 elements, the shape needs 288"},
		{Q8_0, 1 << 40, 1 << 40, 0, "out of range"},
	} {
		if _, err := FromGGUF(c.format, c.rows, c.cols, make([]byte, c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %d×%d of %d bytes: %v, want %q", c.format, c.rows, c.cols, c.data, err, c.want)
		}
	}
}

func TestSelect(t *testing.T) {
	data := make([]byte, 3*34)
	for row := range 3 {
		data[34*row+1], data[34*row+2] = 0x3c, byte(row+1) // d = 1, element 0 = row + 1
	}
	q, err := FromGGUF(Q8_0, 3, 32, data)
	if err != nil {
		t.Fatal(err)
	}
	picked, err := q.Select([]int{2, 0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	again, err := picked.Select([]int{3, 1})
	if err != nil {
		t.Fatal(err)
	}
	var got [1]float32
	for i, want := range []float32{3, 1} {
		if again.Decode(got[:], i, 0); got[0] != want {
			t.Errorf("row %d begins with %v, want %v", i, got[0], want)
		}
	}
	if picked.Rows != 4 || again.Rows != 2 || again.Cols != 32 {
		t.Errorf("%d and %d rows", picked.Rows, again.Rows)
	}
	if _, err := q.Select([]int{3}); err == nil {
		t.Error("selects a row that is not there")
	}
}

func TestDecodeOutsidePanics(t *testing.T) {
	q, err := FromGGUF(Q8_0, 2, 64, make([]byte, 4*34))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]int{{-1, 0, 1}, {2, 0, 1}, {0, -1, 1}, {0, 60, 5}, {0, 65, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("row %d, column %d, %d elements: no panic", c[0], c[1], c[2])
				}
			}()
			q.Decode(make([]float32, c[2]), c[0], c[1])
		}()
	}
}

func TestNames(t *testing.T) {
	for f := range names {
		if got, err := Parse(strings.ToLower(Format(f).String())); err != nil || got != Format(f) {
			t.Errorf("Parse(%v) = %v, %v", Format(f), got, err)
		}
	}
	if _, err := Parse("Q4"); err == nil {
		t.Error("Parse accepts Q4")
	}
	if got := Format(99).String(); got != "quant.Format(99)" {
		t.Errorf("Format(99) prints %q", got)
	}
}

// smoothBlocks is blocks whose scales are neither huge nor NaN, for benchmarks.
func smoothBlocks(f Format, blocks int) []byte {
	_, size, _ := GGUFBlock(f)
	data := make([]byte, blocks*size)
	for i := range data {
		data[i] = byte(i * 2654435761 >> 11)
	}
	return data
}

func BenchmarkGGUF(b *testing.B) {
	const cols = 2048
	for _, format := range ggufFormats {
		elements, _, _ := GGUFBlock(format)
		q, err := FromGGUF(format, 16, cols, smoothBlocks(format, 16*cols/elements))
		if err != nil {
			b.Fatal(err)
		}
		benchmarkDecode(b, fmt.Sprint(format), q)
	}
}

// benchmarkDecode reports bytes of float32 a second.
func benchmarkDecode(b *testing.B, name string, q *Tensor) {
	dst := make([]float32, q.Cols)
	b.Run(name, func(b *testing.B) {
		cputest.EachImplementationB(b, func(b *testing.B) {
			b.SetBytes(int64(4 * q.Rows * q.Cols))
			for b.Loop() {
				for row := range q.Rows {
					q.Decode(dst, row, 0)
				}
			}
		})
	})
}
