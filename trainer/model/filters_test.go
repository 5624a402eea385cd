package model_test

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// reshaped is a source in which one tensor has another shape, of fewer elements.
type reshaped struct {
	model.Source
	name  string
	shape []int
}

func (r reshaped) Tensor(name string) (bases.View, error) {
	v, err := r.Source.Tensor(name)
	if name == r.name {
		v.Shape = r.shape
	}
	return v, err
}

// Weights that contradict the configuration are errors that name the module, never a panic.
func TestWeightsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		family, name string
		shape        []int
		want         string
	}{
		{"lfm2", "model.layers.0.conv.conv.weight", []int{16, 4, 1}, "want filters [16 1 4]"},
		{"lfm2", "model.layers.0.conv.conv.weight", []int{16, 1, 3}, "want filters [16 1 4]"},
		{"lfm2", "model.layers.0.conv.conv.weight", []int{64}, "want filters [16 1 4]"},
		{"lfm2", "model.layers.0.conv.conv.bias", []int{15}, "has 15 elements, want 16"},
		{"lfm2", "model.layers.0.conv.in_proj.weight", []int{48, 15}, "model.layers.0.conv.in_proj is for 15 columns, but its input has 16"},
		{"lfm2", "model.layers.2.operator_norm.weight", []int{15}, "operator_norm.weight is for 15 columns"},
		{"lfm2", "model.layers.3.feed_forward.w3.weight", []int{24, 16}, "model.layers.3.feed_forward is for 50 columns, but its input has 49"},
		{"lfm2", "model.layers.1.self_attn.q_layernorm.weight", []int{3}, "q_layernorm.weight and self_attn.k_layernorm.weight are 3 and 4 wide"},
		{"lfm2", "model.layers.1.self_attn.k_proj.weight", []int{7, 16}, "q_layernorm.weight is for 32 columns, but its input has 31"},
		{"mistral", "model.layers.0.self_attn.v_proj.weight", []int{11, 16}, "model.layers.0.attention is for 48 columns, but its input has 47"},
		{"mistral", "model.layers.0.mlp.down_proj.weight", []int{15, 24}, "model.layers.0.residual is for 16 columns, but its input has 15"},
		{"granite4", "model.layers.0.mamba.in_proj.weight", []int{79, 16}, "model.layers.0.mamba is for 80 columns, but its input has 79"},
		{"granite4", "model.layers.1.mamba.A_log", []int{3}, "mamba.A_log\" has 3 elements, want 4"},
		{"granite4", "model.layers.1.mamba.D", []int{2, 2}, "mamba.D\" is a matrix"},
		{"granite4", "model.layers.1.mamba.norm.weight", []int{16}, "model.layers.1.mamba.norm is for 16 columns, but its input has 32"},
		{"granite4", "model.layers.3.mamba.conv1d.weight", []int{43, 1, 4}, "want filters [44 1 4]"},
		{"granite4", "model.layers.3.shared_mlp.input_linear.weight", []int{39, 16}, "model.layers.3.shared_mlp is for 40 columns"},
		{"qwen3next", "model.layers.0.linear_attn.in_proj_qkvz.weight", []int{79, 16}, "model.layers.0.linear_attn is for 80 columns, but its input has 79"},
		{"qwen3next", "model.layers.0.linear_attn.in_proj_ba.weight", []int{7, 16}, "model.layers.0.linear_attn is for 8 columns, but its input has 7"},
		{"qwen3next", "model.layers.0.mlp.shared_expert_gate.weight", []int{1, 15}, "model.layers.0.mlp.shared_expert_gate is for 15 columns"},
		{"qwen3next", "model.layers.1.self_attn.k_norm.weight", []int{7}, "self_attn.k_norm.weight"},
		{"qwen3next", "model.layers.1.self_attn.q_norm.weight", []int{3}, "self_attn.q_norm.weight"},
		{"qwen3next", "model.layers.1.mlp.gate_proj.weight", []int{23, 16}, "model.layers.1.mlp is for 48 columns, but its input has 47"},
		{"qwen35", "model.layers.0.linear_attn.in_proj_qkv.weight", []int{55, 16}, "linear_attn.conv1d is for 56 columns, but its input has 55"},
		{"qwen35", "model.layers.0.linear_attn.in_proj_z.weight", []int{23, 16}, "linear_attn.norm is for 24 columns, but its input has 23"},
		{"qwen35", "model.layers.1.linear_attn.in_proj_a.weight", []int{3, 16}, "linear_attn is for 8 columns, but its input has 7"},
		{"qwen35", "model.layers.1.linear_attn.dt_bias", []int{3}, "dt_bias\" has 3 elements, want 4"},
		{"qwen35", "model.layers.1.linear_attn.norm.weight", []int{3}, "linear_attn.norm is for 12 columns, but its input has 24"},
		{"qwen35", "model.layers.1.linear_attn.conv1d.weight", []int{56, 1, 2}, "want filters [56 1 3]"},
		{"qwen35", "model.layers.1.linear_attn.out_proj.weight", []int{15, 24}, "residual is for 16 columns, but its input has 15"},
		{"qwen35", "model.layers.3.self_attn.q_proj.weight", []int{32, 16}, "model.layers.3.self_attn is for 96 columns, but its input has 64"},
		{"qwen35", "model.layers.3.input_layernorm.weight", []int{15}, "input_layernorm.weight is for 15 columns"},
	} {
		b := open(t, "testdata/"+c.family)
		if _, err := model.New(b.Config(), reshaped{b, c.name, c.shape}, model.Attachment{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %v: error is %v, want %q", c.name, c.shape, err, c.want)
		}
	}
}

// A filter without its middle dimension, as GGUF has it, is the same.
func TestFiltersOfTwoDimensions(t *testing.T) {
	b := open(t, "testdata/lfm2")
	logits := func(src model.Source) float32 {
		m, err := model.New(b.Config(), src, model.Attachment{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.NewBatch(1).Append([][]int32{{3, 9, 27}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0][5]
	}
	if logits(b) != logits(reshaped{b, "model.layers.0.conv.conv.weight", []int{16, 4}}) {
		t.Error("the logits differ")
	}
}

func TestFiltersCannotBeTrained(t *testing.T) {
	b := open(t, "testdata/lfm2")
	attach := model.Attachment{Param: func(weight string) *ops.Param {
		if weight != "model.layers.0.conv.conv.weight" {
			return nil
		}
		return ops.NewParam(weight, 16, 4)
	}}
	if _, err := model.New(b.Config(), b, attach); err == nil || !strings.Contains(err.Error(), "conv.conv.weight\" cannot be trained") {
		t.Errorf("error is %v", err)
	}
}
