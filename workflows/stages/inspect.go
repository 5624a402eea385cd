package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// BaseInfo is what can be said about a base without running it.
type BaseInfo struct {
	Kind         string `json:"kind"` // "base"
	Path         string `json:"path"`
	Name         string `json:"name"`             // org/name of the hub, else the directory's name
	Commit       string `json:"commit,omitempty"` // of the hub
	Digest       string `json:"digest"`
	Architecture string `json:"architecture"`
	ModelType    string `json:"model_type"`
	Unsupported  string `json:"unsupported,omitempty"` // why it cannot be trained or run here

	Parameters  int64            `json:"parameters"`
	StoredTypes map[string]int64 `json:"stored_types"` // elements by type
	WeightBytes int64            `json:"weight_bytes"`

	Layers           int      `json:"layers"`
	HiddenSize       int      `json:"hidden_size"`
	IntermediateSize int      `json:"intermediate_size"`
	Heads            int      `json:"attention_heads"`
	KeyValueHeads    int      `json:"key_value_heads"`
	HeadDim          int      `json:"head_dim"`
	Context          int      `json:"context"` // positions, 0 when config.json does not say
	SlidingWindow    int      `json:"sliding_window,omitempty"`
	Rope             RopeInfo `json:"rope"`
	Tied             bool     `json:"tied_embeddings"`

	Tokenizer TokenizerInfo `json:"tokenizer"`
	Template  bool          `json:"chat_template"`
	Chat      *TemplateInfo `json:"template"` // null when there is none
	Targets   []TargetInfo  `json:"lora_targets"`
	Weights   []TargetInfo  `json:"lora_target_parameters,omitempty"` // of experts and their router
	Memory    MemoryInfo    `json:"memory"`
	Oddities  []string      `json:"oddities"`
}

// RopeInfo is the rotary embedding of the full-attention layers.
type RopeInfo struct {
	Type   string  `json:"type"`
	Theta  float64 `json:"theta"`
	Factor float64 `json:"factor,omitempty"`
}

// TokenizerInfo is what a base's tokenizer is.
type TokenizerInfo struct {
	Kind       string           `json:"kind"` // BPE, Unigram, WordPiece or WordLevel
	Vocabulary int              `json:"vocabulary"`
	Special    map[string]int32 `json:"special"` // id by role, such as eos
	Stop       []int32          `json:"stop"`    // what ends a generated text

	texts map[string]string // of the special tokens, by role
}

// TargetInfo is the linear modules of one name and shape, which an adapter can target, or the weights
// that target_parameters can name.
type TargetInfo struct {
	Name    string `json:"name"`
	In      int    `json:"in"`
	Out     int    `json:"out"`
	Experts int    `json:"experts,omitempty"` // matrices that a weight stacks
	Count   int    `json:"count"`
}

// InspectBase describes the base in a directory. What cannot be read of tokenizer and template is an
// oddity; only a base without config or weights is an error.
func InspectBase(dir string) (BaseInfo, error) {
	b, err := bases.Open(dir)
	if err != nil {
		return BaseInfo{}, err
	}
	defer func() { _ = b.Close() }()
	c := b.Config()
	info := BaseInfo{
		Kind: "base", Name: (&Base{Base: b}).Name(), Path: dir, Architecture: strings.Join(c.Architectures, ", "), ModelType: c.ModelType,
		Layers: c.NumHiddenLayers, HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize,
		Heads: c.NumAttentionHeads, KeyValueHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
		Context: c.MaxPositionEmbeddings, SlidingWindow: c.SlidingWindow, Tied: c.TieWordEmbeddings,
		Rope:        RopeInfo{c.Rope.Type, c.Rope.Theta, c.Rope.Factor},
		StoredTypes: map[string]int64{}, Targets: []TargetInfo{}, Oddities: []string{},
	}
	_, info.Commit = hub.Name(dir)
	if info.Digest, err = b.Digest(); err != nil {
		return info, err
	}
	if err := info.weigh(b); err != nil {
		return info, err
	}
	info.target(b)
	info.speak(b)
	info.Memory = memoryOf(c, info, trainer.DefaultConfig())
	return info, nil
}

