package hugepage

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks for huge pages where they fit into x, so that nothing else comes to lie in them. It is only
// advice: a kernel without them returns an error and nothing is different.
func advise(x []float32) {
	data := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	from, to := (start+size-1)/size*size-start, (start+uintptr(len(data)))/size*size-start
	_ = unix.Madvise(data[from:to], unix.MADV_HUGEPAGE)
}
