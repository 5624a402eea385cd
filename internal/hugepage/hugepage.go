// Package hugepage has large memory and large files lie in pages that the processor finds fast. Weights and activations
// are gone through once in seconds, so that most pages of 4 KiB are looked up anew, which in a virtual
// machine takes up to a microsecond each; one of 2 MiB is looked up once in 512 times that size. Systems
// give them to those who ask (transparent_hugepage/enabled is "madvise" in most distributions).
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
