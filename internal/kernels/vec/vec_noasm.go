//go:build !amd64 && !arm64

package vec

import "github.com/cultivar/cultivar/internal/cpu"

func kernelsFor(cpu.Implementation) *kernels { return &generic }
