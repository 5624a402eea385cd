package exporting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/workflows/exporting"
	"github.com/cultivar/cultivar/workflows/models"
)

// The module that an adapter is merged into, and a weight that is stacked.
const (
	targeted = "model.layers.0.self_attn.q_proj"
	stacked  = "model.layers.0.mlp.experts.down_proj"
)

// packedCase is a weight as a method stores it, with what PyTorch widens it to.
type packedCase struct {
	file, prefix string            // of internal/quant/testdata
	parts        map[string]string // behind the prefix: the names in a checkpoint
	about        string            // quantization_config
}

func packedCases() map[string]packedCase {
	const fourBit = `{"quant_method":"bitsandbytes","load_in_4bit":true}`
	bits := func(kind, name string) packedCase {
		parts := map[string]string{"packed": targeted + ".weight", "state.json": targeted + ".weight.quant_state.bitsandbytes__" + kind}
		for _, part := range []string{"absmax", "quant_map", "nested_absmax", "nested_quant_map"} {
			parts["state."+part] = targeted + ".weight." + part
		}
		return packedCase{"bitsandbytes", kind + "." + name + ".", parts, fourBit}
	}
	grouped := func(prefix, about string) packedCase {
		parts := map[string]string{}
		for _, part := range []string{"qweight", "qzeros", "scales", "g_idx"} {
			parts[part] = targeted + "." + part
		}
		return packedCase{"grouped", prefix, parts, about}
	}
	return map[string]packedCase{
		"nf4": bits("nf4", "odd"), "nf4 nested": bits("nf4", "nested"), "fp4": bits("fp4", "odd"), "fp4 nested": bits("fp4", "nested"),
		"int8": {
			"bitsandbytes", "int8.", map[string]string{"packed": targeted + ".weight", "scale": targeted + ".SCB"},
			`{"quant_method":"bitsandbytes","load_in_8bit":true}`,
		},
		"gptq":       grouped("gptq4.", `{"quant_method":"gptq","bits":4,"group_size":32}`),
		"gptq v2":    grouped("gptq4v2.", `{"quant_method":"gptq","bits":4,"group_size":32,"checkpoint_format":"gptq_v2"}`),
		"gptq order": grouped("gptq4order.", `{"quant_method":"gptq","bits":4,"group_size":32,"desc_act":true}`),
		"gptq 8":     grouped("gptq8.", `{"quant_method":"gptq","bits":8,"group_size":32}`),
		"gptq 2":     grouped("gptq2.", `{"quant_method":"gptq","bits":2,"group_size":32}`),
		"gptq 3":     grouped("gptq3.", `{"quant_method":"gptq","bits":3,"group_size":32,"desc_act":true}`),
		"gptq 3 v2":  grouped("gptq3v2.", `{"quant_method":"gptq","bits":3,"group_size":32,"checkpoint_format":"gptq_v2"}`),
		"awq":        grouped("awq.", `{"quant_method":"awq","bits":4,"group_size":32}`),
		"mxfp4":      {"mxfp4", "", map[string]string{"blocks": stacked + "_blocks", "scales": stacked + "_scales"}, `{"quant_method":"mxfp4"}`},
	}
}

