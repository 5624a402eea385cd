package gemm

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/parallel"
)

// BenchmarkShapes times the products of a model that are listed in testdata/shapes.txt, best of
// several rounds, in GFLOP/s and in percent of what the cores can do. With PEER=FILE, the output of
// testdata/peer.py on the same machine, also as a multiple of PyTorch's speed. STORE=bf16|f16|int8
// stores the weights so.
func BenchmarkShapes(b *testing.B) {
	if err := cpu.FromEnv(); err != nil {
		b.Fatal(err)
	}
	if cpu.Current() == cpu.Generic {
		b.Skip("too slow to say anything")
	}
	peers := peerTimes(b)
	for _, s := range lines(b, "testdata/shapes.txt") {
		b.Run(strings.ReplaceAll(s, " ", "-"), func(b *testing.B) {
			var kind string
			var m, n, k int
			if _, err := fmt.Sscan(s, &kind, &m, &n, &k); err != nil {
				b.Fatalf("read shape %q: %v", s, err)
			}
			x, y := operandsOf(kind, m, n, k)
			c := make([]float32, m*n)
			best := bestTime(b, 2*float64(m)*float64(n)*float64(k), func() { Gemm(c, n, x, y, false) })
			rate := 2 * float64(m) * float64(n) * float64(k) / best / 1e9
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(100*rate/(peakRate()*float64(parallel.Workers())), "%peak")
			if peer := peers[s]; peer > 0 {
				b.ReportMetric(peer/best, "×peer")
			}
		})
	}
}

// operandsOf makes the operands of a product, with weights stored as the environment says.
func operandsOf(kind string, m, n, k int) (a, b Matrix) {
	r := rand.New(rand.NewPCG(1, 1))
	stored := map[string]layout{"bf16": {typ: 1}, "f16": {typ: 2}, "int8": {blocks: true}}[os.Getenv("STORE")]
	switch kind {
	case "forward":
		stored.transposed = true
		return layout{}.matrix(r, m, k, normal), stored.matrix(r, k, n, normal)
	case "input":
		return layout{}.matrix(r, m, k, normal), stored.matrix(r, k, n, normal)
	}
	return layout{transposed: true}.matrix(r, m, k, normal), layout{}.matrix(r, k, n, normal)
}

// bestTime is the least time of a call, in seconds, from rounds that are long enough to measure.
func bestTime(b *testing.B, flops float64, call func()) float64 {
	inner := max(1, int(2e8/flops))
	best := 1e9
	for end := time.Now().Add(150 * time.Millisecond); best == 1e9 || time.Now().Before(end); {
		start := time.Now()
		for range inner {
			call()
		}
		best = min(best, time.Since(start).Seconds()/float64(inner))
	}
	for b.Loop() { // the timing above is the result
	}
	return best
}

// peerTimes reads the file of PEER: a shape and seconds a line.
func peerTimes(b *testing.B) map[string]float64 {
	times := make(map[string]float64)
	if os.Getenv("PEER") == "" {
		return times
	}
	for _, line := range lines(b, os.Getenv("PEER")) {
		shape, seconds, _ := cutLast(line)
		var t float64
		if _, err := fmt.Sscan(seconds, &t); err != nil {
			b.Fatalf("read time %q: %v", line, err)
		}
		times[shape] = t
	}
	return times
}

func cutLast(line string) (before, after string, found bool) {
	i := strings.LastIndexByte(line, ' ')
	return line[:max(i, 0)], line[i+1:], i >= 0
}

// lines reads the lines of a file that are not empty and no comments.
func lines(b *testing.B, path string) []string {
	f, err := os.Open(path)
	if err != nil {
		b.Fatalf("open %s: %v", path, err)
	}
	defer f.Close()
	var list []string
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if s := scan.Text(); s != "" && s[0] != '#' {
			list = append(list, s)
		}
	}
	return list
}
