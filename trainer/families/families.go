// Package families lists the model families: to add one, its package and a line here.
package families

import (
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

// Family is one: its files and how it computes.
type Family struct {
	Files *bases.Family
	Make  func(*bases.Config) (*nn.Family, error)
}

// All is all families; each is a package.
func All() []Family {
	return []Family{
		{exaone4.Files(), exaone4.New},
		{gemma.Files(), gemma.New},
		{gemma2.Files(), gemma2.New},
		{gemma3.Files(), gemma3.New},
		{glm4.Files(), glm4.New},
		{gptoss.Files(), gptoss.New},
		{granite.Files(), granite.New},
		{granitemoe.Files(), granitemoe.New},
		{granitemoehybrid.Files(), granitemoehybrid.New},
		{lfm2.Files(), lfm2.New},
		{lfm2.FilesWithExperts(), lfm2.NewWithExperts},
		{llama.Files(), llama.New},
		{mistral.Files(), mistral.New},
		{ministral3.Files(), ministral3.New},
		{mixtral.Files(), mixtral.New},
		{olmo2.Files(), olmo2.New},
		{olmo3.Files(), olmo3.New},
		{phi3.Files(), phi3.New},
		{qwen2.Files(), qwen2.New},
		{qwen3.Files(), qwen3.New},
		{qwen35.Files(), qwen35.New},
		{qwen35.FilesOfExperts(), qwen35.NewExperts},
		{qwen3moe.Files(), qwen3moe.New},
		{qwen3next.Files(), qwen3next.New},
		{smollm3.Files(), smollm3.New},
	}
}
