package exaone4

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "exaone4", NoBiasKeys: true,
		Defaults: `{"rms_norm_eps": 1e-5, "sliding_window": 4096, "sliding_window_pattern": 4}`,
		GGUF: &ggufarch.Arch{
			Name: "exaone4", Square: true, Factored: true, WritesPattern: true,
			Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.HeadNorms(), ggufarch.PostNorms()),
			Read:  readGGUF, Refuse: refuseGGUF,
		},
		ToGGUF: toGGUF,
	}
}

// windowed is the number of layers by which llama.cpp knows the one model that has windows
// (src/models/exaone4.cpp), and period that of its layers without one.
const windowed, period = 64, 4

func readGGUF(m *ggufarch.Model, r *ggufarch.Reader) {
	if m.Window == 0 && m.Layers == windowed {
		m.Window = 4096
	}
	if m.Window > 0 {
		m.Sliding = r.Sliding(m.Layers, period)
	}
}

func refuseGGUF(m *ggufarch.Model) error {
	if m.Window > 0 && (m.Layers != windowed || !slices.Equal(m.Sliding, ggufarch.Windows(period, m.Layers))) {
		return fmt.Errorf("llama.cpp has windows in this architecture only in models of %d layers, three of every four", windowed)
	}
	return nil
}

func toGGUF(c *bases.Config, m *ggufarch.Model) error {
	if c.SlidingWindow == 0 {
		return nil
	}
	windows, err := sliding(c)
	if err != nil {
		return err
	}
	return bases.SetWindows(c, m, windows)
}
