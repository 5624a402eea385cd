//go:build unix

package safetensors

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
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
	return data, func() error { return unix.Munmap(data) }, nil
}

// Forget tells the system that the tensor's bytes will hardly be read again, so that they need not
// stay in memory. They can be: the file is read anew.
func Forget(t Tensor) {
	if len(t.Data) == 0 {
		return
	}
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))
	from := (start + page - 1) / page * page
	to := (start + uintptr(len(t.Data))) / page * page
	if from < to {
		_ = unix.Madvise(t.Data[from-start:to-start], unix.MADV_DONTNEED) // only advice
	}
}
