package spill

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"
)

// ErrDamaged means that a scratch file does not hold what was written to it.
var ErrDamaged = errors.New("scratch file is damaged")

// headerBytes is the frame of a block: its length in the file and the XXH3 of its compressed bytes.
const headerBytes = 4 + 8

// blocks is a sequence of compressed blocks: in memory up to a limit, then all of it in a file.
type blocks struct {
	scratch *Scratch
	limit   int // bytes kept in memory
	memory  []byte
	file    *os.File
	size    int64 // of all blocks
	packed  []byte
}

// span is a run of blocks.
type span struct{ start, end int64 }

// append adds a block and returns where it is.
func (b *blocks) append(raw []byte) (span, error) {
	b.packed = s2.Encode(b.packed[:cap(b.packed)], raw)
	var header [headerBytes]byte
	binary.LittleEndian.PutUint32(header[:], uint32(len(b.packed)))
	binary.LittleEndian.PutUint64(header[4:], xxh3.Hash(b.packed))
	b.memory = append(append(b.memory, header[:]...), b.packed...)
	at := span{b.size, b.size + headerBytes + int64(len(b.packed))}
	b.size = at.end
	if len(b.memory) > b.limit || b.file != nil && len(b.memory) > b.scratch.blockBytes() {
		return at, b.flush()
	}
	return at, nil
}

// flush moves what is in memory to the end of the file.
func (b *blocks) flush() (err error) {
	if b.file == nil {
		if b.file, err = b.scratch.create(); err != nil {
			return err
		}
	}
	if _, err := b.file.WriteAt(b.memory, b.size-int64(len(b.memory))); err != nil {
		return fmt.Errorf("write scratch file: %w", err)
	}
	if cap(b.memory) > 2*b.scratch.blockBytes() {
		b.memory = nil
	}
	b.memory = b.memory[:0]
	return nil
}

// settle ends the writing.
func (b *blocks) settle() error {
	if b.file == nil || len(b.memory) == 0 {
		return nil
	}
	return b.flush()
}

// close frees the blocks.
func (b *blocks) close() error {
	b.memory = nil
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// blockReader reads the blocks of a span in order.
type blockReader struct {
	from   *blocks
	left   span
	packed []byte
	raw    []byte
}

// next returns the next block, valid until the one after it; nil at the end.
func (r *blockReader) next() ([]byte, error) {
	if r.left.start == r.left.end {
		return nil, nil
	}
	var header [headerBytes]byte
	if err := r.read(header[:]); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(header[:]))
	if n > r.left.end-r.left.start {
		return nil, ErrDamaged
	}
	r.packed = resize(r.packed, int(n))
	if err := r.read(r.packed); err != nil {
		return nil, err
	}
	if xxh3.Hash(r.packed) != binary.LittleEndian.Uint64(header[4:]) {
		return nil, ErrDamaged
	}
	raw, err := s2.Decode(r.raw[:cap(r.raw)], r.packed)
	if err != nil {
		return nil, ErrDamaged
	}
	r.raw = raw
	return raw, nil
}

func (r *blockReader) read(into []byte) error {
	at := r.left.start
	r.left.start += int64(len(into))
	if r.from.file == nil {
		copy(into, r.from.memory[at:])
		return nil
	}
	if _, err := r.from.file.ReadAt(into, at); err != nil {
		return fmt.Errorf("read scratch file: %w", err)
	}
	return nil
}

// resize returns a slice of n bytes, in the same memory where that is large enough.
func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
