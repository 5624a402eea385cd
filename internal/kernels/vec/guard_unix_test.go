//go:build unix

package vec

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cultivar/cultivar/internal/cpu"
)

// fenced returns n elements whose memory has a hole before it or behind it: touching a byte there
// faults. It is released with the test.
func fenced(t *testing.T, n int, behind bool) []float32 {
	t.Helper()
	page := os.Getpagesize()
	m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("map memory: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Errorf("unmap memory: %v", err)
		}
	})
	for _, hole := range [][]byte{m[:page], m[2*page:]} {
		if err := unix.Mprotect(hole, unix.PROT_NONE); err != nil {
			t.Fatalf("protect memory: %v", err)
		}
	}
	inside := m[page : 2*page]
	if behind {
		inside = inside[page-4*n:]
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(inside))), n)
}

// Weights lie in mapped files, so that reading past a slice is not harmless, however it is masked.
func TestNothingOutsideIsTouched(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	const longest = 70
	var slices [2][6][]float32
	for i := range slices {
		for j := range slices[i] {
			slices[i][j] = fenced(t, longest, i == 1)
			copy(slices[i][j], values(uint64(j), longest))
		}
	}
	for name, call := range every {
		for _, impl := range cpu.Available() {
			for n := range longest {
				for i, what := range []string{"begin after", "end before"} {
					var s [6][]float32
					for j := range s {
						s[j] = slices[i][j][i*(longest-n):][:n]
					}
					untouched(t, fmt.Sprintf("%s, %s, %d elements that %s a hole", name, impl, n, what), func() { call(kernelsFor(impl), s) })
				}
			}
		}
	}
}

func untouched(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if fault := recover(); fault != nil {
			t.Fatalf("%s: %v", what, fault)
		}
	}()
	f()
}
