// Package export turns an adapter into what other programs take: a PEFT directory for engines that
// load adapters, or a whole model with the adapter merged into it for those that do not.
//
// Output appears whole or not at all: it is written under a temporary name beside the target and
// renamed. A target that holds files is refused.
package export

import (
	"math"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/atomicfile"
)

// PEFTOptions are the choices of [PEFT].
type PEFTOptions struct {
	// FoldRSLoRA writes a rank-stabilised adapter as the plain LoRA that computes the same, for
	// programs that ignore use_rslora: llama.cpp's converter would make it √r too weak.
	FoldRSLoRA bool
}

// PEFT writes the adapter into a new directory in PEFT's format.
func PEFT(a *adapters.Adapter, outDir string, opts PEFTOptions) error {
	if opts.FoldRSLoRA && a.Config.UseRSLoRA {
		folded, err := FoldRSLoRA(a)
		if err != nil {
			return err
		}
		a = folded
	}
	return writeDir(outDir, func(dir string) error { return peft.Write(dir, a) })
}

// FoldRSLoRA returns the adapter as plain LoRA with alpha' = alpha·√r, which has the same scaling:
// alpha/√r = alpha'/r. Tensors are shared. Where modules differ in rank or alpha, each gets an
// alpha_pattern of its own.
func FoldRSLoRA(a *adapters.Adapter) (*adapters.Adapter, error) {
	modules, err := peft.Modules(a)
	if err != nil {
		return nil, err
	}
	old := a.Config
	folded := &adapters.Adapter{Config: old, Tensors: a.Tensors}
	folded.Config.UseRSLoRA = false
	folded.Config.Alpha = fold(old.Alpha, old.Rank)
	folded.Config.AlphaPattern = nil
	if len(old.RankPattern)+len(old.AlphaPattern) == 0 {
		return folded, nil
	}
	for _, m := range modules {
		alpha := old.ScalingOf(m.Key, 1) // alpha/√1: the module's own alpha
		if alpha = fold(alpha, old.RankOf(m.Key)); alpha != folded.Config.Alpha {
			folded.Config.AlphaPattern = folded.Config.AlphaPattern.With(m.Key, alpha)
		}
	}
	return folded, nil
}

// fold keeps alphas whole where they are: √r is exact for r of 4, 16, 64 and so on.
func fold(alpha float64, rank int) float64 { return alpha * math.Sqrt(float64(rank)) }

// writeDir is atomicfile.WriteDir with the parents made.
func writeDir(path string, write func(dir string) error) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(path)), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteDir(path, write)
}
