package rng

import (
	"math"
	"slices"
	"testing"
)

// The philox4x32 vectors with 10 rounds of Random123's tests/kat_vectors.
func TestKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// Written down once: a change of any of these breaks the reproducibility of every recorded run.
func TestStreamsStayWhatTheyAre(t *testing.T) {
	s := New(42, "shuffle").At(3, 1<<40+5)
	got := []any{s.Uint32(), s.Uint64(), s.Float32(), s.Uniform(-2, 3), s.Normal(), s.Normal(), s.IntN(1000)}
	want := []any{uint32(918708228), uint64(2644450472826203901), float32(0.16740656), float32(1.1906412),
		float32(0.6639402), float32(-0.093339145), 284}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("number %d = %v, want %v", i, got[i], want[i])
		}
	}
	if got, want := New(0, "").At(0, 0).Perm(12), []int{6, 0, 2, 7, 10, 5, 1, 4, 11, 3, 9, 8}; !slices.Equal(got, want) {
		t.Errorf("Perm = %v, want %v", got, want)
	}
}

func TestPositionsDiffer(t *testing.T) {
	seen := map[uint64]string{}
	note := func(name string, s Stream, step, row uint64) {
		x := s.At(step, row).Uint64()
		if other, ok := seen[x]; ok {
			t.Errorf("%s begins like %s", name, other)
		}
		seen[x] = name
	}
	s := New(1, "dropout")
	note("origin", s, 0, 0)
	note("other seed", New(2, "dropout"), 0, 0)
	note("other purpose", New(1, "dropou"), 0, 0)
	for bit := range 48 {
		note("step", s, 1<<bit, 0)
		note("row", s, 0, 1<<bit)
	}
	for _, position := range [][2]uint64{{1 << 48, 0}, {0, 1 << 48}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At%v: no panic", position)
				}
			}()
			s.At(position[0], position[1])
		}()
	}
}

func TestSameFromAnyStart(t *testing.T) {
	a, b := New(7, "x").At(1, 2), New(7, "x").At(1, 2)
	for i := range 100 {
		if x, y := a.Uint64(), b.Uint64(); x != y {
			t.Fatalf("number %d: %x, %x", i, x, y)
		}
	}
}

func TestUniform(t *testing.T) {
	const n = 100_000
	s := New(3, "uniform").At(0, 0)
	var sum, squares float64
	var buckets [20]int
	for range n {
		x := s.Float32()
		if x < 0 || x >= 1 {
			t.Fatalf("Float32 = %v", x)
		}
		buckets[int(x*20)]++
		y := float64(s.Uniform(-1, 3))
		if y < -1 || y > 3 {
			t.Fatalf("Uniform(-1, 3) = %v", y)
		}
		sum, squares = sum+y, squares+y*y
	}
	for i, c := range buckets {
		if math.Abs(float64(c)-n/20) > 5*math.Sqrt(n/20) {
			t.Errorf("bucket %d has %d of %d", i, c, n)
		}
	}
	if mean, variance := sum/n, squares/n-sum/n*sum/n; math.Abs(mean-1) > 0.02 || math.Abs(variance-16.0/12) > 0.02 {
		t.Errorf("Uniform(-1, 3): mean %g, variance %g", mean, variance)
	}
}

func TestNormalMoments(t *testing.T) {
	const n = 200_000
	s := New(3, "normal").At(0, 0)
	var m [5]float64
	tail := 0
	for range n {
		x := float64(s.Normal())
		for k, p := 1, x; k < len(m); k, p = k+1, p*x {
			m[k] += p / n
		}
		if math.Abs(x) > 2 {
			tail++
		}
	}
	for k, want := range []float64{0, 0, 1, 0, 3} {
		if math.Abs(m[k]-want) > 0.06 {
			t.Errorf("moment %d = %g, want %g", k, m[k], want)
		}
	}
	if got := float64(tail) / n; math.Abs(got-0.0455) > 0.003 {
		t.Errorf("P(|x| > 2) = %g", got)
	}
}

func TestPermIsUniform(t *testing.T) {
	const n = 24_000
	counts := map[[4]int]int{}
	for row := range uint64(n) {
		p := New(9, "perm").At(0, row).Perm(4)
		counts[[4]int(p)]++
	}
	if len(counts) != 24 {
		t.Fatalf("%d permutations of 4", len(counts))
	}
	for p, c := range counts {
		if math.Abs(float64(c)-n/24) > 5*math.Sqrt(n/24) {
			t.Errorf("%v came %d times, want about %d", p, c, n/24)
		}
	}
	for _, n := range []int{0, 1, 1000} {
		p := New(9, "perm").At(1, 0).Perm(n)
		slices.Sort(p)
		for i, v := range p {
			if i != v {
				t.Fatalf("Perm(%d) is no permutation", n)
			}
		}
	}
}

func TestIntN(t *testing.T) {
	s := New(9, "int").At(0, 0)
	// 2⁶⁴/n is 8/3, so that without rejection three in eight results would be 0 modulo 3, three 1
	// and only two 2.
	const n, draws = 3 << 61, 10_000
	twos := 0
	for range draws {
		x := s.IntN(n)
		if x < 0 || x >= n {
			t.Fatalf("IntN = %d", x)
		}
		if x%3 == 2 {
			twos++
		}
	}
	if math.Abs(float64(twos)-draws/3.0) > 5*math.Sqrt(draws*2/9.0) {
		t.Errorf("%d of %d are 2 modulo 3", twos, draws)
	}
	if got := s.IntN(1); got != 0 {
		t.Errorf("IntN(1) = %d", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("IntN(0): no panic")
		}
	}()
	s.IntN(0)
}
