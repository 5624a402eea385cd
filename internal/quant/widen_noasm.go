//go:build !amd64

package quant

// There is no vector form for this architecture: nothing is done.

func widenQ4_0Vector([]float32, []byte) int { return 0 }
func widenQ8_0Vector([]float32, []byte) int { return 0 }
func widenQ4_KVector([]float32, []byte) int { return 0 }
func widenQ6_KVector([]float32, []byte) int { return 0 }

func widenNibblesVector([]float32, []byte, *[16]float32, float32) int { return 0 }

func widenInt8Vector([]float32, []byte, float32) int { return 0 }
