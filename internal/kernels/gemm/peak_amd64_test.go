package gemm

import "github.com/cultivar/cultivar/internal/cpu"

// probePeak runs the probe of the implementation in use and returns the multiply-adds in a round.
func probePeak(rounds int) int {
	switch cpu.Current() {
	case cpu.AVX2:
		peakAVX2(rounds)
		return 12 * 8
	case cpu.AVX512:
		peakAVX512(rounds)
		return 12 * 16
	}
	return 0
}
