package pack

import (
	"iter"
	"slices"
)

// Batch is what one forward and backward pass sees: the tokens of its segments one after the other,
// without padding. The three token arrays have the same length.
type Batch struct {
	Tokens    []int32
	Positions []int32 // from 0 in each segment
	Labels    []int32 // the next token of the same segment where that is trained, else IgnoreIndex
	Segments  []Segment
}

// Segment is one row in a batch: Tokens[Start:End]. Attention is causal inside it and nothing
// outside is seen.
type Segment struct {
	Start, End int
	Row        int // index into Sequences.Rows
}

// Trained counts the positions with a label: the divisor of a mean loss.
func (b Batch) Trained() int {
	n := 0
	for _, label := range b.Labels {
		if label != IgnoreIndex {
			n++
		}
	}
	return n
}

// RowsOf picks the batch's rows, in its order, out of the rows that it was made of.
func (b Batch) RowsOf(all []Row) []Row {
	rows := make([]Row, len(b.Segments))
	for i, s := range b.Segments {
		rows[i] = all[s.Row]
	}
	return rows
}

// Step returns the micro-batches of one optimizer step over the given sequences: every row of them
// once, in ascending order of row, in batches of at most microBatch·MaxLen tokens.
//
// The order matters. A weight's gradient is one chain of fused multiply-adds over the step's tokens
// (docs/numerics.md), which goes on from one micro-batch to the next. With the rows in the order of
// the data, the chain, and with it every bit of the adapter, depends on which rows are in the step
// and neither on how they were packed nor on the size of a micro-batch.
func (s *Sequences) Step(sequences []int, microBatch int) []Batch {
	var batches []Batch
	for rows, tokens := range s.microBatches(sequences, microBatch) {
		batches = append(batches, s.batch(rows, tokens))
	}
	return batches
}

// Sizes returns the numbers of tokens of the micro-batches that Step makes.
func (s *Sequences) Sizes(sequences []int, microBatch int) []int {
	var sizes []int
	for _, tokens := range s.microBatches(sequences, microBatch) {
		sizes = append(sizes, tokens)
	}
	return sizes
}

// Limit is how many tokens a micro-batch of so many sequences has at most.
func (s *Sequences) Limit(microBatch int) int { return max(microBatch, 1) * s.MaxLen * s.unit() }

// unit is how many rows stay together.
func (s *Sequences) unit() int {
	if s.Pairs {
		return 2
	}
	return 1
}

// microBatches yields the rows of each micro-batch and the number of their tokens.
func (s *Sequences) microBatches(sequences []int, microBatch int) iter.Seq2[[]int, int] {
	var rows []int
	for _, i := range sequences {
		rows = append(rows, s.Sequences[i]...)
	}
	slices.Sort(rows)
	unit, limit := s.unit(), s.Limit(microBatch)
	return func(yield func([]int, int) bool) {
		for len(rows) > 0 {
			n, tokens := 0, 0
			for n < len(rows) {
				more := 0
				for _, r := range rows[n : n+unit] {
					more += len(s.Rows[r].IDs)
				}
				if tokens+more > limit {
					break
				}
				tokens += more
				n += unit
			}
			if !yield(rows[:n], tokens) {
				return
			}
			rows = rows[n:]
		}
	}
}

// batch lays rows out in the given order; tokens is their total length.
func (s *Sequences) batch(rows []int, tokens int) Batch {
	b := Batch{
		Tokens:    make([]int32, 0, tokens),
		Positions: make([]int32, 0, tokens),
		Labels:    make([]int32, 0, tokens),
		Segments:  make([]Segment, 0, len(rows)),
	}
	for _, i := range rows {
		row := s.Rows[i]
		start := len(b.Tokens)
		b.Tokens = append(b.Tokens, row.IDs...)
		for p := range row.IDs {
			b.Positions = append(b.Positions, int32(p))
			b.Labels = append(b.Labels, row.label(p))
		}
		b.Segments = append(b.Segments, Segment{Start: start, End: len(b.Tokens), Row: i})
	}
	return b
}

// label is the target at position p.
func (r Row) label(p int) int32 {
	next := p + 1
	if next == len(r.IDs) || r.Trained != nil && !r.Trained[next] {
		return IgnoreIndex
	}
	return r.IDs[next]
}
