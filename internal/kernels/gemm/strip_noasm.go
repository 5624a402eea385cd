//go:build !amd64 && !arm64

package gemm

import "github.com/cultivar/cultivar/internal/cpu"

// vector computes nothing: the micro-kernels of this architecture take single tiles.
func (*strip) vector(cpu.Implementation) bool { return false }
