package corpus

import "github.com/cultivar/cultivar/internal/rng"

// dice are the random numbers of one thing: a document, a company, a fact. They are a function
// of the seed and of what they are for, so that nothing depends on what was written before.
type dice struct{ *rng.Source }

// roll returns the dice of number n, of the things that the purpose names.
func roll(seed uint64, purpose string, n uint64) dice {
	return dice{rng.New(seed, "corpus: "+purpose).At(n, 0)}
}

// below returns a number in [0, n).
func (d dice) below(n int) int { return d.IntN(n) }

// between returns a number in [low, high].
func (d dice) between(low, high int) int { return low + d.below(high-low+1) }

// chance is true in percent of a hundred cases.
func (d dice) chance(percent int) bool { return d.below(100) < percent }