// weigh counts what the weight files hold.
func (info *BaseInfo) weigh(b *bases.Base) error {
	for _, name := range b.Tensors() {
		t, err := b.Raw(name)
		if err != nil {
			return err
		}
		kind, n, size := t.DType, int64(t.Len()), int64(len(t.Data))
		if _, err := dtype.Parse(kind); err == nil {
			// Plain numbers, which Tensor might copy.
		} else if v, err := b.Tensor(name); err == nil && v.Quant != nil { // t is its codes alone
			kind, n, size = v.Quant.Format.String(), int64(v.Quant.Rows)*int64(v.Quant.Cols), v.Quant.Bytes()
		}
		info.Parameters += n
		info.StoredTypes[kind] += n
		info.WeightBytes += size
	}
	for dtype := range info.StoredTypes {
		_, err := quant.Parse(dtype)
		if err != nil && !slices.Contains([]string{safetensors.F32, safetensors.BF16, safetensors.F16}, dtype) {
			info.odd("weights of type %s: the parameters are counted as they are stored", dtype)
		}
	}
	return nil
}

// target lists what an adapter can target, or says why there are none.
func (info *BaseInfo) target(b *bases.Base) {
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		info.Unsupported = err.Error()
		return
	}
	at := map[TargetInfo]int{}
	for _, m := range modules {
		t, list := TargetInfo{Name: m.Name[strings.LastIndexByte(m.Name, '.')+1:], In: m.In, Out: m.Out, Experts: m.Experts}, &info.Targets
		if parameter := lora.TargetParameter(m); parameter != "" {
			t.Name, list = parameter, &info.Weights
		}
		i, ok := at[t]
		if !ok {
			i = len(*list)
			at[t] = i
			*list = append(*list, t)
		}
		(*list)[i].Count++
	}
}

// speak describes tokenizer, special tokens and template.
func (info *BaseInfo) speak(b *bases.Base) {
	info.Tokenizer.Special, info.Tokenizer.Stop = map[string]int32{}, []int32{}
	info.Tokenizer.texts = map[string]string{}
	tok, err := openTokenizer(b.Dir())
	if err != nil {
		info.odd("tokenizer: %v", err)
		return
	}
	info.Tokenizer.Kind = tokenizerKind(b.Dir())
	info.Tokenizer.Vocabulary = tok.VocabSize()
	s := tok.Special()
	for role, named := range map[string]tokenizer.Named{"bos": s.BOS, "eos": s.EOS, "pad": s.PAD, "unk": s.UNK} {
		if named.OK {
			info.Tokenizer.Special[role], info.Tokenizer.texts[role] = named.ID, named.Token
		}
	}
	tmpl, err := openTemplate(b.Dir(), tok)
	switch {
	case err == nil:
		info.converse(&Base{Base: b, Tokenizer: tok, Template: tmpl})
	case !errors.Is(err, chat.ErrNoTemplate):
		info.odd("the chat template cannot be read: %v", err)
	}
	info.Tokenizer.Stop = (&Base{Base: b, Tokenizer: tok}).Stop()
	info.compare(b, tok, s)
}

// compare holds the files against each other: what differs here is where trainings go wrong.
func (info *BaseInfo) compare(b *bases.Base, tok *tokenizer.Tokenizer, s tokenizer.Special) {
	c := b.Config()
	if s.PAD.OK && s.EOS.OK && s.PAD.ID == s.EOS.ID {
		info.odd("the pad token is the eos token: trainers that mask padding never train the end of a text (here padding does not exist)")
	}
	if !s.EOS.OK && len(b.EOS()) == 0 {
		info.odd("no file names an end-of-sequence token")
	}
	if s.EOS.OK && len(b.EOS()) > 0 && !slices.Contains(b.EOS(), int(s.EOS.ID)) {
		info.odd("eos is %d in the tokenizer, %v for generation", s.EOS.ID, b.EOS())
	}
	if tok.VocabSize() > c.VocabSize {
		info.odd("the tokenizer has %d tokens, the model embeds %d: texts with the last ones cannot be trained on", tok.VocabSize(), c.VocabSize)
	}
	for _, id := range b.EOS() {
		if id >= c.VocabSize {
			info.odd("the end-of-sequence token %d is none that the model embeds", id)
		}
	}
}

