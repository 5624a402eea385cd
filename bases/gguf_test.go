package bases

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
)

// Sizes of the file that these tests write: two heads of 4 rows, one of them for keys.
const ggufHidden, ggufRows = 32, 8

// ggufPairs is the metadata of a small Llama, but for what a test adds.
func ggufPairs(architecture string, more ...gguf.Pair) []gguf.Pair {
	p := func(key string, v any) gguf.Pair { return gguf.NewPair(architecture+"."+key, v) }
	return append([]gguf.Pair{
		gguf.NewPair("general.architecture", architecture),
		p("block_count", uint32(1)), p("context_length", uint32(64)), p("embedding_length", uint32(ggufHidden)), p("feed_forward_length", uint32(64)),
		p("attention.head_count", uint32(2)), p("attention.head_count_kv", uint32(1)), p("attention.key_length", uint32(4)),
		p("attention.value_length", uint32(4)), p("attention.layer_norm_rms_epsilon", float32(1e-5)),
	}, more...)
}

// ggufTensor is a tensor of values of a type.
func ggufTensor(t *testing.T, name string, typ gguf.Type, values []float32, shape ...int) gguf.Entry {
	t.Helper()
	var data []byte
	var err error
	switch typ {
	case gguf.F32:
		data, err = binary.Append(nil, binary.LittleEndian, values)
	case gguf.Q8_0:
		data, err = quant.QuantiseQ8_0(values)
	default:
		as := map[gguf.Type]dtype.Type{gguf.F16: dtype.F16, gguf.BF16: dtype.BF16}[typ]
		bits := make([]uint16, len(values))
		dtype.Round(as, bits, values)
		data, err = binary.Append(nil, binary.LittleEndian, bits)
	}
	if err != nil {
		t.Fatal(err)
	}
	return gguf.Entry{Name: name, Type: typ, Shape: shape, Load: func() ([]byte, error) { return data, nil }}
}

// rows is a matrix whose row i holds i everywhere, which every type stores exactly.
func rows(n, cols int) []float32 {
	v := make([]float32, n*cols)
	for i := range v {
		v[i] = float32(i / cols)
	}
	return v
}

func writeGGUF(t *testing.T, pairs []gguf.Pair, entries []gguf.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.gguf")
	if err := gguf.WriteFile(path, pairs, entries); err != nil {
		t.Fatal(err)
	}
	return path
}

func openBase(t *testing.T, path string) *Base {
	t.Helper()
	b, err := Open(path, families())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// values decodes a view, whatever it is stored as.
func values(t *testing.T, b *Base, name string) []float32 {
	t.Helper()
	v, err := b.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	for _, d := range v.Shape {
		n *= d
	}
	out := make([]float32, n)
	switch {
	case v.Quant != nil:
		for i := range v.Quant.Rows {
			v.Quant.Decode(out[i*v.Quant.Cols:(i+1)*v.Quant.Cols], i, 0)
		}
	case v.Type == dtype.F32:
		copy(out, v.F32)
	default:
		dtype.Widen(v.Type, out, v.U16)
	}
	return out
}

// column is the first element of each row.
func column(v []float32, cols int) []float32 {
	var out []float32
	for i := 0; i < len(v); i += cols {
		out = append(out, v[i])
	}
	return out
}

// The rows of q and k come in their published order, in every type, and those of v as they are.
func TestGGUFOrderOfRows(t *testing.T) {
	q, k := []float32{0, 2, 1, 3, 4, 6, 5, 7}, []float32{0, 2, 1, 3}
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0} {
		for _, tt := range []struct {
			architecture string
			q, k         []float32
		}{{"llama", q, k}, {"qwen2", []float32{0, 1, 2, 3, 4, 5, 6, 7}, []float32{0, 1, 2, 3}}} {
			b := openBase(t, writeGGUF(t, ggufPairs(tt.architecture), []gguf.Entry{
				ggufTensor(t, "token_embd.weight", typ, rows(10, ggufHidden), 10, ggufHidden),
				ggufTensor(t, "blk.0.attn_q.weight", typ, rows(8, ggufHidden), 8, ggufHidden),
				ggufTensor(t, "blk.0.attn_q.bias", gguf.F32, rows(8, 1), 8),
				ggufTensor(t, "blk.0.attn_k.weight", typ, rows(4, ggufHidden), 4, ggufHidden),
				ggufTensor(t, "blk.0.attn_v.weight", typ, rows(4, ggufHidden), 4, ggufHidden),
			}))
			const layer = "model.layers.0.self_attn."
			for name, want := range map[string][]float32{"q_proj": tt.q, "k_proj": tt.k, "v_proj": {0, 1, 2, 3}} {
				for range 2 { // the copy is made once
					if got := column(values(t, b, layer+name+".weight"), ggufHidden); !slices.EqualFunc(got, want, near) {
						t.Errorf("%s as %v: rows of %s are %v, want %v", tt.architecture, typ, name, got, want)
					}
				}
			}
			if got := values(t, b, layer+"q_proj.bias"); !slices.Equal(got, tt.q) {
				t.Errorf("%s: bias of q is %v, want %v", tt.architecture, got, tt.q)
			}
			raw, err := b.Raw(layer + "q_proj.weight")
			if err != nil || raw.DType != typ.String() || raw.Len() != 8*ggufHidden {
				t.Errorf("raw %v%v, %v", raw.DType, raw.Shape, err)
			}
		}
	}
}

