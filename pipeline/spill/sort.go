package spill

import (
	"iter"
	"reflect"
	"slices"
)

// Record says how records of a fixed size are put in order and on disk.
type Record[T any] struct {
	Size    int // bytes in a file
	Put     func(into []byte, record T)
	Get     func(from []byte) T
	Compare func(a, b T) int
}

// Sorter puts records in order: in memory while they fit, else in sorted runs that are merged when
// they are read. Records that compare equal are the same in every byte, so no order is chosen among
// them.
type Sorter[T any] struct {
	scratch *Scratch
	record  Record[T]
	limit   int // records in memory
	open    []T // the run that is not yet full
	blocks  *blocks
	runs    []span
	sorted  bool
}

// fanIn is how many runs are merged at once.
const fanIn = 128

// NewSorter returns an empty sort.
func NewSorter[T any](s *Scratch, record Record[T]) *Sorter[T] {
	return &Sorter[T]{
		scratch: s, record: record, blocks: newRuns(s),
		limit: max(16, s.share/int(reflect.TypeFor[T]().Size())),
	}
}

// newRuns returns blocks that stay in memory only until one is full.
func newRuns(s *Scratch) *blocks { return &blocks{scratch: s, limit: s.blockBytes()} }

// Add takes a record.
func (s *Sorter[T]) Add(record T) error {
	s.open = append(s.open, record)
	if len(s.open) < s.limit {
		return nil
	}
	return s.cut()
}

// cut writes the open run.
func (s *Sorter[T]) cut() error {
	slices.SortFunc(s.open, s.record.Compare)
	run, err := s.write(s.blocks, func(yield func(T, error) bool) {
		for _, record := range s.open {
			if !yield(record, nil) {
				return
			}
		}
	})
	s.runs = append(s.runs, run)
	s.open = s.open[:0]
	return err
}

// write puts a sorted sequence into blocks of whole records.
func (s *Sorter[T]) write(to *blocks, in iter.Seq2[T, error]) (span, error) {
	run := span{to.size, to.size}
	size := s.record.Size
	var raw []byte
	flush := func() (err error) {
		at, err := to.append(raw)
		run.end, raw = at.end, raw[:0]
		return err
	}
	for record, err := range in {
		if err != nil {
			return run, err
		}
		at := len(raw)
		raw = append(raw, make([]byte, size)...)
		s.record.Put(raw[at:], record)
		if len(raw)+size > s.scratch.blockBytes() {
			if err := flush(); err != nil {
				return run, err
			}
		}
	}
	if len(raw) == 0 {
		return run, nil
	}
	return run, flush()
}

// Sorted yields the records in order, as often as it is called. Nothing is added after its first use.
func (s *Sorter[T]) Sorted() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := s.settle(); err != nil {
			var none T
			yield(none, err)
			return
		}
		if len(s.runs) > 0 {
			s.merge(s.runs, yield)
			return
		}
		for _, record := range s.open {
			if !yield(record, nil) {
				return
			}
		}
	}
}

// settle ends the adding, and merges runs until the rest can be merged at once.
func (s *Sorter[T]) settle() error {
	if s.sorted {
		return nil
	}
	s.sorted = true
	if len(s.runs) == 0 {
		slices.SortFunc(s.open, s.record.Compare)
		return nil
	}
	if err := s.cut(); err != nil {
		return err
	}
	s.open = nil
	for len(s.runs) > fanIn {
		if err := s.narrow(); err != nil {
			return err
		}
	}
	return s.blocks.settle()
}

// narrow merges every fanIn runs into one, in a new file.
func (s *Sorter[T]) narrow() error {
	if err := s.blocks.settle(); err != nil {
		return err
	}
	into := newRuns(s.scratch)
	var merged []span
	for group := range slices.Chunk(s.runs, fanIn) {
		run, err := s.write(into, func(yield func(T, error) bool) { s.merge(group, yield) })
		if err != nil {
			_ = into.close()
			return err
		}
		merged = append(merged, run)
	}
	err := s.blocks.close()
	s.blocks, s.runs = into, merged
	return err
}

// merge yields the records of several runs in order.
func (s *Sorter[T]) merge(runs []span, yield func(T, error) bool) {
	var none T
	var heap []*cursor[T] // the one with the smallest record first
	for _, run := range runs {
		c := &cursor[T]{blocks: blockReader{from: s.blocks, left: run}}
		if more, err := c.advance(&s.record); err != nil {
			yield(none, err)
			return
		} else if more {
			heap = append(heap, c)
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		s.sink(heap, i)
	}
	for len(heap) > 0 {
		first := heap[0]
		if !yield(first.record, nil) {
			return
		}
		more, err := first.advance(&s.record)
		if err != nil {
			yield(none, err)
			return
		}
		if !more {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		s.sink(heap, 0)
	}
}

// sink moves an element of a binary heap down to its place.
func (s *Sorter[T]) sink(heap []*cursor[T], i int) {
	for {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(heap) && s.record.Compare(heap[child].record, heap[least].record) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}

// cursor stands on a record of a run.
type cursor[T any] struct {
	blocks blockReader
	block  []byte
	record T
}

func (c *cursor[T]) advance(r *Record[T]) (more bool, err error) {
	if len(c.block) == 0 {
		if c.block, err = c.blocks.next(); err != nil || c.block == nil {
			return false, err
		}
	}
	c.record = r.Get(c.block[:r.Size])
	c.block = c.block[r.Size:]
	return true, nil
}

// Close frees the records.
func (s *Sorter[T]) Close() error {
	s.open = nil
	return s.blocks.close()
}