// write makes a base of the case and returns what its weight is in PyTorch.
func (c packedCase) write(t *testing.T, dir string) (weight string, values safetensors.Tensor) {
	t.Helper()
	golden, err := safetensors.Open(filepath.Join("../../internal/quant/testdata", c.file+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = golden.Close() })
	entries := []safetensors.Entry{{Name: "model.embed_tokens.weight", DType: "BF16", Shape: []int{9, 2}, Data: make([]byte, 36)}}
	for part, name := range c.parts {
		if x, ok := golden.Tensor(c.prefix + part); ok {
			entries = append(entries, safetensors.Entry{Name: name, DType: x.DType, Shape: x.Shape, Data: x.Data})
		}
	}
	weight = targeted + ".weight"
	if c.file == "mxfp4" { // which has no weight for the adapter of these tests
		weight = stacked
		entries = append(entries, safetensors.F32Entry(targeted+".weight", []int{2, 4}, make([]float32, 8)))
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	config := `{"model_type":"llama","hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":9,"quantization_config":` + c.about + `}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	values, ok := golden.Tensor(c.prefix + "values")
	if !ok {
		t.Fatalf("%svalues is missing", c.prefix)
	}
	return weight, values
}

// wholeAdapter updates a weight by whole numbers, so that the update is exact in any order of sums: by
// 2·B·A with A of 1, 2, 3 and so on and B of −2 to 2.
func wholeAdapter(t *testing.T, rows, cols int) (dir string, update []float32) {
	t.Helper()
	a, b := make([]float32, cols), make([]float32, rows)
	for i := range a {
		a[i] = float32(i%7 + 1)
	}
	update = make([]float32, 0, rows*cols)
	for i := range b {
		b[i] = float32(i%5 - 2)
		for _, v := range a {
			update = append(update, 2*b[i]*v)
		}
	}
	dir = filepath.Join(t.TempDir(), "adapter")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	name := "base_model.model." + targeted
	err := peft.Write(dir, &adapters.Adapter{
		Config: adapters.Config{Rank: 1, Alpha: 2, TargetModules: []string{"q_proj"}},
		Tensors: []adapters.Tensor{
			{Name: name + ".lora_A.weight", Shape: []int{1, cols}, Data: a}, {Name: name + ".lora_B.weight", Shape: []int{rows, 1}, Data: b},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, update
}

// A quantised base is widened as PyTorch widens it, to the bit, the update is added and the sum rounded
// once. What comes of it is not quantised and says so.
func TestMergeIntoQuantised(t *testing.T) {
	for name, c := range packedCases() {
		for _, d := range []export.DType{export.Float32, export.Keep} {
			t.Run(name+" "+string(d), func(t *testing.T) { mergeQuantised(t, c, d) })
		}
	}
}

func mergeQuantised(t *testing.T, c packedCase, d export.DType) {
	dir := t.TempDir()
	weight, golden := c.write(t, dir)
	want, err := safetensors.Float32s(golden)
	if err != nil {
		t.Fatal(err)
	}
	shape := slices.Clone(golden.Shape)
	adapter, update := wholeAdapter(t, shape[0], shape[len(shape)-1])
	if weight == stacked { // a checkpoint of plain numbers has outputs as columns
		adapter, _ = wholeAdapter(t, 2, 4)
		want, shape = columns(want, shape), []int{shape[0], shape[2], shape[1]}
	} else {
		for i := range want {
			want[i] += update[i]
		}
	}
	out := filepath.Join(t.TempDir(), "merged")
	r, err := exporting.Merged(context.Background(), exporting.Options{AdapterRef: models.AdapterRef{Home: t.TempDir(), Adapter: adapter}, Base: dir, DType: d, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	merged, err := safetensors.OpenSharded(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = merged.Close() }()
	got, ok := merged.Tensor(weight)
	stored := "F32"
	if d == export.Keep {
		stored = "BF16" // as the embeddings are
	}
	if !ok || !slices.Equal(got.Shape, shape) || got.DType != stored {
		t.Fatalf("%s is %s%v, want %s%v; there are %v", weight, got.DType, got.Shape, stored, shape, merged.Tensors())
	}
	if !slices.Equal(bits(t, got), rounded(want, stored)) {
		t.Errorf("%s is another than the sum of what PyTorch widens and the update", weight)
	}
	checkPlain(t, out, merged.Tensors(), r, stored)
}

// columns transposes matrices that stand one behind the other.
func columns(v []float32, shape []int) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		e, row, col := i/(shape[1]*shape[2]), i/shape[2]%shape[1], i%shape[2]
		out[(e*shape[2]+col)*shape[1]+row] = v[i]
	}
	return out
}

// bits is the elements of a tensor, so that signs of zeros count.
func bits(t *testing.T, x safetensors.Tensor) []string {
	t.Helper()
	values, err := safetensors.Float32s(x)
	if err != nil {
		t.Fatal(err)
	}
	return hex(values)
}

func rounded(values []float32, stored string) []string {
	if stored == "BF16" {
		u := make([]uint16, len(values))
		dtype.Round(dtype.BF16, u, values)
		values = make([]float32, len(u))
		dtype.Widen(dtype.BF16, values, u)
	}
	return hex(values)
}

func hex(values []float32) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%x", v)
	}
	return out
}

// checkPlain holds a merged directory to being one of plain numbers.
func checkPlain(t *testing.T, dir string, tensors []string, r exporting.Result, stored string) {
	t.Helper()
	var config map[string]json.RawMessage
	if err := json.Unmarshal(testkit.Read(t, filepath.Join(dir, "config.json")), &config); err != nil || config["quantization_config"] != nil || config["vocab_size"] == nil {
		t.Errorf("config.json has %v, %v", config, err)
	}
	for _, name := range tensors {
		if !strings.HasSuffix(name, ".weight") && name != stacked {
			t.Errorf("tensor %s is left", name)
		}
	}
	if r.Widened != 1 || len(r.Notes) != 1 || !strings.HasSuffix(r.Notes[0], "1 of its weights are widened and written as "+stored) {
		t.Errorf("report %+v, notes %q", r.Report, r.Notes)
	}
}
