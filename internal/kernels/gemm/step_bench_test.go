package gemm

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/cpu"
)

// The model of BenchmarkStep: a Llama of 135 million parameters with LoRA on every projection.
const (
	stepTokens, stepChunk   = 2048, 512 // rows, and of the head's logits at a time
	stepHidden, stepInner   = 576, 1536
	stepKeys, stepVocab     = 192, 49152
	stepLayers, stepHeadRun = 30, stepTokens / stepChunk
	stepRank                = 16
)

// A stepCase is one call of a training step.
type stepCase struct {
	name     string
	count    int // how often a step makes it
	products []Product
}

// BenchmarkStep times the products of a training step as the trainer asks for them, and adds up what
// all of them take in a step. Best of several rounds; ONLY=NAME is one of them.
func BenchmarkStep(b *testing.B) {
	if err := cpu.FromEnv(); err != nil {
		b.Fatal(err)
	}
	if cpu.Current() == cpu.Generic {
		b.Skip("too slow to say anything")
	}
	var seconds, work float64
	for _, s := range stepCases() {
		if only := os.Getenv("ONLY"); only != "" && only != s.name {
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			flops := 0.0
			for i := range s.products {
				for _, t := range s.products[i].Terms {
					flops += 2 * float64(t.A.Rows) * float64(t.A.Cols) * float64(t.B.Cols)
				}
			}
			best := math.Inf(1)
			for round, end := 0, time.Now().Add(time.Second/4); round < 4 || time.Now().Before(end); round++ {
				start := time.Now()
				Group(s.products...)
				best = min(best, time.Since(start).Seconds())
			}
			for b.Loop() { // the timing above is the result
			}
			seconds, work = seconds+best*float64(s.count), work+flops*float64(s.count)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(flops/best/1e9, "GFLOP/s")
			b.ReportMetric(best*float64(s.count)*1e3, "ms/step")
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(work/seconds/1e9, "GFLOP/s")
	b.ReportMetric(seconds*1e3, "ms/step")
}

// stepCases is what a step asks for, by layer, and by chunk of the head.
func stepCases() []stepCase {
	const t, h, f, kv, v, r = stepTokens, stepHidden, stepInner, stepKeys, stepVocab, stepRank
	const chunk = stepChunk
	d := drawer{rand.New(rand.NewPCG(1, 1))}
	return []stepCase{
		{"head", stepHeadRun, []Product{d.forward(chunk, h, v, 0)}},
		{"∂head", stepHeadRun, []Product{d.backward(chunk, h, 0, v)}},
		{"qkv", stepLayers, d.forwards(t, h, r, h, kv, kv)},
		{"o", stepLayers, d.forwards(t, h, r, h)},
		{"gate+up", stepLayers, d.forwards(t, h, r, f, f)},
		{"down", stepLayers, d.forwards(t, f, r, h)},
		{"∂qkv", stepLayers, []Product{d.backward(t, h, r, h, kv, kv)}},
		{"∂o", stepLayers, []Product{d.backward(t, h, r, h)}},
		{"∂gate+up", stepLayers, []Product{d.backward(t, h, r, f, f)}},
		{"∂down", stepLayers, []Product{d.backward(t, f, r, h)}},
		{"x·Aᵀ", 6 * stepLayers, []Product{d.forward(t, h, r, 0)}},
		{"x·Aᵀ of down", stepLayers, []Product{d.forward(t, f, r, 0)}},
		{"dy·B", 5 * stepLayers, []Product{d.backward(t, r, 0, h)}}, // keys and values count as one
		{"dy·B of gate, up", 2 * stepLayers, []Product{d.backward(t, r, 0, f)}},
		{"dyᵀ·xA", 5 * stepLayers, []Product{d.weight(t, h, r)}},
		{"dyᵀ·xA of gate, up", 2 * stepLayers, []Product{d.weight(t, f, r)}},
		{"vᵀ·x", 6 * stepLayers, []Product{d.weight(t, r, h)}},
		{"vᵀ·x of down", stepLayers, []Product{d.weight(t, r, f)}},
	}
}

// A drawer makes products of random matrices.
type drawer struct{ *rand.Rand }

func (d drawer) matrix(rows, cols int) Matrix {
	data := make([]float32, rows*cols)
	for i := range data {
		data[i] = d.Float32() - 0.5
	}
	return F32(data, rows, cols)
}

// forward is x·Wᵀ, (m, k) by (n, k), plus factors of a rank.
func (d drawer) forward(m, k, n, rank int) Product {
	return d.forwards(m, k, rank, n)[0]
}

// forwards is x·Wᵀ for each of several W, whose results lie side by side.
func (d drawer) forwards(m, k, rank int, widths ...int) []Product {
	total := 0
	for _, n := range widths {
		total += n
	}
	x, y := d.matrix(m, k), make([]float32, m*total)
	var list []Product
	for _, n := range widths {
		p := Product{C: y, Stride: total, Terms: []Term{{x, d.matrix(n, k).T()}}}
		if rank > 0 {
			p.Terms = append(p.Terms, Term{d.matrix(m, rank), d.matrix(n, rank).T()})
		}
		list, y = append(list, p), y[n:]
	}
	return list
}

// backward is Σ dy·W + Σ v·A, where the dy lie side by side.
func (d drawer) backward(m, n, rank int, widths ...int) Product {
	total := 0
	for _, k := range widths {
		total += k
	}
	dy := d.matrix(m, total)
	p := Product{C: make([]float32, m*n), Stride: n}
	at := 0
	for _, k := range widths {
		p.Terms = append(p.Terms, Term{dy.Slice(0, m, at, at+k), d.matrix(k, n)})
		at += k
	}
	for range widths {
		if rank > 0 {
			p.Terms = append(p.Terms, Term{d.matrix(m, rank), d.matrix(rank, n)})
		}
	}
	return p
}

// weight adds dyᵀ·x to a gradient.
func (d drawer) weight(tokens, m, n int) Product {
	return Product{
		C: make([]float32, m*n), Stride: n, Accumulate: true,
		Terms: []Term{{d.matrix(tokens, m).T(), d.matrix(tokens, n)}},
	}
}
