package bases

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/gguf"
)

// stackPairs is the metadata of a small model with experts, 3 of 2 rows.
func stackPairs(architecture string) []gguf.Pair {
	return ggufPairs(architecture,
		gguf.NewPair(architecture+".expert_count", uint32(3)), gguf.NewPair(architecture+".expert_used_count", uint32(2)),
		gguf.NewPair(architecture+".attention.sliding_window", uint32(4)))
}

// from is rows of a matrix that hold first, first+1 and so on.
func from(first float32, n, cols int) []float32 {
	v := rows(n, cols)
	for i := range v {
		v[i] += first
	}
	return v
}

// The rows of gate and up are those of one tensor, each expert's follow each other in Granite and
// alternate in gpt-oss, in every type.
func TestGGUFStacks(t *testing.T) {
	embed := ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden)
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0} {
		for _, tt := range []struct {
			architecture, gateUp, down string
			want                       []float32
		}{
			{"granitemoe", "block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight", []float32{1, 2, 11, 12, 3, 4, 13, 14, 5, 6, 15, 16}},
			{"gpt-oss", "mlp.experts.gate_up_proj", "mlp.experts.down_proj", []float32{1, 11, 2, 12, 3, 13, 4, 14, 5, 15, 6, 16}},
		} {
			b := openBase(t, writeGGUF(t, stackPairs(tt.architecture), []gguf.Entry{
				embed,
				ggufTensor(t, "blk.0.ffn_gate_exps.weight", typ, from(1, 6, ggufHidden), 3, 2, ggufHidden),
				ggufTensor(t, "blk.0.ffn_up_exps.weight", typ, from(11, 6, ggufHidden), 3, 2, ggufHidden),
				ggufTensor(t, "blk.0.ffn_down_exps.weight", typ, from(1, 6, ggufHidden), 3, 2, ggufHidden),
			}))
			const layer = "model.layers.0."
			names := []string{"model.embed_tokens.weight", layer + tt.gateUp, layer + tt.down}
			if slices.Sort(names); !slices.Equal(b.Tensors(), names) {
				t.Fatalf("%s has %v", tt.architecture, b.Tensors())
			}
			for range 2 { // a copy is made once
				if got := column(values(t, b, layer+tt.gateUp), ggufHidden); !slices.EqualFunc(got, tt.want, near) {
					t.Errorf("%s as %v: rows are %v, want %v", tt.architecture, typ, got, tt.want)
				}
			}
			if got := column(values(t, b, layer+tt.down), ggufHidden); !slices.EqualFunc(got, []float32{1, 2, 3, 4, 5, 6}, near) {
				t.Errorf("%s as %v: rows of down are %v", tt.architecture, typ, got)
			}
			v, err := b.Tensor(layer + tt.gateUp)
			if err != nil || !slices.Equal(v.Shape, []int{3, 4, ggufHidden}) || v.Transposed != (tt.architecture == "gpt-oss") {
				t.Errorf("%s: %v, %v, %v", tt.architecture, v.Shape, v.Transposed, err)
			}
			raw, err := b.Raw(layer + tt.gateUp)
			if err != nil || raw.DType != typ.String() || raw.Len() != 12*ggufHidden {
				t.Errorf("raw %v%v, %v", raw.DType, raw.Shape, err)
			}
			if p, err := b.Plain(layer + tt.down); p.Widened() != (typ == gguf.Q8_0) || err != nil {
				t.Errorf("%s as %v widens to %v, %v", tt.architecture, typ, p.Shape, err)
			}
		}
	}
}

