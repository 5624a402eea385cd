package gemm

import "github.com/cultivar/cultivar/internal/cpu"

// probePeak runs the probe of the implementation in use and returns the multiply-adds in a round.
func probePeak(rounds int) int {
	if cpu.Current() != cpu.NEON {
		return 0
	}
	peakNEON(rounds)
	return 24 * 4
}
