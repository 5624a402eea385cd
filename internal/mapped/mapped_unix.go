//go:build unix

package mapped

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cultivar/cultivar/internal/hugepage"
)

// mapFile maps a file read-only. An empty file cannot be mapped and needs no mapping.
func mapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	if size == 0 {
		return nil, func() error { return nil }, nil
	}
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	hugepage.Advise(data)
	return data, func() error { return unix.Munmap(data) }, nil
}

// Forget tells the system that a part of an open file will hardly be read again, so that it need not
// stay in memory. It can be: it is read anew from the file. data must be of a mapped file: other
// memory would lose what it holds.
func Forget(data []byte) {
	if len(data) == 0 {
		return
	}
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	from := (start + page - 1) / page * page
	to := (start + uintptr(len(data))) / page * page
	if from < to {
		_ = unix.Madvise(data[from-start:to-start], unix.MADV_DONTNEED) // only advice
	}
}