// near allows for the scale of Q8_0, which is a float16.
func near(a, b float32) bool { return math.Abs(float64(a-b)) <= 2e-3*math.Abs(float64(b)) }

// Layers are read by several goroutines; the copy of a permuted tensor is made by one.
func TestGGUFConcurrentReads(t *testing.T) {
	b := openBase(t, writeGGUF(t, ggufPairs("llama"), []gguf.Entry{
		ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden),
		ggufTensor(t, "blk.0.attn_q.weight", gguf.F32, rows(8, ggufHidden), 8, ggufHidden),
	}))
	views := make([]View, 8)
	var wg sync.WaitGroup
	for i := range views {
		wg.Go(func() { views[i], _ = b.Tensor("model.layers.0.self_attn.q_proj.weight") })
	}
	wg.Wait()
	for _, v := range views {
		if len(v.F32) == 0 || &v.F32[0] != &views[0].F32[0] {
			t.Fatal("a reader has a copy of its own")
		}
	}
}

func TestGGUFExperts(t *testing.T) {
	pairs := ggufPairs("llama", gguf.NewPair("llama.expert_count", uint32(3)), gguf.NewPair("llama.expert_used_count", uint32(2)))
	b := openBase(t, writeGGUF(t, pairs, []gguf.Entry{
		ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden),
		ggufTensor(t, "blk.0.ffn_gate_inp.weight", gguf.F32, rows(3, ggufHidden), 3, ggufHidden),
		ggufTensor(t, "blk.0.ffn_up_exps.weight", gguf.F16, rows(6, ggufHidden), 3, 2, ggufHidden),
		ggufTensor(t, "blk.0.ffn_down_exps.weight", gguf.F32, rows(4, ggufHidden), 2, 2, ggufHidden),
	}))
	if c := b.Config(); !slices.Equal(c.Architectures, []string{"MixtralForCausalLM"}) {
		t.Errorf("architecture %v", c.Architectures)
	}
	if got := column(values(t, b, "model.layers.0.block_sparse_moe.experts.2.w3.weight"), ggufHidden); !slices.Equal(got, []float32{4, 5}) {
		t.Errorf("rows of the last expert: %v", got)
	}
	if v, err := b.Tensor("model.layers.0.block_sparse_moe.experts.2.w3.weight"); err != nil || !slices.Equal(v.Shape, []int{2, ggufHidden}) {
		t.Errorf("shape %v, %v", v.Shape, err)
	}
	if b.Has("model.layers.0.block_sparse_moe.experts.3.w3.weight") || !b.Has("model.layers.0.block_sparse_moe.gate.weight") {
		t.Error("there are other experts")
	}
	if _, err := b.Tensor("model.layers.0.block_sparse_moe.experts.0.w2.weight"); err == nil || !strings.Contains(err.Error(), "each of 3 experts") {
		t.Errorf("a tensor of too few experts: %v", err)
	}
}

func TestGGUFConfig(t *testing.T) {
	path := writeGGUF(t, ggufPairs("gemma2",
		gguf.NewPair("tokenizer.ggml.bos_token_id", uint32(2)), gguf.NewPair("tokenizer.ggml.eos_token_id", uint32(1)),
		gguf.NewPair("tokenizer.ggml.eot_token_id", uint32(7)), gguf.NewPair("tokenizer.ggml.padding_token_id", uint32(math.MaxUint32)),
		gguf.NewPair("tokenizer.chat_template", "{{ messages }}"),
	), []gguf.Entry{ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden)})
	b := openBase(t, path)
	c := b.Config()
	if !c.NormsIncludeOne || !c.TieWordEmbeddings || c.HeadDim != 4 || c.RMSNormEps != 1e-5 || c.HiddenAct != "gelu_pytorch_tanh" || c.VocabSize != 10 {
		t.Errorf("config %+v", c)
	}
	if !slices.Equal(b.EOS(), []int{1, 7}) || *c.BOS != 2 || c.Pad != nil || *b.Generation().BOS != 2 {
		t.Errorf("special tokens %v, %v, %v", b.EOS(), c.BOS, c.Pad)
	}
	if b.Dir() != path || b.GGUF() == nil || ChatTemplate(b.GGUF()) != "{{ messages }}" || !slices.Equal(b.Tensors(), []string{"model.embed_tokens.weight"}) {
		t.Errorf("%s has %v", b.Dir(), b.Tensors())
	}
	if _, err := b.Tensor("lm_head.weight"); !errors.Is(err, ErrNoTensor) || b.Has("lm_head.weight") {
		t.Errorf("a tied head: %v", err)
	}
	llama := openBase(t, writeGGUF(t, ggufPairs("llama"), []gguf.Entry{ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden)}))
	if llama.Config().NormsIncludeOne {
		t.Error("Llama's norms include the one")
	}
}

