//go:build race

package gemm

// raceEnabled reports whether the race detector watches.
const raceEnabled = true
