package spill

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Log is a sequence of records that is written once and then read, as often as needed.
type Log[T any] struct {
	blocks blocks
	open   []byte // records of the block that is not yet full
}

// NewLog returns an empty log. The exported fields of T are what a record keeps (see Append).
func NewLog[T any](s *Scratch) *Log[T] {
	return &Log[T]{blocks: blocks{scratch: s, limit: s.share}}
}

// Append adds a record.
func (l *Log[T]) Append(record *T) error {
	start := len(l.open)
	l.open = append(l.open, 0, 0, 0, 0)
	l.open = Encode(l.open, record)
	n := len(l.open) - start - 4
	if uint64(n) > maxRecord {
		return fmt.Errorf("a record of %d bytes is too large for a scratch file", n)
	}
	binary.LittleEndian.PutUint32(l.open[start:], uint32(n))
	if len(l.open) < l.blocks.scratch.blockBytes() {
		return nil
	}
	return l.cut()
}

// maxRecord is what a block, whose length has 32 bits, holds for certain.
const maxRecord = 1 << 31

func (l *Log[T]) cut() error {
	if len(l.open) == 0 {
		return nil
	}
	_, err := l.blocks.append(l.open)
	l.open = l.open[:0]
	return err
}

// All yields the records in order; each is the caller's own. Nothing is appended after its first use.
func (l *Log[T]) All() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if err := l.cut(); err != nil {
			yield(nil, err)
			return
		}
		if err := l.blocks.settle(); err != nil {
			yield(nil, err)
			return
		}
		r := blockReader{from: &l.blocks, left: span{0, l.blocks.size}}
		for {
			block, err := r.next()
			if err != nil {
				yield(nil, err)
				return
			}
			if block == nil || !yieldRecords(block, yield) {
				return
			}
		}
	}
}

func yieldRecords[T any](block []byte, yield func(*T, error) bool) bool {
	for len(block) > 0 {
		n := int(binary.LittleEndian.Uint32(block))
		record := new(T)
		if err := Decode(block[4:4+n], record); err != nil {
			yield(nil, err)
			return false
		}
		if !yield(record, nil) {
			return false
		}
		block = block[4+n:]
	}
	return true
}

// Close frees the records.
func (l *Log[T]) Close() error { return l.blocks.close() }
