//go:build !amd64

package gemm

import "github.com/cultivar/cultivar/internal/cpu"

// hasDots is false: tiles are all there is for this architecture.
func hasDots(cpu.Implementation) bool { return false }

func (*lanes) dotInPlace(dotShape, *dots, []float32, int, int, int, int) int { return 0 }
