// Package inspect says what a base or an adapter is, without running it, and draws the card of a published one.
package inspect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/bases/open"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// Base is what can be said about a base without running it.
type Base struct {
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

	Layers           int  `json:"layers"`
	HiddenSize       int  `json:"hidden_size"`
	IntermediateSize int  `json:"intermediate_size"`
	Heads            int  `json:"attention_heads"`
	KeyValueHeads    int  `json:"key_value_heads"`
	HeadDim          int  `json:"head_dim"`
	Context          int  `json:"context"` // positions, 0 when config.json does not say
	SlidingWindow    int  `json:"sliding_window,omitempty"`
	Rope             Rope `json:"rope"`
	Tied             bool `json:"tied_embeddings"`

	Tokenizer Tokenizer `json:"tokenizer"`
	Template  bool      `json:"chat_template"`
	Chat      *Template `json:"template"` // null when there is none
	Targets   []Target  `json:"lora_targets"`
	Weights   []Target  `json:"lora_target_parameters,omitempty"` // of experts and their router
	Memory    Memory    `json:"memory"`
	Oddities  []string  `json:"oddities"`
}

// Rope is the rotary embedding of the full-attention layers.
type Rope struct {
	Type   string  `json:"type"`
	Theta  float64 `json:"theta"`
	Factor float64 `json:"factor,omitempty"`
}

// Tokenizer is what a base's tokenizer is.
type Tokenizer struct {
	Kind       string           `json:"kind"` // BPE, Unigram, WordPiece or WordLevel
	Vocabulary int              `json:"vocabulary"`
	Special    map[string]int32 `json:"special"` // id by role, such as eos
	Stop       []int32          `json:"stop"`    // what ends a generated text

	texts map[string]string // of the special tokens, by role
}

// Target is the linear modules of one name and shape, which an adapter can target, or the weights
// that target_parameters can name.
type Target struct {
	Name    string `json:"name"`
	In      int    `json:"in"`
	Out     int    `json:"out"`
	Experts int    `json:"experts,omitempty"` // matrices that a weight stacks
	Count   int    `json:"count"`
}

// OfBase describes the base at a path. What cannot be read of tokenizer and template is an
// oddity; only a base without config or weights is an error.
func OfBase(dir string) (Base, error) {
	b, err := bases.Open(dir, model.Families())
	if err != nil {
		return Base{}, err
	}
	defer func() { _ = b.Close() }()
	c := b.Config()
	info := Base{
		Kind: "base", Name: open.Name(dir), Path: dir, Architecture: strings.Join(c.Architectures, ", "), ModelType: c.ModelType,
		Layers: c.NumHiddenLayers, HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize,
		Heads: c.NumAttentionHeads, KeyValueHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
		Context: c.MaxPositionEmbeddings, SlidingWindow: c.SlidingWindow, Tied: c.TieWordEmbeddings,
		Rope:        Rope{c.Rope.Type, c.Rope.Theta, c.Rope.Factor},
		StoredTypes: map[string]int64{}, Targets: []Target{}, Oddities: []string{},
	}
	_, info.Commit = hub.Name(dir)
	if info.Digest, err = b.Digest(); err != nil {
		return info, err
	}
	if err := info.weigh(b); err != nil {
		return info, err
	}
	info.target(b)
	info.describeWords(b)
	if info.Memory, err = memoryOf(b, info, trainer.DefaultConfig()); err != nil {
		info.Unsupported = err.Error()
	}
	return info, nil
}

// weigh counts what the weight files hold.
func (info *Base) weigh(b *bases.Base) error {
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
func (info *Base) target(b *bases.Base) {
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		info.Unsupported = err.Error()
		return
	}
	at := map[Target]int{}
	for _, m := range modules {
		t, list := Target{Name: m.Name[strings.LastIndexByte(m.Name, '.')+1:], In: m.In, Out: m.Out, Experts: m.Experts}, &info.Targets
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

// describeWords describes tokenizer, special tokens and template.
func (info *Base) describeWords(b *bases.Base) {
	info.Tokenizer.Special, info.Tokenizer.Stop = map[string]int32{}, []int32{}
	info.Tokenizer.texts = map[string]string{}
	tok, err := open.Tokenizer(b.Dir())
	if err != nil {
		info.odd("tokenizer: %v", err)
		return
	}
	info.Tokenizer.Kind = open.Kind(b.Dir())
	info.Tokenizer.Vocabulary = tok.VocabSize()
	s := tok.Special()
	for role, named := range map[string]tokenizer.Named{"bos": s.BOS, "eos": s.EOS, "pad": s.PAD, "unk": s.UNK} {
		if named.OK {
			info.Tokenizer.Special[role], info.Tokenizer.texts[role] = named.ID, named.Token
		}
	}
	tmpl, err := open.Template(b.Dir(), tok)
	switch {
	case err == nil:
		info.try(&open.Base{Base: b, Tokenizer: tok, Template: tmpl})
	case !errors.Is(err, chat.ErrNoTemplate):
		info.odd("the chat template cannot be read: %v", err)
	}
	info.Tokenizer.Stop = open.Stop(b, tok)
	info.compare(b, tok, s)
}

// compare holds the files against each other: what differs here is where trainings go wrong.
func (info *Base) compare(b *bases.Base, tok *tokenizer.Tokenizer, s tokenizer.Special) {
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

func (info *Base) odd(format string, args ...any) {
	info.Oddities = append(info.Oddities, fmt.Sprintf(format, args...))
}

// Text is the special token of a role.
func (t Tokenizer) Text(role string) string { return t.texts[role] }

// Roles lists the special tokens of a tokenizer by role, sorted.
func (t Tokenizer) Roles() []string { return slices.Sorted(maps.Keys(t.Special)) }
