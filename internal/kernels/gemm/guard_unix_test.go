//go:build unix

package gemm

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
)

// edge returns memory that ends where the address space has a hole, as a mapped file may end: reading
// a byte past it faults. It is released with the test.
func edge(t *testing.T) []byte {
	t.Helper()
	const size = 1 << 18
	page := os.Getpagesize()
	m, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("map memory: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Errorf("unmap memory: %v", err)
		}
	})
	if err := unix.Mprotect(m[size:], unix.PROT_NONE); err != nil {
		t.Fatalf("protect memory: %v", err)
	}
	return m[:size]
}

// atEnd copies the elements of m to the end of memory.
func atEnd(m Matrix, memory []byte) Matrix {
	if m.Blocks != nil {
		return m
	}
	bytes := m.len() * m.Type.Size()
	at := unsafe.Pointer(unsafe.SliceData(memory[len(memory)-bytes:]))
	if m.Type == dtype.F32 {
		m.F32 = unsafe.Slice((*float32)(at), copy(unsafe.Slice((*float32)(at), len(m.F32)), m.F32))
	} else {
		m.U16 = unsafe.Slice((*uint16)(at), copy(unsafe.Slice((*uint16)(at), len(m.U16)), m.U16))
	}
	return m
}

// Weights lie in mapped files, so that reading past an operand is not harmless.
func TestReadsNothingPastTheOperands(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	memoryA, memoryB := edge(t), edge(t)
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for round := range 2000 {
			m, n, k := 1+r.IntN(70), 1+r.IntN(70), 1+r.IntN(40)
			la, lb := randomLayout(r), randomLayout(r)
			if round >= 1500 { // as in decoding
				m, n, k, lb.transposed = 1+r.IntN(8), 8+r.IntN(40), 32+r.IntN(70), true
			}
			a := atEnd(la.matrix(r, m, k, normal), memoryA)
			b := atEnd(lb.matrix(r, k, n, normal), memoryB)
			func() {
				defer func() {
					if fault := recover(); fault != nil {
						t.Fatalf("%d×%d×%d a=%v b=%v: %v", m, n, k, la, lb, fault)
					}
				}()
				Serial(make([]float32, m*n), n, a, b, false)
			}()
		}
	})
}
