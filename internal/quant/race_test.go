//go:build race

package quant

// raceEnabled reports whether the race detector watches.
const raceEnabled = true
