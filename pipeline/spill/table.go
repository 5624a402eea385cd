package spill

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/zeebo/xxh3"
)

// Table keeps records of a fixed size that are looked up by their number, each with a checksum. It
// does not compress them: they are to be found.
type Table struct {
	scratch *Scratch
	size    int    // of a record with its checksum
	memory  []byte // all of them, or those that are not yet in the file
	file    *os.File
	inFile  int64 // bytes
	buf     []byte
}

// checksumBytes is the length of an XXH3.
const checksumBytes = 8

// NewTable returns an empty table of records of size bytes.
func NewTable(s *Scratch, size int) *Table {
	return &Table{scratch: s, size: size + checksumBytes, buf: make([]byte, size+checksumBytes)}
}

// Append adds a record under the next number.
func (t *Table) Append(record []byte) error {
	t.memory = append(t.memory, record...)
	t.memory = binary.LittleEndian.AppendUint64(t.memory, xxh3.Hash(record))
	if t.file == nil && len(t.memory) <= t.scratch.share || t.file != nil && len(t.memory) < t.scratch.blockBytes() {
		return nil
	}
	return t.flush()
}

func (t *Table) flush() (err error) {
	if t.file == nil {
		if t.file, err = t.scratch.create(); err != nil {
			return err
		}
	}
	if _, err := t.file.WriteAt(t.memory, t.inFile); err != nil {
		return fmt.Errorf("write scratch file: %w", err)
	}
	t.inFile += int64(len(t.memory))
	if cap(t.memory) > 2*t.scratch.blockBytes() {
		t.memory = nil
	}
	t.memory = t.memory[:0]
	return nil
}

// Len is the number of records.
func (t *Table) Len() int { return int((t.inFile + int64(len(t.memory))) / int64(t.size)) }

// At returns a record, valid until the next call.
func (t *Table) At(i int) ([]byte, error) {
	at := int64(i) * int64(t.size)
	if at >= t.inFile {
		copy(t.buf, t.memory[at-t.inFile:])
	} else if _, err := t.file.ReadAt(t.buf, at); err != nil {
		return nil, fmt.Errorf("read scratch file: %w", err)
	}
	record := t.buf[:t.size-checksumBytes]
	if xxh3.Hash(record) != binary.LittleEndian.Uint64(t.buf[len(record):]) {
		return nil, ErrDamaged
	}
	return record, nil
}

// Close frees the records.
func (t *Table) Close() error {
	t.memory = nil
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}
