//go:build race

package attention

// raceEnabled reports whether the race detector watches.
const raceEnabled = true
