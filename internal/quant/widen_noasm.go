//go:build !amd64

package quant

// There is no vector form for this architecture: no block is done.

func widenQ4_0Vector([]float32, []byte) int { return 0 }
func widenQ8_0Vector([]float32, []byte) int { return 0 }
func widenQ4_KVector([]float32, []byte) int { return 0 }
func widenQ6_KVector([]float32, []byte) int { return 0 }
