package worker

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/internal/kernels/attention"
)

// A shape of causal attention, named "sequences length heads kv-heads head-dim pass", where pass is
// forward, or training for forward and backward.
type attentionShape struct {
	sequences, length, heads, kvHeads, dim int
	pass                                   string
}

func parseAttention(name string) (attentionShape, error) {
	var s attentionShape
	_, err := fmt.Sscanf(name, "%d %d %d %d %d %s", &s.sequences, &s.length, &s.heads, &s.kvHeads, &s.dim, &s.pass)
	if err != nil || s.pass != "forward" && s.pass != "training" {
		return s, fmt.Errorf("read attention %q: want five sizes, and forward or training", name)
	}
	return s, nil
}

func (s attentionShape) String() string {
	return fmt.Sprintf("%d %d %d %d %d %s", s.sequences, s.length, s.heads, s.kvHeads, s.dim, s.pass)
}

// flops of a pass: two products over half of the square forward, five backward, one of which
// computes the scores again (Dao, "FlashAttention-2", arXiv:2307.08691, §4.1).
func (s attentionShape) flops() float64 {
	product := 2 * float64(s.sequences*s.heads*s.dim) * float64(s.length) * float64(s.length+1) / 2
	if s.pass == "forward" {
		return 2 * product
	}
	return 7 * product
}

func (s attentionShape) repeats() int { return max(1, int(math.Ceil(5e9/s.flops()))) }

func newAttention(json.RawMessage) (contest.Runner, error) {
	return func(name string) (contest.Sample, error) {
		s, err := parseAttention(name)
		if err != nil {
			return contest.Sample{}, err
		}
		pass := s.buffers()
		pass()
		began := time.Now()
		for range s.repeats() {
			pass()
		}
		return contest.Sample{Seconds: time.Since(began).Seconds(), Work: s.flops() * float64(s.repeats())}, nil
	}, nil
}

// buffers makes the operands and returns a function that runs one pass on them.
func (s attentionShape) buffers() func() {
	rows := s.sequences * s.length
	of := func(purpose string, heads int) attention.Heads {
		return attention.Heads{Data: random(purpose, rows*heads*s.dim), Stride: heads * s.dim}
	}
	q, k, v := of("q", s.heads), of("k", s.kvHeads), of("v", s.kvHeads)
	out, dout := of("out", s.heads), of("dout", s.heads)
	dq, dk, dv := of("dq", s.heads), of("dk", s.kvHeads), of("dv", s.kvHeads)
	lse := make([]float32, rows*s.heads)
	var segments []attention.Segment
	for i := range s.sequences {
		from, to := i*s.length, (i+1)*s.length
		segments = append(segments, attention.Segment{Q0: from, Q1: to, K0: from, K1: to})
	}
	cfg := attention.Config{Heads: s.heads, KVHeads: s.kvHeads, HeadDim: s.dim, Scale: float32(1 / math.Sqrt(float64(s.dim)))}
	return func() {
		attention.Forward(out, lse, q, k, v, segments, cfg)
		if s.pass == "training" {
			attention.Backward(dq, dk, dv, dout, out, lse, q, k, v, segments, cfg)
		}
	}
}

// AttentionCases are the shapes of the step, of a longer row, and of a model of some billions of parameters.
func AttentionCases() []string {
	var cases []string
	for _, s := range []attentionShape{
		{fixture.Batch, fixture.Sequence, fixture.Heads, fixture.KVHeads, fixture.Hidden / fixture.Heads, "forward"},
		{fixture.Batch, fixture.Sequence, fixture.Heads, fixture.KVHeads, fixture.Hidden / fixture.Heads, "training"},
		{1, 2048, fixture.Heads, fixture.KVHeads, fixture.Hidden / fixture.Heads, "forward"},
		{1, 2048, fixture.Heads, fixture.KVHeads, fixture.Hidden / fixture.Heads, "training"},
		{1, 1024, 32, 32, 128, "forward"},
		{1, 1024, 32, 32, 128, "training"},
	} {
		cases = append(cases, s.String())
	}
	return cases
}
