package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Mamba2 is the size of a Mamba 2 block.
type Mamba2 struct {
	ops.Mamba2
	Kernel             int // of the convolution
	ConvBias, ProjBias bool
	NormEps            float64
}

// ReadMamba2 reads the keys that begin with mamba_. The block knows no activation but SiLU.
func ReadMamba2(c *bases.Config) (Mamba2, error) {
	if err := Require("hidden_act", c.HiddenAct, "silu", "swish"); err != nil {
		return Mamba2{}, err
	}
	keys := c.Keys()
	m := Mamba2{
		Mamba2: ops.Mamba2{
			Heads: keys.Int("mamba_n_heads", 128, 1, 1<<16), Groups: keys.Int("mamba_n_groups", 1, 1, 1<<16),
			// A state has as many elements as this and mamba_expand · hidden_size multiplied: far more than
			// the weights of a small file, were these not bounded.
			StateDim: keys.Int("mamba_d_state", 256, 1, 1<<10),
		},
		Kernel:   keys.Int("mamba_d_conv", 4, 1, 1<<10),
		ConvBias: keys.Bool("mamba_conv_bias"), ProjBias: keys.Bool("mamba_proj_bias"), NormEps: c.RMSNormEps,
	}
	values := keys.Int("mamba_expand", 2, 1, 1<<4) * c.HiddenSize
	m.HeadDim = values / m.Heads
	if string(keys.Raw("mamba_d_head")) != `"auto"` {
		m.HeadDim = keys.Int("mamba_d_head", m.HeadDim, 1, 1<<20)
	}
	err := keys.Err()
	if err == nil {
		m.MinStep, m.MaxStep, err = stepLimits(keys.Raw("time_step_limit"))
	}
	if err == nil && (m.Values() != values || m.Heads%m.Groups != 0 || values%m.Groups != 0) {
		err = fmt.Errorf("%d heads of %d in %d groups do not make mamba_expand · hidden_size, %d", m.Heads, m.HeadDim, m.Groups, values)
	}
	if err != nil {
		return Mamba2{}, fmt.Errorf("config.json: %w", err)
	}
	return m, nil
}

// stepLimits reads time_step_limit, a pair of numbers of which transformers writes one that is
// infinite as {"__float__": "Infinity"}.
func stepLimits(raw json.RawMessage) (low, high float32, err error) {
	if raw == nil {
		return 0, float32(math.Inf(1)), nil
	}
	wrong := errors.New("time_step_limit is not a pair of numbers, ascending from 0")
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) != 2 {
		return 0, 0, wrong
	}
	var limits [2]float32
	for i, v := range list {
		var tagged struct {
			Float string `json:"__float__"`
		}
		if json.Unmarshal(v, &tagged) == nil && tagged.Float == "Infinity" {
			limits[i] = float32(math.Inf(1))
		} else if json.Unmarshal(v, &limits[i]) != nil {
			return 0, 0, wrong
		}
	}
	if limits[0] < 0 || limits[1] < limits[0] {
		return 0, 0, wrong
	}
	return limits[0], limits[1], nil
}

// Mamba2 is a Mamba 2 block (transformers models/mamba2/modeling_mamba2.py, Mamba2Mixer). One module
// computes [z | xBC | dt]: xBC is convolved and goes with dt through the state space, whose result is
// gated by z, normalised and goes through another module.
func (l *Layer) Mamba2(x *Node, m Mamba2, module string) *Node {
	zxbcdt := l.LinearBias(x, m.ProjBias, module+".in_proj")
	values, width := m.Values(), m.Width()
	MustHave(zxbcdt, values+width+m.Heads, module)
	columns := func(from, n int) *Node { return l.Columns(zxbcdt, ops.Columns{From: from, Count: n}) }
	z, xbc, dt := columns(0, values), columns(values, width), columns(values+width, m.Heads)

	vector := func(name string) *ops.Weight { return l.Weights.FrozenVector(l.Builder, module+name, m.Heads) }
	xbc = l.CausalConv(xbc, module+".conv1d", m.Kernel, m.ConvBias, true)
	y := l.Builder.Mamba2(xbc, dt, m.Mamba2, vector(".A_log"), vector(".dt_bias"), vector(".D"))

	norm := l.Weights.Vector(l.Builder, module+".norm.weight")
	MustHave(y, norm.Cols, module+".norm")
	y = l.GroupNorm(l.GatedBy(y, z, ops.SiLU), norm, m.Groups, float32(m.NormEps))
	return l.LinearBias(y, m.ProjBias, module+".out_proj")
}

// Mixing is how many floating-point operations the state space takes for a token: for every element
// of the states a product, and two multiply-adds.
func (m Mamba2) Mixing() float64 { return 5 * float64(m.Values()) * float64(m.StateDim) }
