package pack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rowOf has the ids base, base+1, …
func rowOf(base, n int) Row {
	r := Row{Source: Source{ExampleID: fmt.Sprint("example-", base)}}
	for i := range n {
		r.IDs = append(r.IDs, int32(base+i))
	}
	return r
}

func rowsOf(lengths ...int) []Row {
	var rows []Row
	for i, n := range lengths {
		rows = append(rows, rowOf(1000*(i+1), n))
	}
	return rows
}

func pack(t *testing.T, rows []Row, opts Options) *Sequences {
	t.Helper()
	s, err := New(rows, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStrategies(t *testing.T) {
	for _, c := range []struct {
		lengths  []int
		strategy Strategy
		want     [][]int
	}{
		{[]int{3, 9, 2}, None, [][]int{{0}, {1}, {2}}},
		{[]int{3, 9, 2}, "", [][]int{{0}, {1}, {2}}},
		{nil, BestFit, nil},
		{[]int{10}, BestFit, [][]int{{0}}},
		{[]int{5, 5, 5}, BestFit, [][]int{{0, 1}, {2}}},
		// 6 and 7 open sequences, 4 and 3 fill them to the brim, 1 does not fit any more.
		{[]int{1, 3, 6, 4, 7}, BestFit, [][]int{{0}, {1, 4}, {2, 3}}},
		// The fullest sequence with room: 2 joins 8, not 6.
		{[]int{6, 8, 2}, BestFit, [][]int{{0}, {1, 2}}},
	} {
		got := pack(t, rowsOf(c.lengths...), Options{MaxLen: 10, Strategy: c.strategy}).Sequences
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v %s: got %v, want %v", c.lengths, c.strategy, got, c.want)
		}
	}
}

// Against the definition of best-fit decreasing, written without the index.
func TestBestFitEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		size := 1 + rng.IntN(200)
		lengths := make([]int, rng.IntN(120))
		for i := range lengths {
			lengths[i] = 1 + rng.IntN(size)
		}
		if got, want := bestFit(lengths, size), slowBestFit(lengths, size); !reflect.DeepEqual(got, want) {
			t.Fatalf("size %d, lengths %v:\ngot  %v\nwant %v", size, lengths, got, want)
		}
	}
}

func slowBestFit(lengths []int, size int) [][]int {
	var bins [][]int
	var free []int
	for n := size; n >= 1; n-- {
		for row, length := range lengths {
			if length != n {
				continue
			}
			best := -1
			for i := range bins {
				if free[i] >= n && (best < 0 || free[i] < free[best]) {
					best = i
				}
			}
			if best < 0 {
				best = len(bins)
				bins, free = append(bins, nil), append(free, size)
			}
			bins[best], free[best] = append(bins[best], row), free[best]-n
		}
	}
	for _, bin := range bins {
		slices.Sort(bin)
	}
	slices.SortFunc(bins, func(a, b []int) int { return a[0] - b[0] })
	return bins
}

func TestOverlong(t *testing.T) {
	rows := rowsOf(2, 7, 3)
	_, err := New(rows, Options{MaxLen: 3})
	if !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "row 1") || !strings.Contains(err.Error(), "example-2000") {
		t.Errorf("refuse: %v", err)
	}

	s := pack(t, rows, Options{MaxLen: 3, Overlong: Drop})
	if len(s.Rows) != 2 || !slices.Equal(s.Dropped, []int{1}) || s.Windowed != 0 {
		t.Errorf("drop: %d rows, dropped %v", len(s.Rows), s.Dropped)
	}
}

