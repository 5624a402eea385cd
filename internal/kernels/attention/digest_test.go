package attention

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// digests are the first bytes of SHA-256 over out, lse, dq, dk and dv. They change with the definition
// in docs/numerics.md and with nothing else: neither with blocks of queries, packing nor threads.
var digests = []struct {
	c    Config
	segs []Segment
	want string
}{
	{Config{Heads: 6, KVHeads: 2, HeadDim: 64, Scale: 0.125}, []Segment{{0, 300, 0, 300}}, "c6c22877c9c1a2d9"},
	{Config{Heads: 3, KVHeads: 1, HeadDim: 40, Scale: 0.2}, []Segment{{200, 530, 130, 530}, {0, 120, 0, 129}, {190, 200, 530, 540}}, "85e8430306784acb"},
	{Config{Heads: 2, KVHeads: 1, HeadDim: 32, Scale: 0.2, Window: 100}, []Segment{{0, 400, 0, 400}}, "f7a29f08b6d3196b"},
	{Config{Heads: 4, KVHeads: 2, HeadDim: 24, Scale: 0.3, SoftCap: 1.5}, []Segment{{0, 150, 0, 170}, {150, 151, 170, 171}}, "ca0c3acd7a7ee20d"},
	{Config{Heads: 2, KVHeads: 2, HeadDim: 20, Scale: -0.2, Window: 30, SoftCap: 2}, []Segment{{0, 100, 0, 300}}, "b7d2a51ec05e8a4c"},
}

func TestBitsAreThoseOfTheDefinition(t *testing.T) {
	for i, tc := range digests {
		cputest.EachImplementation(t, func(t *testing.T) {
			p := newProblem(uint64(i), tc.c, tc.segs)
			// Every multiple of 2⁻¹⁰ between ±2, on all platforms.
			state := uint32(i)
			for _, x := range [][]float32{p.q.Data, p.dout.Data} {
				for j := range x {
					state = state*1664525 + 1013904223
					x[j] = float32(int32(state)>>19) / 1024
				}
			}
			p.forward()
			p.backward()
			if got := p.digest(); got != tc.want {
				t.Errorf("case %d: %s, want %s", i, got, tc.want)
			}
		})
	}
}

// digest is over what the segments reach of the results.
func (p *problem) digest() string {
	h := sha256.New()
	write := func(x []float32) {
		for _, v := range x {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
	}
	for _, s := range p.segs {
		for row := s.Q0; row < s.Q1; row++ {
			for head := range p.Heads {
				write(p.out.at(row, head, p.HeadDim))
				write(p.lse[row*p.Heads+head:][:1])
				write(p.dq.at(row, head, p.HeadDim))
			}
		}
		for row := s.K0; row < s.K1; row++ {
			for head := range p.KVHeads {
				write(p.dk.at(row, head, p.HeadDim))
				write(p.dv.at(row, head, p.HeadDim))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
