package spill

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// row has a field of every kind that a draft has.
type row struct {
	Text   string
	Number int
	Share  float64
	At     time.Time
	Names  []string
	Signal map[string]float64
	Label  *bool
	Inner  []struct{ A, B string }
	hidden int
}

func sample(i int) row {
	yes := i%2 == 0
	r := row{Text: strings.Repeat(fmt.Sprint("text ", i, " "), i%50), Number: -i, Share: 1 / float64(i+1)}
	if i%3 == 0 {
		r.At = time.Unix(int64(i), 5).UTC()
		r.Names = []string{"a", "", fmt.Sprint(i)}
		r.Signal = map[string]float64{"b": 1, "a": math.Inf(1)}
		r.Label = &yes
		r.Inner = []struct{ A, B string }{{"x", "y"}, {}}
	}
	return r
}

// budgets keep everything in memory, some of it, and next to nothing.
var budgets = []int64{1 << 30, 64 << 10, 1}

func TestLog(t *testing.T) {
	for _, budget := range budgets {
		log := NewLog[row](New(t.TempDir(), budget))
		const n = 5000
		for i := range n {
			r := sample(i)
			r.hidden = 7
			if err := log.Append(&r); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			i := 0
			for got, err := range log.All() {
				if err != nil {
					t.Fatal(err)
				}
				if want := sample(i); !reflect.DeepEqual(*got, want) {
					t.Fatalf("budget %d, record %d: got %+v, want %+v", budget, i, *got, want)
				}
				i++
			}
			if i != n {
				t.Errorf("budget %d: %d records", budget, i)
			}
		}
		if spilled := log.blocks.file != nil; spilled != (budget < 1<<20) {
			t.Errorf("budget %d: spilled is %v", budget, spilled)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

var numbers = Record[uint64]{Size: 8, Put: binary.LittleEndian.PutUint64, Get: binary.LittleEndian.Uint64, Compare: cmp.Compare[uint64]}

func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 15, 16, 17, 5000} { // a budget of 1 has runs of 16: 5000 are merged twice
		want := make([]uint64, n)
		for i := range want {
			want[i] = r.Uint64N(uint64(n) * 2)
		}
		for _, budget := range budgets {
			s := NewSorter(New(t.TempDir(), budget), numbers)
			for _, x := range want {
				if err := s.Add(x); err != nil {
					t.Fatal(err)
				}
			}
			sorted := slices.Sorted(slices.Values(want))
			for range 2 {
				var got []uint64
				for x, err := range s.Sorted() {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, x)
				}
				if !slices.Equal(got, sorted) {
					t.Errorf("%d records in a budget of %d are not in order", n, budget)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTable(t *testing.T) {
	for _, budget := range budgets {
		table := NewTable(New(t.TempDir(), budget), 100)
		record := func(i int) []byte { return slices.Repeat([]byte{byte(i), byte(i >> 8)}, 50) }
		for i := range 3000 {
			if err := table.Append(record(i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(3000) {
			if got, err := table.At(i); err != nil || !slices.Equal(got, record(i)) {
				t.Fatalf("budget %d, record %d: %v", budget, i, err)
			}
		}
		if table.Len() != 3000 {
			t.Errorf("%d records", table.Len())
		}
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Nothing is left in the folder, not even while the files are in use: a killed process leaves none.
func TestScratchFilesHaveNoNames(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, 1)
	log, sorter, table := NewLog[row](s), NewSorter(s, numbers), NewTable(s, 8)
	for i := range 1000 {
		r := sample(i)
		if err := errors.Join(log.Append(&r), sorter.Add(uint64(i)), table.Append(make([]byte, 8))); err != nil {
			t.Fatal(err)
		}
	}
	if log.blocks.file == nil || sorter.blocks.file == nil || table.file == nil {
		t.Fatal("nothing spilled")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if err := errors.Join(log.Close(), sorter.Close(), table.Close()); err != nil {
		t.Error(err)
	}
	if err := NewLog[row](New(dir+"/missing", 1)).fill(); err == nil {
		t.Error("a folder that is not there will do")
	}
}

func (l *Log[T]) fill() (err error) {
	for range 1 << 20 {
		if err = l.Append(new(T)); err != nil {
			break
		}
	}
	return err
}

// A flipped bit is found, wherever it is.
func TestDamage(t *testing.T) {
	s := New(t.TempDir(), 1)
	log, table := NewLog[row](s), NewTable(s, 100)
	defer log.Close()
	defer table.Close()
	for i := range 1000 {
		r := sample(i)
		if err := errors.Join(log.Append(&r), table.Append(make([]byte, 100))); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (err error) {
		for _, e := range log.All() {
			err = e
		}
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < log.blocks.size; at += 97 {
		flip(t, log.blocks.file, at)
		if err := read(); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v", at, err)
		}
		flip(t, log.blocks.file, at)
	}
	for at := range int64(108) {
		flip(t, table.file, at)
		if _, err := table.At(0); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d of a table: %v", at, err)
		}
		flip(t, table.file, at)
	}
}

func flip(t *testing.T, f *os.File, at int64) {
	t.Helper()
	var b [1]byte
	_, err := f.ReadAt(b[:], at)
	b[0] ^= 0x10
	if _, werr := f.WriteAt(b[:], at); err != nil || werr != nil {
		t.Fatal(err, werr)
	}
}

func FuzzDecode(f *testing.F) {
	for i := range 4 {
		r := sample(i)
		f.Add(Encode(nil, &r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r row
		if Decode(data, &r) != nil {
			return
		}
		var again row
		if err := Decode(Encode(nil, &r), &again); err != nil {
			t.Fatal(err)
		}
	})
}