// Each token that is a target of the row is one in exactly one window, and every window begins as a text
// does: with the tokens that begin one, or where there are none, with the last token before it.
func TestWindows(t *testing.T) {
	for _, tt := range []struct {
		size, begin, length int
		want                [][]int32
	}{
		{3, 0, 3, [][]int32{{2000, 2001, 2002}}},
		{3, 0, 7, [][]int32{{2000, 2001, 2002}, {2002, 2003, 2004}, {2004, 2005, 2006}}},
		{3, 0, 6, [][]int32{{2000, 2001, 2002}, {2002, 2003, 2004}, {2004, 2005}}},
		{3, 1, 7, [][]int32{{2000, 2001, 2002}, {2000, 2003, 2004}, {2000, 2005, 2006}}},
		{4, 2, 7, [][]int32{{2000, 2001, 2002, 2003}, {2000, 2001, 2004, 2005}, {2000, 2001, 2006}}},
		{2, 1, 4, [][]int32{{2000, 2001}, {2000, 2002}, {2000, 2003}}},
	} {
		rows := rowsOf(2, tt.length, 2)
		rows[1].Begin = tt.begin
		for _, marks := range [][]bool{nil, alternating(tt.length)} {
			rows[1].Trained = marks
			s := pack(t, rows, Options{MaxLen: tt.size, Overlong: Window})
			var got [][]int32
			targets := map[int32]int{}
			for i, r := range s.Rows {
				if s.From[i] != 1 {
					continue
				}
				got = append(got, r.IDs)
				for p := range r.IDs {
					if l := r.label(p); l != IgnoreIndex {
						targets[l]++
					}
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v: windows %v", tt, got)
			}
			for p, id := range rows[1].IDs {
				want := 0
				if p > 0 && (marks == nil || marks[p]) {
					want = 1
				}
				if targets[id] != want {
					t.Errorf("%+v: token %d is a target %d times, want %d", tt, id, targets[id], want)
				}
			}
			if cut := min(1, len(tt.want)-1); s.Windowed != cut || s.Dropped != nil {
				t.Errorf("%+v: %d cut, dropped %v", tt, s.Windowed, s.Dropped)
			}
		}
	}
}

func alternating(n int) []bool {
	marks := make([]bool, n)
	for i := range marks {
		marks[i] = i%2 == 0
	}
	return marks
}

func TestRefusals(t *testing.T) {
	for name, f := range map[string]func() error{
		"length":   func() error { _, err := New(nil, Options{}); return err },
		"strategy": func() error { _, err := New(nil, Options{MaxLen: 1, Strategy: "wrapped"}); return err },
		"window": func() error {
			_, err := New([]Row{{IDs: []int32{1, 2, 3, 4}, Begin: 3}}, Options{MaxLen: 3, Overlong: Window})
			return err
		},
		"overlong": func() error { _, err := New(rowsOf(2), Options{MaxLen: 1, Overlong: "truncate"}); return err },
		"marks": func() error {
			_, err := New([]Row{{IDs: []int32{1}, Trained: []bool{}}}, Options{MaxLen: 1})
			return err
		},
	} {
		if f() == nil {
			t.Errorf("accepted a bad %s", name)
		}
	}
}

func TestEmptyRowsAreDropped(t *testing.T) {
	s := pack(t, rowsOf(0, 2, 0), Options{MaxLen: 4, Strategy: BestFit})
	if len(s.Rows) != 1 || !slices.Equal(s.Dropped, []int{0, 2}) {
		t.Errorf("%d rows, dropped %v", len(s.Rows), s.Dropped)
	}
}

func TestBatchLayout(t *testing.T) {
	rows := []Row{
		{IDs: []int32{10, 11, 12}, Trained: []bool{true, false, true}},
		{IDs: []int32{20}},
		{IDs: []int32{30, 31}},
	}
	batches := pack(t, rows, Options{MaxLen: 6, Strategy: BestFit}).Step([]int{0}, 1)
	want := []Batch{{
		Tokens:    []int32{10, 11, 12, 20, 30, 31},
		Positions: []int32{0, 1, 2, 0, 0, 1},
		Labels:    []int32{IgnoreIndex, 12, IgnoreIndex, IgnoreIndex, 31, IgnoreIndex},
		Segments:  []Segment{{0, 3, 0}, {3, 4, 1}, {4, 6, 2}},
	}}
	if !reflect.DeepEqual(batches, want) {
		t.Errorf("got  %+v\nwant %+v", batches, want)
	}
	if n := batches[0].Trained(); n != 2 {
		t.Errorf("%d trained positions", n)
	}
}

// A step over the same rows is the same chain of tokens under any packing and micro-batch.
func TestStepDoesNotDependOnPacking(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rows := rowsOf(make([]int, 50)...)
	for i := range rows {
		rows[i] = rowOf(1000*i, 1+rng.IntN(64))
	}
	chain := func(strategy Strategy, microBatch int) (tokens, positions, labels []int32) {
		s := pack(t, rows, Options{MaxLen: 64, Strategy: strategy})
		all := make([]int, len(s.Sequences))
		for i := range all {
			all[i] = i
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		next := 0
		for _, b := range s.Step(all, microBatch) {
			if len(b.Tokens) > microBatch*64 || len(b.Tokens) == 0 {
				t.Errorf("%s: micro-batch of %d tokens", strategy, len(b.Tokens))
			}
			for _, segment := range b.Segments {
				if segment.Row != next {
					t.Errorf("%s: row %d in place of %d", strategy, segment.Row, next)
				}
				next++
			}
			tokens, positions, labels = append(tokens, b.Tokens...), append(positions, b.Positions...), append(labels, b.Labels...)
		}
		if next != len(rows) {
			t.Errorf("%s: %d of %d rows", strategy, next, len(rows))
		}
		return tokens, positions, labels
	}
	wantTokens, wantPositions, wantLabels := chain(None, 1)
	for _, strategy := range []Strategy{None, BestFit} {
		for _, microBatch := range []int{1, 3, 100} {
			tokens, positions, labels := chain(strategy, microBatch)
			if !slices.Equal(tokens, wantTokens) || !slices.Equal(positions, wantPositions) || !slices.Equal(labels, wantLabels) {
				t.Errorf("%s, micro-batch %d: another chain", strategy, microBatch)
			}
		}
	}
}

func BenchmarkBestFit(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	lengths := make([]int, 100_000)
	for i := range lengths {
		lengths[i] = 1 + rng.IntN(2048)
	}
	for b.Loop() {
		bestFit(lengths, 2048)
	}
}

// A pair is two rows: what is planned for micro-batches of pairs must hold for the longest.
func TestLimitOfPairs(t *testing.T) {
	row := Row{IDs: make([]int32, 8)}
	for _, pairs := range []bool{false, true} {
		s, err := New([]Row{row, row, row, row, row, row, row, row}, Options{MaxLen: 8, Pairs: pairs})
		if err != nil {
			t.Fatal(err)
		}
		all := make([]int, len(s.Sequences))
		for i := range all {
			all[i] = i
		}
		if largest := slices.Max(s.Sizes(all, 2)); largest != s.Limit(2) {
			t.Errorf("pairs %t: a micro-batch has %d tokens, the limit is %d", pairs, largest, s.Limit(2))
		}
	}
}
