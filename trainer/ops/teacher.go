package ops

import (
	"math"

	"github.com/cultivar/cultivar/internal/kernels/vec"
)

// Teacher holds distributions over the vocabulary, one a row of a head: of each its K likeliest tokens,
// and the rest as one mass. With K the vocabulary that is all of it.
type Teacher struct {
	K           int
	Temperature float32   // of the distributions: softmax(logits/Temperature)
	IDs         []int32   // (rows, K), distinct within a row
	Probs       []float32 // (rows, K)

	// Label is the weight, from 0 to 1, of the loss of the row's label; that of the divergence is what is
	// left of 1.
	Label float32
	// KL is set to the divergence of each row, Σ q·log(q/p) in nats, of the teacher's q from the p of the
	// head at the same temperature.
	KL []float64
}

// NewTeacher returns one with room for a number of rows.
func NewTeacher(rows, k int, temperature float32) *Teacher {
	return &Teacher{K: k, Temperature: temperature, IDs: make([]int32, rows*k), Probs: make([]float32, rows*k), KL: make([]float64, rows)}
}

// Part is that of some of the rows, in the same memory.
func (t *Teacher) Part(lo, hi int) *Teacher {
	part := *t
	part.IDs, part.Probs, part.KL = t.IDs[lo*t.K:hi*t.K], t.Probs[lo*t.K:hi*t.K], t.KL[lo:hi]
	return &part
}

// record keeps the K likeliest tokens of a row of logits, which it divides by the temperature; of two
// that are alike the one with the lower id. The likeliest comes first.
func (t *Teacher) record(logits []float32, r int) {
	t.temper(logits)
	lse := vec.LogSumExp(logits)
	ids, probs := t.row(r)
	likeliest(logits, ids)
	for i, id := range ids {
		probs[i] = logits[id]
	}
	vec.ExpSub(probs, probs, lse)
}

func (t *Teacher) row(r int) (ids []int32, probs []float32) {
	return t.IDs[r*t.K : (r+1)*t.K], t.Probs[r*t.K : (r+1)*t.K]
}

func (t *Teacher) temper(logits []float32) {
	if t.Temperature != 1 {
		vec.Scale(logits, logits, 1/t.Temperature)
	}
}

// likeliest fills ids with those of the largest values, in descending order.
func likeliest(x []float32, ids []int32) {
	before := func(a, b int32) bool { return x[a] > x[b] || x[a] == x[b] && a < b }
	heap := ids[:0] // the least likely of those kept is first
	for i := range x {
		id := int32(i)
		switch {
		case len(heap) < len(ids):
			heap = append(heap, id)
			for n := len(heap) - 1; n > 0 && before(heap[(n-1)/2], heap[n]); n = (n - 1) / 2 {
				heap[n], heap[(n-1)/2] = heap[(n-1)/2], heap[n]
			}
		case before(id, heap[0]):
			heap[0] = id
			sift(heap, before)
		}
	}
	for n := len(heap) - 1; n > 0; n-- {
		heap[0], heap[n] = heap[n], heap[0]
		sift(heap[:n], before)
	}
}

// sift moves the first element down to where no child comes after it.
func sift(heap []int32, before func(a, b int32) bool) {
	for n := 0; ; {
		last := n
		for c := 2*n + 1; c <= 2*n+2 && c < len(heap); c++ {
			if before(heap[last], heap[c]) {
				last = c
			}
		}
		if last == n {
			return
		}
		heap[n], heap[last] = heap[last], heap[n]
		n = last
	}
}

// student is the distribution of a head in the terms of a teacher's row.
type student struct {
	probs          []float64 // of the teacher's tokens
	rest, restMass float64   // of all others: the log-sum-exp of their logits, and their probability
	teacherRest    float64   // the teacher's probability of all others
}

// diverge computes the divergence of row r, whose logits are divided by the temperature already. The
// mass of the others is summed by itself: 1 less the sum of the K would be rounding alone where these
// have nearly all of it.
func (t *Teacher) diverge(logits []float32, r int) student {
	ids, probs := t.row(r)
	lse := float64(vec.LogSumExp(logits))
	s := student{probs: make([]float64, len(ids)), rest: math.Inf(-1)}
	kl, sum := 0.0, 0.0
	kept := make([]float32, len(ids))
	for i, id := range ids {
		kept[i] = logits[id]
		logits[id] = float32(math.Inf(-1))
		logp, q := float64(kept[i])-lse, float64(probs[i])
		s.probs[i] = vec.Exp64(logp)
		sum += q
		if q > 0 {
			kl += q * (vec.Log64(q) - logp)
		}
	}
	if t.K < len(logits) {
		s.rest = float64(vec.LogSumExp(logits))
		s.restMass, s.teacherRest = vec.Exp64(s.rest-lse), max(0, 1-sum)
		if q := s.teacherRest; q > 0 {
			kl += q * (vec.Log64(q) - (s.rest - lse))
		}
	}
	for i, id := range ids {
		logits[id] = kept[i]
	}
	t.KL[r] = kl
	return s
}

// backward turns a row of logits, divided by the temperature, into the gradient of scale times the
// divergence by them:
//
//	p[j] − q[j] of the teacher's tokens,  p[j]·(1 − q/p of all others) of the others
func (t *Teacher) backward(logits []float32, r int, s student, scale float32) {
	ids, probs := t.row(r)
	if t.K < len(logits) {
		vec.ExpSub(logits, logits, float32(s.rest))
		vec.Scale(logits, logits, float32((s.restMass-s.teacherRest)*float64(scale)))
	}
	for i, id := range ids {
		logits[id] = float32((s.probs[i] - float64(probs[i])) * float64(scale))
	}
}

// taught is row for a head that is held to a teacher: the loss is
//
//	Label·(−log p[label]) + (1−Label)·Temperature²·KL
//
// where the square keeps gradients alike at any temperature (Hinton et al., arXiv:1503.02531, §2).
func (o *crossEntropy) taught(logits []float32, r int, lse, scale float32) {
	t := o.run.Teacher
	var hard []float32
	if o.grad && t.Label > 0 {
		hard = make([]float32, len(logits))
		copy(hard, logits)
		vec.CrossEntropyBackward(hard, int(o.run.Labels[r]), lse, scale*t.Label)
	}
	t.temper(logits)
	s := t.diverge(logits, r)
	if !o.grad {
		return
	}
	t.backward(logits, r, s, scale*(1-t.Label)*t.Temperature)
	if hard != nil {
		vec.Add(logits, logits, hard)
	}
}