// Biases of experts alternate as their rows do, and sinks are a vector under another name.
func TestGGUFStackedVectors(t *testing.T) {
	b := openBase(t, writeGGUF(t, stackPairs("gpt-oss"), []gguf.Entry{
		ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden),
		ggufTensor(t, "blk.0.ffn_gate_exps.bias", gguf.F32, from(1, 6, 1), 3, 2),
		ggufTensor(t, "blk.0.ffn_up_exps.bias", gguf.F32, from(11, 6, 1), 3, 2),
		ggufTensor(t, "blk.0.attn_sinks.weight", gguf.F32, from(7, 2, 1), 2),
	}))
	for name, want := range map[string][]float32{
		"mlp.experts.gate_up_proj_bias": {1, 11, 2, 12, 3, 13, 4, 14, 5, 15, 6, 16}, "self_attn.sinks": {7, 8},
	} {
		if got := values(t, b, "model.layers.0."+name); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestGGUFStacksRefuse(t *testing.T) {
	embed := ggufTensor(t, "token_embd.weight", gguf.F32, rows(10, ggufHidden), 10, ggufHidden)
	gate := ggufTensor(t, "blk.0.ffn_gate_exps.weight", gguf.F32, rows(6, ggufHidden), 3, 2, ggufHidden)
	up := func(typ gguf.Type, n int, shape ...int) gguf.Entry {
		return ggufTensor(t, "blk.0.ffn_up_exps.weight", typ, rows(n, ggufHidden), shape...)
	}
	for name, tt := range map[string]struct {
		entries []gguf.Entry
		want    string
	}{
		"no other part": {[]gguf.Entry{embed, gate}, "no such tensor"},
		"other shape":   {[]gguf.Entry{embed, gate, up(gguf.F32, 3, 3, 1, ggufHidden)}, "its other part"},
		"other type":    {[]gguf.Entry{embed, gate, up(gguf.F16, 6, 3, 2, ggufHidden)}, "its other part"},
		"experts": {[]gguf.Entry{
			embed, ggufTensor(t, "blk.0.ffn_gate_exps.weight", gguf.F32, rows(4, ggufHidden), 2, 2, ggufHidden), up(gguf.F32, 4, 2, 2, ggufHidden),
		}, "each of 3 experts"},
		"a vector": {[]gguf.Entry{
			embed, ggufTensor(t, "blk.0.ffn_gate_exps.weight", gguf.F32, rows(3, 1), 3), ggufTensor(t, "blk.0.ffn_up_exps.weight", gguf.F32, rows(3, 1), 3),
		}, "each of 3 experts"},
		"quantised vectors": {[]gguf.Entry{
			embed, ggufTensor(t, "blk.0.ffn_gate_exps.weight", gguf.Q8_0, rows(3, ggufHidden), 3, ggufHidden), up(gguf.Q8_0, 3, 3, ggufHidden),
		}, "vectors of Q8_0"},
	} {
		b := openBase(t, writeGGUF(t, stackPairs("granitemoe"), tt.entries))
		const weight = "model.layers.0.block_sparse_moe.input_linear.weight"
		if _, err := b.Tensor(weight); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
		if _, err := b.Raw(weight); (err == nil) != (name == "quantised vectors") {
			t.Errorf("%s: raw: %v", name, err)
		}
	}
	b := openBase(t, writeGGUF(t, stackPairs("granitemoe"), []gguf.Entry{embed, up(gguf.F32, 6, 3, 2, ggufHidden)}))
	if _, err := b.Tensor("model.layers.0.block_sparse_moe.input_linear.weight"); !errors.Is(err, ErrNoTensor) {
		t.Errorf("a part without the first: %v", err)
	}
}

// FuzzGGUF: no file makes a view of its tensors panic, and none takes more memory than a few times the
// file's size.
func FuzzGGUF(f *testing.F) {
	for _, architecture := range []string{"llama", "granitemoe", "gpt-oss"} {
		var buf bytes.Buffer
		entry := func(name string, shape ...int) gguf.Entry {
			size := 4
			for _, n := range shape {
				size *= n
			}
			return gguf.Entry{Name: name, Type: gguf.F32, Shape: shape, Load: func() ([]byte, error) { return make([]byte, size), nil }}
		}
		err := gguf.Write(&buf, stackPairs(architecture), []gguf.Entry{
			entry("token_embd.weight", 2, ggufHidden), entry("blk.0.attn_q.weight", 8, 1), entry("blk.0.ffn_gate_exps.weight", 3, 2, 1),
			entry("blk.0.ffn_up_exps.weight", 3, 2, 1), entry("blk.0.ffn_down_exps.weight", 3, 2, 1),
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Parse("fuzz", data)
		if err != nil {
			return
		}
		b, err := fromGGUF(file, families())
		if err != nil {
			return
		}
		for _, name := range b.Tensors() {
			v, err := b.Tensor(name)
			if err == nil && v.Quant != nil {
				v.Quant.Decode(make([]float32, v.Quant.Cols), v.Quant.Rows-1, 0)
			}
			_, _ = b.Raw(name)
		}
	})
}