// The digest is that of the file's bytes, in the form that docs/format/base.md defines.
func TestGGUFDigest(t *testing.T) {
	write := func(name string) string {
		return writeGGUF(t, ggufPairs("llama", gguf.NewPair("general.name", name)),
			[]gguf.Entry{ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden)})
	}
	digest := func(path string) string {
		d, err := openBase(t, path).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a, b, c := digest(write("a")), digest(write("a")), digest(write("b"))
	if a != b || a == c || !strings.HasPrefix(a, "sha256:") || len(a) != 71 {
		t.Errorf("digests %s, %s, %s", a, b, c)
	}
}

func TestGGUFVocabulary(t *testing.T) {
	path := writeGGUF(t, []gguf.Pair{
		gguf.NewPair("tokenizer.ggml.model", "llama"), gguf.NewPair("tokenizer.ggml.pre", "default"), gguf.NewPair("general.name", "Phi3"),
		gguf.NewPair("tokenizer.ggml.tokens", []string{"<unk>", "a"}), gguf.NewPair("tokenizer.ggml.scores", []float32{0, -1}),
		gguf.NewPair("tokenizer.ggml.token_type", []int32{2, 1}), gguf.NewPair("tokenizer.ggml.unknown_token_id", uint32(0)),
		gguf.NewPair("tokenizer.ggml.bos_token_id", uint32(9)), gguf.NewPair("tokenizer.ggml.add_bos_token", true),
		gguf.NewPair("tokenizer.ggml.precompiled_charsmap", []uint8{1, 2}),
	}, nil)
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	g, err := Vocabulary(f)
	if err != nil {
		t.Fatal(err)
	}
	if g.Model != "llama" || g.Pre != "default" || g.Name != "Phi3" || !slices.Equal(g.Tokens, []string{"<unk>", "a"}) ||
		!slices.Equal(g.Scores, []float32{0, -1}) || !slices.Equal(g.Types, []int32{2, 1}) || !bytes.Equal(g.Charsmap, []byte{1, 2}) {
		t.Errorf("vocabulary %+v", g)
	}
	if _, ok := g.IDs["bos_token_id"]; ok || g.IDs["unknown_token_id"] != 0 || len(g.IDs) != 1 || !g.Flags["add_bos_token"] {
		t.Errorf("ids %v, flags %v", g.IDs, g.Flags)
	}
}

func TestGGUFRefuses(t *testing.T) {
	embed := ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden)
	for name, tt := range map[string]struct {
		pairs   []gguf.Pair
		entries []gguf.Entry
		want    string
	}{
		"architecture": {ggufPairs("mamba"), []gguf.Entry{embed}, `"mamba" is not supported`},
		"no weights":   {ggufPairs("llama"), nil, "token_embd.weight is missing"},
		"eps":          {ggufPairs("llama", gguf.NewPair("llama.rope.freq_base", float32(-1))), []gguf.Entry{embed}, "rope_theta -1"},
	} {
		path := writeGGUF(t, tt.pairs, tt.entries)
		if _, err := Open(path, families()); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
	}
	text := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(text, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text, families()); !errors.Is(err, gguf.ErrNotGGUF) {
		t.Errorf("a file that is none: %v", err)
	}
	odd := ggufTensor(t, "blk.0.attn_q.weight", gguf.F32, rows(7, ggufHidden), 7, ggufHidden)
	strange := gguf.Entry{Name: "blk.0.attn_v.weight", Type: 24, Shape: []int{4, ggufHidden}, Load: func() ([]byte, error) { return make([]byte, 4*ggufHidden), nil }}
	b := openBase(t, writeGGUF(t, ggufPairs("llama"), []gguf.Entry{embed, odd, strange}))
	for name, want := range map[string]string{"q_proj": "heads of pairs", "v_proj": "I8"} {
		if _, err := b.Tensor("model.layers.0.self_attn." + name + ".weight"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", name, err, want)
		}
	}
}
