package hugepage

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/internal/rng"
)

// pieces records the lengths of writes.
type pieces struct {
	bytes.Buffer
	lengths []int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.lengths = append(p.lengths, len(b))
	return p.Buffer.Write(b)
}

func TestWriterCutsAtMultiplesOfTheSize(t *testing.T) {
	for _, c := range []struct {
		at     int64
		writes []int
		want   []int
	}{
		{0, nil, nil},
		{0, []int{0, 5, 0}, []int{5}},
		{0, []int{size}, []int{size}},
		{0, []int{size + 1}, []int{size, 1}},
		{0, []int{1, size, size - 1}, []int{size, size}},
		{0, []int{8, 3*size + 7}, []int{size, 2 * size, 15}},
		{3*size - 10, []int{4, 5, 6, 2 * size}, []int{10, size, size, 5}},
		{5*size + 1, []int{3 * size}, []int{3*size - 1, 1}},
	} {
		var out pieces
		w := NewWriter(&out, c.at)
		var all []byte
		for i, n := range c.writes {
			b := bytes.Repeat([]byte{byte(i + 1)}, n)
			all = append(all, b...)
			if got, err := w.Write(b); got != n || err != nil {
				t.Fatalf("Write of %d bytes: %d, %v", n, got, err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), all) {
			t.Errorf("from %d on, writes of %d: other bytes arrive", c.at, c.writes)
		}
		if !slices.Equal(out.lengths, c.want) {
			t.Errorf("from %d on, writes of %d arrive as %d, want %d", c.at, c.writes, out.lengths, c.want)
		}
	}
}

// However a file is written, what Write passes on ends at a multiple of the size.
func TestWriterAtRandom(t *testing.T) {
	draw := rng.New(1, "writes").At(0, 0)
	for range 50 {
		at := int64(draw.Uint32() % (2 * size))
		var out pieces
		w := NewWriter(&out, at)
		total := 0
		for range 6 {
			n, before := int(draw.Uint32()%(3*size)), out.Len()
			if _, err := w.Write(make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			total += n
			if out.Len() > before && (at+int64(out.Len()))%size != 0 {
				t.Fatalf("from %d on, %d bytes are passed on", at, out.Len())
			}
			if draw.Uint32()%4 == 0 {
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				if out.Len() != total {
					t.Fatalf("%d of %d bytes arrive before the end of Flush", out.Len(), total)
				}
			}
		}
	}
}

type fails struct{ after int }

func (f *fails) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestWriterKeepsItsError(t *testing.T) {
	w := NewWriter(&fails{after: 1}, 0)
	if _, err := w.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	_, first := w.Write(make([]byte, size+1))
	_, second := w.Write([]byte("x"))
	for _, err := range []error{first, second, w.Flush()} {
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("the error is %v", err)
		}
	}
}
