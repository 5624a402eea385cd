package bases

import (
	"errors"
	"fmt"
	"slices"
)

// The usual values of layer_types.
const (
	FullAttention    = "full_attention"
	SlidingAttention = "sliding_attention"
)

// TypesOfLayers returns the type of every layer: layer_types, or what sliding says of each.
func (c *Config) TypesOfLayers(sliding func(layer int) bool) ([]string, error) {
	types := c.LayerTypes
	if types == nil {
		for i := range c.NumHiddenLayers {
			t := FullAttention
			if sliding(i) {
				t = SlidingAttention
			}
			types = append(types, t)
		}
	}
	for i, t := range types {
		if t != FullAttention && t != SlidingAttention {
			return nil, fmt.Errorf("config.json: layer_types[%d] %q is not supported by this architecture (supported: %s, %s)", i, t, FullAttention, SlidingAttention)
		}
	}
	if slices.Contains(types, SlidingAttention) && c.SlidingWindow == 0 {
		return nil, errors.New("config.json: layers of sliding_attention need a sliding_window")
	}
	return types, nil
}
