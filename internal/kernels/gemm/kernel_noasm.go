//go:build !amd64 && !arm64

package gemm

import "github.com/cultivar/cultivar/internal/cpu"

// multiplyPanels runs the only micro-kernel there is.
func multiplyPanels(_ cpu.Implementation, rows, width, steps int, a, b *panel, c []float32, ldc int, load bool) {
	multiplyGeneric(rows, width, steps, a, b, c, ldc, load)
}

// packVector packs nothing: there is no vector form for this architecture.
func (*lanes) packVector([]float32, int, int, int, int) int { return 0 }
