// Package ggufarch is what GGUF files call the parts of a model: for each architecture the names of its
// tensors, the metadata keys of its sizes, and where llama.cpp's layout of weights differs from the
// published one. Reading and writing use the same tables, so that a model written is the model read.
//
// The names and keys are those of gguf-py (gguf/constants.py) and of llama.cpp's converter
// (conversion/*.py), which llama.cpp reads (src/llama-arch.cpp, src/models/*.cpp).
package ggufarch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Arch is one architecture.
type Arch struct {
	Name      string // general.architecture, and the prefix of its keys
	Class     string // in config.json's "architectures"
	ModelType string // config.json's model_type

	texts []string // classes of multimodal models of which this is the text half

	// Permuted means that the rows of q and k are stored as pairs that are rotated together, not as
	// two halves of a head (LlamaModel.permute).
	Permuted bool
	// NormsIncludeOne means that norms multiply by 1 + w, and that the file holds the sum.
	NormsIncludeOne bool

	act    string            // config.json's activation
	square bool              // llama.cpp computes the length of a head from the hidden size
	biased bool              // llama.cpp takes the biases that attention_bias and mlp_bias ask for
	layer  map[string]string // parts of a layer: the file's name, then the published one
	expert map[string]string // the same for tensors that hold one matrix for each expert
	stacks []Stack           // the same for tensors that published ones are made of
}

// Names of tensors outside of the layers, in the order in which they are written.
var global = []struct{ gguf, hf string }{
	{"token_embd", "model.embed_tokens"},
	{"output_norm", "model.norm"},
	{"output", "lm_head"},
}

// The factors by which rotary frequencies are divided, which config.json has and no weight.
const (
	RopeFreqs = "rope_freqs.weight"
	RopeLong  = "rope_factors_long.weight"
	RopeShort = "rope_factors_short.weight"
)

const (
	silu = "silu"
	gelu = "gelu_pytorch_tanh"
)

// join makes one table of several; a name that is empty in a later one is taken out.
func join(tables ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, t := range tables {
		for name, part := range t {
			if all[name] = part; part == "" {
				delete(all, name)
			}
		}
	}
	return all
}