func (info *BaseInfo) odd(format string, args ...any) {
	info.Oddities = append(info.Oddities, fmt.Sprintf(format, args...))
}

// tokenizerKind reads the type of a tokenizer's model. Old files leave it out; then the model is the
// one that has merges (huggingface/tokenizers, models/mod.rs).
func tokenizerKind(dir string) string {
	if gguf.Is(dir) {
		return ggufTokenizerKind(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		return ""
	}
	var f struct {
		Model map[string]json.RawMessage `json:"model"`
	}
	if json.Unmarshal(data, &f) != nil {
		return ""
	}
	var kind string
	if json.Unmarshal(f.Model["type"], &kind) != nil && f.Model["merges"] != nil {
		kind = "BPE"
	}
	return kind
}

// MemoryInfo estimates what a base needs, in bytes.
type MemoryInfo struct {
	Serve       int64 `json:"serve"`         // weights, as stored: they are mapped and never widened whole
	CacheToken  int64 `json:"cache_token"`   // keys and values of a token, float32
	Train       int64 `json:"train"`         // with the default configuration
	TrainLess   int64 `json:"train_less"`    // the same with gradient_checkpointing
	TrainTokens int   `json:"train_tokens"`  // tokens in memory at a time, which Train is for
	AdapterRank int   `json:"train_rank"`    // of the adapter that Train is for
	AdapterSize int64 `json:"adapter_bytes"` // of that adapter's file
}

// memoryOf estimates memory from shapes; `train --plan` tells it exactly. Training holds, besides the
// weights:
//   - 16 bytes a trained parameter: value, gradient and AdamW's two moments, float32;
//   - for each token and layer what its backward pass reads: attention's q, k, v and output, the
//     residual sum, both halves of the MLP, and the adapter's rank for each module. Of every layer,
//     or with checkpointing of one;
//   - the inputs of all layers, a few more of their size, and what one layer's operators share;
//     or the logits of some rows, if those are larger;
//   - five times the last hidden states.
func memoryOf(c *bases.Config, info BaseInfo, cfg trainer.Config) MemoryInfo {
	tokens := cfg.MicroBatchSize * cfg.MaxSeqLength
	if c.MaxPositionEmbeddings > 0 {
		tokens = cfg.MicroBatchSize * min(cfg.MaxSeqLength, c.MaxPositionEmbeddings)
	}
	m := MemoryInfo{Serve: info.WeightBytes, TrainTokens: tokens, AdapterRank: cfg.LoRA.Rank}
	q, kv := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	attending, err := model.Attending(c)
	if err != nil { // an unknown family: as most are
		attending = c.NumHiddenLayers
	}
	m.CacheToken = 4 * int64(2*kv*attending)
	var trained int64
	for _, t := range info.Targets {
		trained += int64(t.Count) * int64(cfg.LoRA.Rank) * int64(t.In+t.Out)
	}
	m.AdapterSize = 4 * trained
	if info.Unsupported != "" {
		return m
	}
	perLayer := 0
	for _, t := range info.Targets {
		perLayer += t.Count * cfg.LoRA.Rank
	}
	perLayer /= c.NumHiddenLayers
	row := 4 * int64(tokens)
	layer := row * int64(2*q+2*kv+c.HiddenSize+2*c.IntermediateSize+perLayer)
	shared := row * int64(4*c.IntermediateSize+3*c.HiddenSize)
	inputs := row * int64((c.NumHiddenLayers+11)*c.HiddenSize)
	logits := 4 * int64(ops.LogitRows(c.VocabSize)) * int64(c.VocabSize)
	fixed := info.WeightBytes + 16*trained + max(shared, logits) + inputs
	m.Train = fixed + int64(c.NumHiddenLayers)*layer
	m.TrainLess = fixed + layer
	return m
}

// Text is the special token of a role.
func (t TokenizerInfo) Text(role string) string { return t.texts[role] }

// Roles lists the special tokens of a tokenizer by role, sorted.
func (t TokenizerInfo) Roles() []string { return slices.Sorted(maps.Keys(t.Special)) }
