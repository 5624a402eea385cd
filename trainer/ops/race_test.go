//go:build race

package ops

// raceEnabled reports whether the race detector watches.
const raceEnabled = true
