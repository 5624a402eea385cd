package corpus

// dice is a counter-based generator: roll n of a key is a hash of both, so a document depends
// on nothing that was written before it. The hash is the finalizer of SplitMix64 (Steele, Lea &
// Flood, OOPSLA 2014).
type dice struct{ key, n uint64 }

const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// roll returns dice for one purpose: the key is a hash of the seed and the path.
func roll(seed uint64, path ...uint64) *dice {
	key := mix(seed + golden)
	for _, p := range path {
		key = mix(key ^ mix(p+golden))
	}
	return &dice{key: key}
}

// below returns a number in [0, n). The bias of the modulus, n/2^64, does not matter here.
func (d *dice) below(n int) int {
	d.n++
	return int(mix(d.key+d.n*golden) % uint64(n))
}

// between returns a number in [low, high].
func (d *dice) between(low, high int) int { return low + d.below(high-low+1) }

// chance is true in percent of a hundred cases.
func (d *dice) chance(percent int) bool { return d.below(100) < percent }
