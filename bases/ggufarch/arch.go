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

// Arch is what a family of models has of its own in files. Everything but its name and its tables is what
// llama.cpp's graph of the architecture does, or wants, in another way than most.
type Arch struct {
	Name string // general.architecture, and the prefix of its keys

	// Class and ModelType are config.json's "architectures" and model_type.
	Class, ModelType string

	Layer  map[string]string // parts of a layer: the file's name, then the published one
	Expert map[string]string // the same for tensors that hold one matrix for each expert, a %d in the name
	Stacks []Stack           // the same for tensors that published ones are made of

	Act string // config.json's activation; "" is silu
	// Permuted means that the rows of q and k are stored as pairs that are rotated together, not as
	// two halves of a head (LlamaModel.permute).
	Permuted bool
	// NormsIncludeOne means that norms multiply by 1 + w, and that the file holds the sum.
	NormsIncludeOne bool

	Square bool // the length of a head is computed from the hidden size
	Biased bool // the biases that attention_bias and mlp_bias ask for are taken
	// BiasedModule is a module of a layer that has a bias where attention_bias says so; "" is attn_output.
	BiasedModule string
	Factored     bool // frequencies are divided by rope_freqs, as they are in all permuted ones
	LongFactored bool // there are long and short factors
	Partial      bool // partial_rotary_factor is said even where it is 1
	Untruncated  bool // YaRN does not round its range of dimensions
	// UnscaledWindows means that the rope of layers with a window is not scaled.
	UnscaledWindows bool
	// QueryScale means that queries grow with their position and that YaRN has a log_multiplier.
	QueryScale bool
	Multiplied bool // there are factors on embeddings, scores, blocks and logits

	// ForWindow means that of several architectures with one name this is that of files with a window.
	ForWindow bool
	// Period is that of layers with a window where a file does not say: the last of each has none.
	Period         int
	WritesPattern  bool // a file says which layers have a window; otherwise the period is given
	IgnoresWindow  bool // no layer has a window, whatever the file says
	DemandsLengths bool // window and original length are wanted where there are none, too
	// NoRopeEvery is how often there is a layer without rotation, 0 for never.
	NoRopeEvery int

	// FoldInto is the weight of a layer into which the difference goes between query_pre_attn_scalar and
	// what the graph divides scores by; "" where there is no such key. The graph takes the length of a
	// head, but of the model of SquareLayers layers hidden size by heads.
	FoldInto     string
	SquareLayers int

	// Read reads what else a file says, JSON adds to a config.json what else that has, and Refuse tells
	// what cannot be written. Each may be nil.
	Read   func(m *Model, r *Reader)
	JSON   func(m *Model, config map[string]any)
	Refuse func(m *Model) error
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

// The activations of config.json that graphs compute.
const (
	SiLU = "silu"
	GELU = "gelu_pytorch_tanh"
)

// act is the activation of config.json.
func (a *Arch) act() string {
	if a.Act == "" {
		return SiLU
	}
	return a.Act
}

// Join makes one table of several; a name that is empty in a later one is taken out.
func Join(tables ...map[string]string) map[string]string {
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

// Dense is the parts of a layer that most families have.
func Dense() map[string]string {
	return map[string]string{
		"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj",
		"ffn_norm":    "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
	}
}

// HeadNorms are the norms of queries and keys.
func HeadNorms() map[string]string {
	return map[string]string{"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
}

// Sandwich is the norms of layers that have them before and after each block.
func Sandwich() map[string]string {
	return map[string]string{
		"ffn_norm": "pre_feedforward_layernorm", "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
	}
}

// PostNorms is the norms of layers that have them after each block alone.
func PostNorms() map[string]string {
	return map[string]string{"attn_norm": "", "ffn_norm": "", "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm"}
}

// Routed takes the feed-forward network out of a layer and puts the router of experts in.
func Routed(router string) map[string]string {
	return map[string]string{"ffn_gate": "", "ffn_up": "", "ffn_down": "", "ffn_gate_inp": router}
}

// Experts are the tensors of experts, by the published names of gate, up and down with a %d.
func Experts(gate, up, down string) map[string]string {
	return map[string]string{gateExperts: gate, upExperts: up, downExperts: down}
}

// names lists the architectures of files, sorted.
func names(archs []*Arch) string {
	var list []string
	for _, a := range archs {
		list = append(list, a.Name)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// ofName returns the architecture of a file. Of several with one name the first is taken unless the file
// says what only another has: experts, or a window.
func ofName(archs []*Arch, name string, experts, window bool) (*Arch, error) {
	var found *Arch
	for _, a := range archs {
		if a.Name == name && (found == nil || experts && a.Expert != nil || !experts && window && a.ForWindow) {
			found = a
		}
	}
	if found == nil {
		return nil, fmt.Errorf("general.architecture %.40q is not supported (supported: %s)", name, names(archs))
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
	if hf, ok := a.Layer[part]; ok {
		return fmt.Sprintf("model.layers.%d.%s%s", layer, hf, suffix), false
	}
	if hf, ok := a.Expert[part]; ok {
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
	for name, published := range a.Layer {
		if published == part {
			return fmt.Sprintf("blk.%d.%s%s", layer, name, suffix), -1
		}
	}
	for name, published := range a.Expert {
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
