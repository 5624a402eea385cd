// Package hugepage has large memory and large files lie in pages of 2 MiB. Weights and activations are gone
// through once in seconds, so that the processor looks up most pages of 4 KiB anew, which in a virtual machine
// takes up to a microsecond or two each. Linux gives huge pages to memory that asks for them
// (transparent_hugepage/enabled is "madvise" in most distributions), and to files by the way they are written,
// or read.
package hugepage

import "unsafe"

// size is that of a huge page of amd64, and of arm64 with pages of 4 KiB.
const size = 2 << 20

// least is how many bytes hold a huge page wherever they begin.
const least = 2 * size

// Floats returns n zeros. Memory becomes resident when it is touched, as that of make does, but 2 MiB at
// a time. It is the garbage collector's.
func Floats(n int) []float32 {
	x := make([]float32, n)
	Advise(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*n))
	return x
}

// Advise asks for huge pages in data, if it is large: fresh memory, or a mapping of a file. What of the file is
// not in the system's cache yet is then read 2 MiB at a time, into huge pages where the file system has large
// folios (see [Writer]), in whichever order it is touched; what is there stays in the pages in which it is.
func Advise(data []byte) {
	if len(data) >= least {
		advise(data)
	}
}
