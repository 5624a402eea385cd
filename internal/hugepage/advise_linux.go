package hugepage

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks for huge pages where they fit into data, so that nothing else comes to lie in them. It is only
// advice: a kernel without them returns an error and nothing is different.
func advise(data []byte) {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	from, to := (start+size-1)/size*size-start, (start+uintptr(len(data)))/size*size-start
	_ = unix.Madvise(data[from:to], unix.MADV_HUGEPAGE)
}