var (
	attention = map[string]string{
		"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj",
	}
	headNorms = map[string]string{"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
	gated     = map[string]string{"ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
	sandwich  = map[string]string{
		"ffn_norm": "pre_feedforward_layernorm", "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
	}
	fused      = map[string]string{"attn_q": "", "attn_k": "", "attn_v": "", "ffn_gate": "", "attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"}
	postNorms  = map[string]string{"attn_norm": "", "ffn_norm": "", "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm"}
	aroundBoth = map[string]string{"post_attention_norm": "post_self_attn_layernorm", "post_ffw_norm": "post_mlp_layernorm"}
	noMLP      = map[string]string{"ffn_gate": "", "ffn_up": "", "ffn_down": ""}
	dense      = join(attention, gated)
)

// archs lists the architectures. Of several with one name the first is taken unless the file says
// what only another has: experts, or a window.
var archs = []*Arch{
	{Name: "llama", Class: "LlamaForCausalLM", ModelType: "llama", Permuted: true, act: silu, biased: true, layer: dense},
	{Name: "llama", Class: "MistralForCausalLM", ModelType: "mistral", Permuted: true, act: silu, biased: true, layer: dense},
	{
		Name: "llama", Class: "MixtralForCausalLM", ModelType: "mixtral", Permuted: true, act: silu, biased: true,
		layer:  join(dense, noMLP, map[string]string{"ffn_gate_inp": "block_sparse_moe.gate"}),
		expert: map[string]string{"ffn_gate_exps": "block_sparse_moe.experts.%d.w1", "ffn_up_exps": "block_sparse_moe.experts.%d.w3", "ffn_down_exps": "block_sparse_moe.experts.%d.w2"},
	},
	{Name: "qwen2", Class: "Qwen2ForCausalLM", ModelType: "qwen2", act: silu, layer: dense},
	{Name: "qwen3", Class: "Qwen3ForCausalLM", ModelType: "qwen3", act: silu, layer: join(dense, headNorms)},
	{
		Name: "qwen3moe", Class: "Qwen3MoeForCausalLM", ModelType: "qwen3_moe", act: silu,
		layer:  join(dense, headNorms, noMLP, map[string]string{"ffn_gate_inp": "mlp.gate"}),
		expert: map[string]string{"ffn_gate_exps": "mlp.experts.%d.gate_proj", "ffn_up_exps": "mlp.experts.%d.up_proj", "ffn_down_exps": "mlp.experts.%d.down_proj"},
	},
	{
		Name: "gpt-oss", Class: "GptOssForCausalLM", ModelType: "gpt_oss", act: silu, biased: true,
		layer:  join(dense, noMLP, map[string]string{"ffn_norm": "", "post_attention_norm": "post_attention_layernorm", "ffn_gate_inp": "mlp.router"}),
		stacks: gptOssStacks,
	},
	{
		Name: "granitemoe", Class: "GraniteMoeForCausalLM", ModelType: "granitemoe", Permuted: true, act: silu, biased: true, square: true,
		layer:  join(dense, noMLP, map[string]string{"ffn_gate_inp": "block_sparse_moe.router.layer"}),
		stacks: graniteStacks,
	},
	{Name: "gemma", Class: "GemmaForCausalLM", ModelType: "gemma", NormsIncludeOne: true, act: gelu, layer: dense},
	{Name: "gemma2", Class: "Gemma2ForCausalLM", ModelType: "gemma2", NormsIncludeOne: true, act: gelu, layer: join(dense, sandwich)},
	{Name: "gemma3", Class: "Gemma3ForCausalLM", ModelType: "gemma3_text", texts: []string{"Gemma3ForConditionalGeneration"}, NormsIncludeOne: true, act: gelu, layer: join(dense, sandwich, headNorms)},
	{Name: "phi3", Class: "Phi3ForCausalLM", ModelType: "phi3", act: silu, square: true, layer: join(dense, fused)},
	{Name: "granite", Class: "GraniteForCausalLM", ModelType: "granite", Permuted: true, act: silu, biased: true, square: true, layer: dense},
	{Name: "olmo2", Class: "Olmo2ForCausalLM", ModelType: "olmo2", act: silu, square: true, layer: join(dense, headNorms, postNorms)},
	{Name: "olmo2", Class: "Olmo3ForCausalLM", ModelType: "olmo3", act: silu, square: true, layer: join(dense, headNorms, postNorms)},
	{Name: "exaone4", Class: "Exaone4ForCausalLM", ModelType: "exaone4", act: silu, square: true, layer: join(dense, headNorms, postNorms)},
	{Name: "glm4", Class: "Glm4ForCausalLM", ModelType: "glm4", act: silu, biased: true, layer: join(dense, map[string]string{"ffn_gate": "", "ffn_up": "mlp.gate_up_proj"}, aroundBoth)},
	{Name: "mistral3", Class: "Ministral3ForCausalLM", ModelType: "ministral3", texts: []string{"Mistral3ForConditionalGeneration"}, Permuted: true, act: silu, biased: true, layer: dense},
	{Name: "smollm3", Class: "SmolLM3ForCausalLM", ModelType: "smollm3", Permuted: true, act: silu, layer: dense},
}

// Names lists the architectures of files, sorted.
func Names() []string {
	var names []string
	for _, a := range archs {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// OfClass returns the architecture of a class of config.json, of a multimodal model that of its text
// half.
func OfClass(class string) (*Arch, error) {
	for _, a := range archs {
		if a.Class == class || slices.Contains(a.texts, class) {
			return a, nil
		}
	}
	return nil, fmt.Errorf("architecture %s has no form in GGUF that is known (known: %s)", class, strings.Join(Names(), ", "))
}

// ofName returns the architecture of a file.
func ofName(name string, experts, window bool) (*Arch, error) {
	var found *Arch
	for _, a := range archs {
		if a.Name != name {
			continue
		}
		windowed := a.ModelType == "mistral" || a.ModelType == "olmo3"
		if found == nil || experts && a.expert != nil || !experts && window && windowed {
			found = a
		}
	}
	if found == nil {
		return nil, fmt.Errorf("general.architecture %.40q is not supported (supported: %s)", name, strings.Join(Names(), ", "))
	}
	return found, nil
}

// Published is the published name of a tensor of a file. Where the tensor holds a matrix for each
// expert, the name has a %d for the expert and experts is true. It is "" for a tensor that has none.
func (a *Arch) Published(name string) (hf string, experts bool) {
	stem, suffix, ok := cutSuffix(name)
	if !ok {
		return "", false
	}
	for _, g := range global {
		if g.gguf == stem {
			return g.hf + suffix, false
		}
	}
	layer, part, ok := cutLayer(stem, "blk.")
	if !ok {
		return "", false
	}
	if hf, ok := a.layer[part]; ok {
		return fmt.Sprintf("model.layers.%d.%s%s", layer, hf, suffix), false
	}
	if hf, ok := a.expert[part]; ok {
		return fmt.Sprintf("model.layers.%d.%s%s", layer, hf, suffix), true
	}
	return "", false
}

// InFile is the name in a file of the tensor with a published name. expert is the matrix of that
// tensor, −1 where there is only one. It is "" where the architecture has no such tensor.
func (a *Arch) InFile(hf string) (name string, expert int) {
	stem, suffix, ok := cutSuffix(hf)
	if !ok {
		return "", -1
	}
	for _, g := range global {
		if g.hf == stem {
			return g.gguf + suffix, -1
		}
	}
	layer, part, ok := cutLayer(stem, "model.layers.")
	if !ok {
		return "", -1
	}
	for name, published := range a.layer {
		if published == part {
			return fmt.Sprintf("blk.%d.%s%s", layer, name, suffix), -1
		}
	}
	for name, published := range a.expert {
		before, after, _ := strings.Cut(published, "%d")
		number, ok := strings.CutPrefix(part, before)
		if number, fits := strings.CutSuffix(number, after); ok && fits {
			if i, err := strconv.Atoi(number); err == nil && strconv.Itoa(i) == number {
				return fmt.Sprintf("blk.%d.%s%s", layer, name, suffix), i
			}
		}
	}
	return "", -1
}

// order ranks a tensor's name in a file: embeddings, the layers one after the other, the rest.
func (a *Arch) order(name string) (layer int, part string) {
	if n, part, ok := cutLayer(name, "blk."); ok {
		return n, part
	}
	if strings.HasPrefix(name, global[0].gguf) {
		return -1, name
	}
	return 1 << 30, name
}

// Compare orders tensor names as files have them: embeddings, the layers one after the other, the
// rest.
func (a *Arch) Compare(x, y string) int {
	m, p := a.order(x)
	n, q := a.order(y)
	if m != n {
		return m - n
	}
	return strings.Compare(p, q)
}

// cutSuffix takes .weight or .bias off a name.
func cutSuffix(name string) (stem, suffix string, ok bool) {
	for _, suffix := range []string{".weight", ".bias"} {
		if stem, ok := strings.CutSuffix(name, suffix); ok {
			return stem, suffix, true
		}
	}
	return "", "", false
}

// cutLayer takes the prefix and the number of a layer off a name.
func cutLayer(name, prefix string) (layer int, part string, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, "", false
	}
	number, part, ok := strings.Cut(rest, ".")
	layer, err := strconv.Atoi(number)
	if !ok || err != nil || layer < 0 || strconv.Itoa(layer) != number {
		return 0, "", false
	}
	return layer, part, true
}

// Heads is how many heads the rows of a tensor with a published name are divided into where they are
// permuted, 0 where they are not.
func (m *Model) Heads(hf string) int {
	stem, _, _ := cutSuffix(hf)
	switch {
	case !m.Arch.Permuted:
		return 0
	case strings.HasSuffix(stem, ".self_attn.q_proj"):
		return m.AttentionHeads
	case strings.HasSuffix(stem, ".self_attn.k_proj"):
		return m.KeyValueHeads
	}
	return 0
}

// Order lists, for a permuted tensor of so many rows and heads, which row of the file each published
// row is: of a head of n rows the published rows i and i + n/2 are rotated together, and stand side
// by side in the file (LlamaModel.permute).
func Order(rows, heads int) ([]int, error) {
	if heads < 1 || rows%(2*heads) != 0 {
		return nil, fmt.Errorf("%d rows are not %d heads of pairs", rows, heads)
	}
	order := make([]int, rows)
	n := rows / heads
	for i := range order {
		head, row := i/n, i%n
		order[i] = head*n + row%(n/2)*2 + row/(n/2)
	}
	return order, nil
}
