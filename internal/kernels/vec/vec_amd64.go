package vec

import "github.com/cultivar/cultivar/internal/cpu"

func kernelsFor(cpu.Implementation) *kernels { return &generic }
