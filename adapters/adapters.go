// Package adapters is the vocabulary of what training makes: a LoRA adapter as PEFT writes it.
// Sub-packages read and write the formats (peft), export them (export), and move them to and from
// a registry (publish).
//
// Nothing here may import trainer: a reader of adapters must not pull in the autograd.
package adapters

import (
	"errors"
	"math"
)

// Sentinel errors of the room.
var (
	// ErrBaseMismatch means that an adapter was fitted on another base.
	ErrBaseMismatch = errors.New("adapter belongs to another base")
	// ErrNotAdapter means that a directory holds no PEFT adapter.
	ErrNotAdapter = errors.New("not a PEFT adapter")
)

// Config is the part of adapter_config.json that this project reads and writes; the names are
// PEFT's (peft/tuners/lora/config.py).
type Config struct {
	Rank          int            // r
	Alpha         float64        // lora_alpha
	Dropout       float64        // lora_dropout
	TargetModules []string       // target_modules, sorted
	UseRSLoRA     bool           // use_rslora
	UseDoRA       bool           // use_dora
	RankPattern   map[string]int // rank_pattern
	AlphaPattern  map[string]float64
	BaseModel     string // base_model_name_or_path
	Revision      string // revision
	TaskType      string // CAUSAL_LM
}

// Scaling is the factor on B·A: alpha/r, or alpha/√r for rank-stabilised LoRA (arXiv:2312.03732).
func (c Config) Scaling() float64 {
	if c.UseRSLoRA {
		return c.Alpha / math.Sqrt(float64(c.Rank))
	}
	return c.Alpha / float64(c.Rank)
}

// Tensor is a named float32 array, row-major.
type Tensor struct {
	Name  string // PEFT's name, e.g. base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
	Shape []int
	Data  []float32
}

// Adapter is an adapter in memory, tensors sorted by name.
type Adapter struct {
	Config  Config
	Tensors []Tensor
}
