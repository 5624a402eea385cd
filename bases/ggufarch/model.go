package ggufarch

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/cultivar/cultivar/internal/gguf"
)

// Model is the sizes and options of a model, as both metadata and config.json state them. Zero means
// that neither says so.
type Model struct {
	Arch *Arch

	Vocabulary     int // rows of the embedding
	Context        int // positions
	Hidden         int
	Intermediate   int
	Layers         int
	AttentionHeads int
	KeyValueHeads  int
	HeadDim        int
	Rotated        int // elements of a head that are rotated
	Eps            float64
	Tied           bool // the head is the embedding
	AttentionBias  bool
	MLPBias        bool

	Theta      float64
	LocalTheta float64 // of the layers with a window, 0 where it is Theta
	Rope       Rope
	Window     int    // positions that a query sees
	Sliding    []bool // layers with a window, of architectures that mix them

	AttentionSoftcap, FinalSoftcap float64
	// QueryScalar is what scores are divided by the root of, query_pre_attn_scalar.
	QueryScalar float64

	AttentionMultiplier, EmbeddingMultiplier, ResidualMultiplier, LogitsScaling float64

	NoRope []bool // layers without rotation

	Experts, ExpertsUsed, ExpertIntermediate int
}

// Rope is how rotary frequencies are scaled: rope_parameters of config.json.
type Rope struct {
	Type            string // "", linear, llama3, yarn or longrope
	Factor          float64
	Original        int // original_max_position_embeddings
	Low, High       float64
	BetaFast        float64
	BetaSlow        float64
	AttentionFactor float64
	LogMultiplier   float64 // mscale_all_dim, which some files have beside what it comes to
	QueryScale      float64 // llama_4_scaling_beta
	Short, Long     []float64
}

// Reader picks metadata of one architecture and keeps the first mistake.
type Reader struct {
	f      *gguf.File
	prefix string
	err    error
}

func (r *Reader) fail(key string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%s%s: %w", r.prefix, key, err)
	}
}

func (r *Reader) has(key string) bool { return r.f.Has(r.prefix + key) }

// maxSize bounds sizes as bases does for config.json.
const maxSize = 1 << 30

// Int reads a size. Where the value is an array with one for each layer, they must agree.
func (r *Reader) Int(key string, otherwise int) int {
	v, ok := r.f.Uint(r.prefix + key)
	if list, array := r.f.Floats(r.prefix + key); array {
		for _, x := range list {
			if x != list[0] || x < 0 || x != math.Trunc(x) {
				r.fail(key, errors.New("layers of different sizes are not supported"))
				return otherwise
			}
		}
		if ok = len(list) > 0; ok {
			v = uint64(list[0])
		}
	}
	if !ok {
		if r.has(key) {
			r.fail(key, errors.New("is no positive integer"))
		}
		return otherwise
	}
	if v > maxSize {
		r.fail(key, fmt.Errorf("%d is out of range", v))
		return otherwise
	}
	return int(v)
}

// size reads a size that must be there.
func (r *Reader) size(key string) int {
	n := r.Int(key, 0)
	if n == 0 {
		r.fail(key, errors.New("is missing or 0"))
		return 1 // so that callers may divide by it
	}
	return n
}

// Float reads a number. Those of 32 bits become the shortest decimal that means the same, which is
// what config.json had: 1e-06, not 9.999999974752427e-07.
func (r *Reader) Float(key string, otherwise float64) float64 {
	v, ok := r.f.Float(r.prefix + key)
	if !ok {
		if r.has(key) {
			r.fail(key, errors.New("is no number"))
		}
		return otherwise
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.fail(key, errors.New("is not finite"))
		return otherwise
	}
	return shortest(v)
}

