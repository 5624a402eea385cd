// Package ministral3 is the Ministral 3 family (transformers
// models/ministral3/modeling_ministral3.py): Mistral whose queries grow with the logarithm of their
// position, which its rope describes (llama_4_scaling_beta).
package ministral3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/model/mistral"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Architecture is the name in config.json's "architectures"; Multimodal that of the models of which
// this is the text half.
const (
	Architecture = "Ministral3ForCausalLM"
	Multimodal   = "Mistral3ForConditionalGeneration"
)

// New returns the family for a configuration. The layers are Mistral's: the factor on queries is
// part of their rotary table.
func New(c *bases.Config) (*nn.Family, error) { return mistral.WithRope(c, nn.GrowingRope) }
