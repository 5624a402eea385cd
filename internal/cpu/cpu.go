// Package cpu chooses which implementation of the numeric kernels this process runs.
//
// All implementations compute the same bits (docs/numerics.md); the choice is only about speed.
// CULTIVAR_CPU=generic|avx2|avx512|neon forces one, for tests and for finding a miscompiled kernel.
package cpu

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// Implementation names a set of kernels.
type Implementation uint32

// The implementations, slowest first. Generic is the reference and exists everywhere.
const (
	Generic Implementation = iota
	AVX2
	AVX512
	NEON
)

// Env is the environment variable that forces an implementation.
const Env = "CULTIVAR_CPU"

var names = [...]string{"generic", "avx2", "avx512", "neon"}

func (i Implementation) String() string { return names[i] }

var current atomic.Uint32

func init() { current.Store(uint32(best())) }

// Current returns the implementation in use. Kernels read it once per call.
func Current() Implementation { return Implementation(current.Load()) }

// Available lists the implementations this machine can run, the reference first.
func Available() []Implementation {
	list := []Implementation{Generic}
	if hasAVX2 {
		list = append(list, AVX2)
	}
	if hasAVX512 {
		list = append(list, AVX512)
	}
	if hasNEON {
		list = append(list, NEON)
	}
	return list
}

// One feature bit for each instruction set a kernel uses: AVX2 kernels use FMA3, AVX-512 kernels
// use F, DQ, BW and VL.
var (
	hasAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	hasAVX512 = hasAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL
	hasNEON   = runtime.GOARCH == "arm64"
)

func best() Implementation {
	list := Available()
	return list[len(list)-1]
}

// Use forces an implementation and returns a function that restores the one before.
// Tests use it to run once for each of [Available]; it must not run beside kernels.
func Use(i Implementation) (restore func()) {
	old := current.Swap(uint32(i))
	return func() { current.Store(old) }
}

// FromEnv applies CULTIVAR_CPU. It reports a name that is unknown or that this machine cannot run.
func FromEnv() error {
	want := strings.ToLower(strings.TrimSpace(os.Getenv(Env)))
	if want == "" {
		return nil
	}
	var can []string
	for _, i := range Available() {
		if i.String() == want {
			current.Store(uint32(i))
			return nil
		}
		can = append(can, i.String())
	}
	return fmt.Errorf("%s=%s: this machine runs %s", Env, want, strings.Join(can, ", "))
}
