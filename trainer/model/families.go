package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/model/exaone4"
	"github.com/cultivar/cultivar/trainer/model/gemma"
	"github.com/cultivar/cultivar/trainer/model/gemma2"
	"github.com/cultivar/cultivar/trainer/model/gemma3"
	"github.com/cultivar/cultivar/trainer/model/glm4"
	"github.com/cultivar/cultivar/trainer/model/gptoss"
	"github.com/cultivar/cultivar/trainer/model/granite"
	"github.com/cultivar/cultivar/trainer/model/granitemoe"
	"github.com/cultivar/cultivar/trainer/model/granitemoehybrid"
	"github.com/cultivar/cultivar/trainer/model/lfm2"
	"github.com/cultivar/cultivar/trainer/model/llama"
	"github.com/cultivar/cultivar/trainer/model/ministral3"
	"github.com/cultivar/cultivar/trainer/model/mistral"
	"github.com/cultivar/cultivar/trainer/model/mixtral"
	"github.com/cultivar/cultivar/trainer/model/olmo2"
	"github.com/cultivar/cultivar/trainer/model/olmo3"
	"github.com/cultivar/cultivar/trainer/model/phi3"
	"github.com/cultivar/cultivar/trainer/model/qwen2"
	"github.com/cultivar/cultivar/trainer/model/qwen3"
	"github.com/cultivar/cultivar/trainer/model/qwen35"
	"github.com/cultivar/cultivar/trainer/model/qwen3moe"
	"github.com/cultivar/cultivar/trainer/model/qwen3next"
	"github.com/cultivar/cultivar/trainer/model/smollm3"
	"github.com/cultivar/cultivar/trainer/nn"
)

// families lists the architectures; each is one package, one file. modelType is config.json's
// model_type, of text_config in a multimodal model.
var families = []struct {
	architecture, modelType string
	make                    func(*bases.Config) (*nn.Family, error)
}{
	{exaone4.Architecture, "exaone4", exaone4.New},
	{gemma.Architecture, "gemma", gemma.New},
	{gemma2.Architecture, "gemma2", gemma2.New},
	{gemma3.Architecture, "gemma3_text", gemma3.New},
	{gemma3.Multimodal, "gemma3_text", gemma3.New},
	{glm4.Architecture, "glm4", glm4.New},
	{gptoss.Architecture, "gpt_oss", gptoss.New},
	{granite.Architecture, "granite", granite.New},
	{granitemoe.Architecture, "granitemoe", granitemoe.New},
	{granitemoehybrid.Architecture, "granitemoehybrid", granitemoehybrid.New},
	{lfm2.Architecture, "lfm2", lfm2.New},
	{lfm2.WithExperts, "lfm2_moe", lfm2.NewWithExperts},
	{llama.Architecture, "llama", llama.New},
	{ministral3.Architecture, "ministral3", ministral3.New},
	{mistral.Architecture, "mistral", mistral.New},
	{mistral.Multimodal, "mistral", mistral.New},
	{mistral.Multimodal, "ministral3", ministral3.New},
	{mixtral.Architecture, "mixtral", mixtral.New},
	{olmo2.Architecture, "olmo2", olmo2.New},
	{olmo3.Architecture, "olmo3", olmo3.New},
	{phi3.Architecture, "phi3", phi3.New},
	{qwen2.Architecture, "qwen2", qwen2.New},
	{qwen3.Architecture, "qwen3", qwen3.New},
	{qwen35.Architecture, "qwen3_5_text", qwen35.New},
	{qwen35.Multimodal, "qwen3_5_text", qwen35.New},
	{qwen35.Experts, "qwen3_5_moe_text", qwen35.NewExperts},
	{qwen35.MultimodalExperts, "qwen3_5_moe_text", qwen35.NewExperts},
	{qwen3moe.Architecture, "qwen3_moe", qwen3moe.New},
	{qwen3next.Architecture, "qwen3_next", qwen3next.New},
	{smollm3.Architecture, "smollm3", smollm3.New},
}

// Architectures lists what New supports, sorted.
func Architectures() []string {
	var names []string
	for _, f := range families {
		names = append(names, f.architecture)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// familyOf chooses by architectures, or where config.json has none by model_type. A multimodal
// model's architecture says little of its text half: there both must fit.
func familyOf(c *bases.Config) (*nn.Family, error) {
	for _, f := range families {
		named := slices.Contains(c.Architectures, f.architecture)
		if len(c.Architectures) == 0 || named && c.Nested {
			named = c.ModelType == f.modelType
		}
		if named {
			return f.make(c)
		}
	}
	name := strings.Join(c.Architectures, ", ")
	if name == "" || c.Nested {
		name += " model_type " + c.ModelType
	}
	return nil, fmt.Errorf("architecture %s is not supported (supported: %s)", strings.TrimSpace(name), strings.Join(Architectures(), ", "))
}
