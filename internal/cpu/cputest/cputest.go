// Package cputest runs a test once for each kernel implementation the machine has.
package cputest

import (
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
)

// EachImplementation runs f as a subtest named after each of [cpu.Available], with that
// implementation in use. The choice is process-wide, so neither f nor the calling test may be
// parallel.
func EachImplementation(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, impl := range cpu.Available() {
		t.Run(impl.String(), func(t *testing.T) {
			defer cpu.Use(impl)()
			f(t)
		})
	}
}

// EachImplementationB is [EachImplementation] for benchmarks.
func EachImplementationB(b *testing.B, f func(b *testing.B)) {
	b.Helper()
	for _, impl := range cpu.Available() {
		b.Run(impl.String(), func(b *testing.B) {
			defer cpu.Use(impl)()
			f(b)
		})
	}
}
