package dtype

import "github.com/cultivar/cultivar/internal/cpu"

// widenVector converts a prefix of src and returns its length, a multiple of 16.
func widenVector(t Type, dst []float32, src []uint16) int {
	n := len(src) &^ 15
	if n == 0 || cpu.Current() != cpu.NEON {
		return 0
	}
	if t == BF16 {
		widenBF16(&dst[0], &src[0], n)
	} else {
		widenF16(&dst[0], &src[0], n)
	}
	return n
}

// roundVector is widenVector for the opposite direction.
func roundVector(t Type, dst []uint16, src []float32) int {
	n := len(src) &^ 15
	if n == 0 || cpu.Current() != cpu.NEON {
		return 0
	}
	if t == BF16 {
		roundBF16(&dst[0], &src[0], n)
	} else {
		roundF16(&dst[0], &src[0], n)
	}
	return n
}