func shortest(v float64) float64 {
	if float64(float32(v)) != v {
		return v
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
	if err != nil {
		return v
	}
	return short
}

// Read reads the model that a file describes, of one of the architectures, and holds its sizes against
// each other.
func Read(f *gguf.File, archs []*Arch) (*Model, error) {
	name, ok := f.String("general.architecture")
	if !ok {
		return nil, errors.New("general.architecture is missing")
	}
	if kind, ok := f.String("general.type"); ok && kind != "model" {
		return nil, fmt.Errorf("general.type is %.40q: not a model", kind)
	}
	r := &Reader{f: f, prefix: name + "."}
	m := &Model{Experts: r.Int("expert_count", 0), Window: r.Int("attention.sliding_window", 0)}
	var err error
	if m.Arch, err = ofName(archs, name, m.Experts > 0, m.Window > 0); err != nil {
		return nil, err
	}
	m.readSizes(r)
	m.readOptions(r)
	m.readRope(r)
	if r.err != nil {
		return nil, r.err
	}
	return m, m.check(f)
}

func (m *Model) readSizes(r *Reader) {
	m.Context = r.Int("context_length", 0)
	m.Hidden, m.Layers = r.size("embedding_length"), r.size("block_count")
	m.AttentionHeads = r.size("attention.head_count")
	if m.KeyValueHeads = r.Int("attention.head_count_kv", m.AttentionHeads); m.KeyValueHeads == 0 {
		m.KeyValueHeads = m.AttentionHeads
	}
	m.HeadDim = r.Int("attention.key_length", m.Hidden/m.AttentionHeads)
	if v := r.Int("attention.value_length", m.HeadDim); v != m.HeadDim {
		r.fail("attention.value_length", fmt.Errorf("%d is not key_length, %d: not supported", v, m.HeadDim))
	}
	m.Rotated = r.Int("rope.dimension_count", m.HeadDim)
	m.Eps = r.Float("attention.layer_norm_rms_epsilon", 0)
	m.ExpertsUsed, m.ExpertIntermediate = r.Int("expert_used_count", 0), r.Int("expert_feed_forward_length", 0)
	if m.Intermediate = r.Int("feed_forward_length", 0); m.Intermediate == 0 && m.ExpertIntermediate == 0 {
		r.fail("feed_forward_length", errors.New("is missing or 0"))
	}
	if m.Rotated < 1 || m.Rotated > m.HeadDim {
		r.fail("rope.dimension_count", fmt.Errorf("%d of %d elements of a head", m.Rotated, m.HeadDim))
	}
	_, head := r.f.Tensor("output.weight")
	m.Tied = !head
	_, m.AttentionBias = r.f.Tensor(m.Arch.biasedModule() + ".bias")
	_, m.MLPBias = r.f.Tensor("blk.0.ffn_up.bias")
	if embed, ok := r.f.Tensor("token_embd.weight"); ok && len(embed.Shape) == 2 {
		m.Vocabulary = embed.Shape[0]
		if embed.Shape[1] != m.Hidden {
			r.fail("embedding_length", fmt.Errorf("%d, but token_embd.weight has rows of %d", m.Hidden, embed.Shape[1]))
		}
	} else {
		r.fail("block_count", errors.New("tensor token_embd.weight is missing: the file holds a vocabulary or a part of a model"))
	}
}

// biasedModule is a module that has a bias where config.json's attention_bias says so.
func (a *Arch) biasedModule() string {
	if a.BiasedModule != "" {
		return "blk.0." + a.BiasedModule
	}
	return "blk.0.attn_output"
}

// readOptions reads what only some architectures have, with llama.cpp's defaults (src/models/*.cpp).
func (m *Model) readOptions(r *Reader) {
	a := m.Arch
	if a.Period > 0 {
		m.Sliding = r.Sliding(m.Layers, a.Period)
	}
	if a.FoldInto != "" {
		m.QueryScalar = m.engineScalar()
	}
	if a.Multiplied {
		m.AttentionMultiplier = r.Float("attention.scale", 1/math.Sqrt(float64(m.HeadDim)))
		m.EmbeddingMultiplier, m.ResidualMultiplier = r.Float("embedding_scale", 1), r.Float("residual_scale", 1)
		m.LogitsScaling = r.Float("logit_scale", 1)
	}
	if a.NoRopeEvery > 0 {
		m.NoRope = every(a.NoRopeEvery, m.Layers)
	}
	if a.Read != nil {
		a.Read(m, r)
	}
}

// Sliding reads which layers have a window: a period, of which the last layer sees everything, or a
// flag for each layer.
func (r *Reader) Sliding(layers, period int) []bool {
	const key = "attention.sliding_window_pattern"
	sliding := make([]bool, min(layers, maxLayers))
	if list, ok := r.f.Floats(r.prefix + key); ok {
		if len(list) < layers {
			r.fail(key, fmt.Errorf("%d flags for %d layers", len(list), layers))
			return sliding
		}
		for i := range sliding {
			sliding[i] = list[i] != 0
		}
		return sliding
	}
	period = r.Int(key, period)
	for i := range sliding {
		sliding[i] = period > 0 && i%period < period-1
	}
	return sliding
}

// maxLayers bounds what is made for each layer; check refuses models of more.
const maxLayers = 1 << 12

// every is the layers of which the last of each n is one.
func every(n, layers int) []bool {
	list := make([]bool, min(layers, maxLayers))
	for i := range list {
		list[i] = (i+1)%n == 0
	}
	return list
}

// engineScalar is the query_pre_attn_scalar that llama.cpp computes with.
func (m *Model) engineScalar() float64 {
	if m.Layers == m.Arch.SquareLayers {
		return float64(m.Hidden / m.AttentionHeads)
	}
	return float64(m.HeadDim)
}

func (a *Arch) hasExperts() bool { return a.Expert != nil || a.Stacks != nil }

func (m *Model) check(f *gguf.File) error {
	switch {
	case m.Layers > maxLayers:
		return fmt.Errorf("%s.block_count: %d is out of range", m.Arch.Name, m.Layers)
	case m.AttentionHeads%m.KeyValueHeads != 0:
		return fmt.Errorf("%s: %d heads are no multiple of %d key-value heads", m.Arch.Name, m.AttentionHeads, m.KeyValueHeads)
	case !m.Arch.hasExperts() && m.Experts > 0:
		return fmt.Errorf("%s.expert_count is %d: experts are not supported with this architecture", m.Arch.Name, m.Experts)
	case m.Arch.hasExperts() && (m.Experts < 1 || m.ExpertsUsed < 1 || m.ExpertsUsed > m.Experts):
		return fmt.Errorf("%s: %d of %d experts are used", m.Arch.Name, m.ExpertsUsed, m.Experts)
	}
	for _, name := range f.Tensors() {
		_, stacked := m.Arch.StackOf(name)
		if hf, _ := m.Arch.Published(name); hf == "" && !stacked && name != RopeFreqs && name != RopeLong && name != RopeShort {
			return fmt.Errorf("tensor %.80q is not known for general.architecture %s", name, m.Arch.Name)
		}
	}
	return nil
}
