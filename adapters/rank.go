package adapters

import (
	"maps"
	"slices"
)

// RankOf is the rank a module's factors have: rank_pattern may give it one of its own.
func (c Config) RankOf(module string) int {
	for _, pattern := range slices.Sorted(maps.Keys(c.RankPattern)) {
		if matchesPattern(pattern, module) {
			return c.RankPattern[pattern]
		}
	}
	return c.Rank
}
