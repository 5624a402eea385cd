// Package hugepage has large memory and large files lie in pages of 2 MiB. Weights and activations are gone
// through once in seconds, so that the processor looks up most pages of 4 KiB anew, which in a virtual machine
// takes up to a microsecond or two each. Linux gives huge pages to memory that asks for them
// (transparent_hugepage/enabled is "madvise" in most distributions), and to files by the way they are written.
package hugepage

// size is that of a huge page of amd64, and of arm64 with pages of 4 KiB.
const size = 2 << 20

// least is how many floats gain: a few huge pages.
const least = 4 * size / 4

// Floats returns n zeros. Memory becomes resident when it is touched, as that of make does, but 2 MiB at
// a time. It is the garbage collector's.
func Floats(n int) []float32 {
	x := make([]float32, n)
	if n >= least {
		advise(x)
	}
	return x
}
