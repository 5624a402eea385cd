package export

import (
	"context"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// families are a few made after real ones, as far as tests here need them.
func families() bases.Families {
	mixture := func(router string) map[string]string {
		return ggufarch.Join(ggufarch.Dense(), ggufarch.Routed(router))
	}
	return bases.Families{
		{Architecture: "LlamaForCausalLM", ModelType: "llama", GGUF: &ggufarch.Arch{Name: "llama", Permuted: true, Biased: true, Layer: ggufarch.Dense()}},
		{Architecture: "MixtralForCausalLM", ModelType: "mixtral", GGUF: &ggufarch.Arch{
			Name: "llama", Permuted: true, Layer: mixture("block_sparse_moe.gate"),
			Expert: ggufarch.Experts("block_sparse_moe.experts.%d.w1", "block_sparse_moe.experts.%d.w3", "block_sparse_moe.experts.%d.w2"),
		}},
		{Architecture: "Qwen2ForCausalLM", ModelType: "qwen2", GGUF: &ggufarch.Arch{Name: "qwen2", Layer: ggufarch.Dense()}},
		{Architecture: "GemmaForCausalLM", ModelType: "gemma", GGUF: &ggufarch.Arch{Name: "gemma", NormsIncludeOne: true, Act: ggufarch.GELU, Layer: ggufarch.Dense()}},
		{Architecture: "GraniteMoeForCausalLM", ModelType: "granitemoe", GGUF: &ggufarch.Arch{
			Name: "granitemoe", Permuted: true, Layer: mixture("block_sparse_moe.router.layer"), Stacks: []ggufarch.Stack{
				{Published: "block_sparse_moe.input_linear.weight", Files: ggufarch.GateAndUp(".weight")},
				{Published: "block_sparse_moe.output_linear.weight", Files: ggufarch.Down(".weight")},
			},
		}},
		{Architecture: "GptOssForCausalLM", ModelType: "gpt_oss", GGUF: &ggufarch.Arch{
			Name: "gpt-oss", Layer: mixture("mlp.router"), Stacks: []ggufarch.Stack{
				{Published: "mlp.experts.gate_up_proj", Files: ggufarch.GateAndUp(".weight"), Alternate: true, Turned: true},
				{Published: "mlp.experts.down_proj", Files: ggufarch.Down(".weight"), Turned: true},
			},
		}},
	}
}

// archs are the families' forms in GGUF.
func archs() []*ggufarch.Arch {
	var list []*ggufarch.Arch
	for _, f := range families() {
		list = append(list, f.GGUF)
	}
	return list
}

func archOf(t *testing.T, class string) *ggufarch.Arch {
	t.Helper()
	for _, f := range families() {
		if f.Architecture == class {
			return f.GGUF
		}
	}
	t.Fatalf("no family of %s", class)
	return nil
}

// sizes are the keys that every config.json has, of the base that most tests here write.
const sizes = `"architectures":["LlamaForCausalLM"],"hidden_size":32,"intermediate_size":64,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":4,"vocab_size":300`

// withSizes adds them to an object.
func withSizes(config string) string {
	switch {
	case config == "{}":
		return "{" + sizes + "}"
	case len(config) > 1 && config[0] == '{':
		return "{" + sizes + "," + config[1:]
	}
	return config
}

// mergedFrom opens a base and merges into it.
func mergedFrom(ctx context.Context, path string, a *adapters.Adapter, out string, d DType) (Report, error) {
	b, err := bases.Open(path, families())
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = b.Close() }()
	return Merged(ctx, b, a, out, d)
}

// fileFrom opens a base and writes it as a file of a form; without one, as what it says of itself.
func fileFrom(ctx context.Context, path string, f form, a *adapters.Adapter, out string, o GGUFOptions) (GGUFReport, error) {
	b, err := bases.Open(path, families())
	if err != nil {
		return GGUFReport{}, err
	}
	defer func() { _ = b.Close() }()
	if f.Model == nil || b.GGUF() != nil {
		return GGUFModel(ctx, b, a, out, o)
	}
	f.words.Size = f.Vocabulary
	return writeModel(ctx, b, f, a, out, o)
}
