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
	// ErrOtherBase means that an adapter was fitted on a base of other weights. Its factors may well have
	// the shapes of this one, and compute nonsense on it.
	ErrOtherBase = errors.New("adapter was trained on another base")
	// ErrNotAdapter means that a directory holds no PEFT adapter.
	ErrNotAdapter = errors.New("not a PEFT adapter")
)

// Config is the part of adapter_config.json that this project reads and writes; the names are
// PEFT's (peft/tuners/lora/config.py).
type Config struct {
	Rank          int           // r
	Alpha         float64       // lora_alpha
	Dropout       float64       // lora_dropout
	TargetModules []string      // target_modules, sorted
	UseRSLoRA     bool          // use_rslora
	UseDoRA       bool          // use_dora
	RankPattern   Patterns[int] // rank_pattern
	AlphaPattern  Patterns[float64]
	BaseModel     string // base_model_name_or_path
	Revision      string // revision
	TaskType      string // CAUSAL_LM

	TargetParameters []string // target_parameters, sorted: stacked experts; nil when there are none

	// What narrows target_modules, for adapters of some layers.
	ExcludeModules    []string // exclude_modules; a single one may be a regular expression
	LayersToTransform []int    // layers_to_transform
	LayersPattern     []string // layers_pattern: what the list of layers is called
}

// ScalingOf is the factor on B·A of a module or a parameter: alpha/r, or alpha/√r for rank-stabilised LoRA
// (arXiv:2312.03732). alpha_pattern may give a module an alpha of its own; rank is that of its
// tensors, which rank_pattern decided when it was trained.
func (c Config) ScalingOf(module string, rank int) float64 {
	alpha, ok := c.AlphaPattern.Of(module)
	if !ok {
		alpha = c.Alpha
	}
	if c.UseRSLoRA {
		return alpha / math.Sqrt(float64(rank))
	}
	return alpha / float64(rank)
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
