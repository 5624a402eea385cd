package bases

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
)

// plainLayer writes a base with a weight of each kind that quantising on load tells apart.
func plainLayer(t *testing.T, special float32) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, configName, string(minimal(``)))
	w := ramp(6 * 48)
	w[100] += special
	bf16 := make([]byte, 2*len(w))
	for i, v := range w {
		bits := math.Float32bits(v) >> 16
		bf16[2*i], bf16[2*i+1] = byte(bits), byte(bits>>8)
	}
	entries := []safetensors.Entry{
		safetensors.F32Entry("model.embed_tokens.weight", []int{6, 48}, w),
		safetensors.F32Entry("lm_head.weight", []int{6, 48}, w),
		safetensors.F32Entry("model.layers.0.input_layernorm.weight", []int{48}, w[:48]),
		safetensors.F32Entry("model.layers.0.mlp.gate.weight", []int{6, 48}, w),
		safetensors.F32Entry("model.layers.0.mlp.up_proj.weight", []int{6, 48}, w),
		{Name: "model.layers.11.self_attn.q_proj.weight", DType: safetensors.BF16, Shape: []int{6, 48}, Data: bf16},
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ramp is numbers without a pattern in [-1, 1).
func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(int32(uint32(i)*2654435761)) * 0x1p-31
	}
	return v
}

// widened is the elements of a view, whatever they are stored as.
func widened(v View) []float32 {
	n := 1
	for _, d := range v.Shape {
		n *= d
	}
	out := make([]float32, n)
	if v.Quant == nil {
		v.read(out, 0)
		return out
	}
	for row := range v.Quant.Rows {
		v.Quant.Decode(out[row*v.Quant.Cols:][:v.Quant.Cols], row, 0)
	}
	return out
}

func TestQuantiseOnLoad(t *testing.T) {
	b := mustOpen(t, plainLayer(t, 0))
	for method, format := range map[string]quant.Format{"nf4": quant.NF4, "int8": quant.Int8} {
		q, err := Quantise(b, method)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range b.Tensors() {
			plain, err1 := b.Tensor(name)
			got, err2 := q.Tensor(name)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if want := strings.HasSuffix(name, "up_proj.weight") || strings.HasSuffix(name, "q_proj.weight"); (got.Quant != nil) != want {
				t.Errorf("%s: %s is quantised: %v", method, name, !want)
			}
			if got.Quant == nil {
				continue
			}
			if got.Quant.Format != format || !slices.Equal(got.Shape, plain.Shape) || got.F32 != nil || got.U16 != nil {
				t.Errorf("%s: %s is %v %v", method, name, got.Quant.Format, got.Shape)
			}
			want := widened(plain)
			for i, v := range widened(got) {
				// NF4's widest gap is 0.304 of the block's largest; double quantisation is off by 1 % of that.
				if math.Abs(float64(v-want[i])) > 0.304/2+0.01 {
					t.Fatalf("%s: element %d of %s is %v, was %v", method, i, name, v, want[i])
				}
			}
			if again, _ := q.Tensor(name); again.Quant != got.Quant {
				t.Errorf("%s: %s is quantised twice", method, name)
			}
		}
		if !q.Has("lm_head.weight") || q.Has("x") {
			t.Errorf("%s: has other weights", method)
		}
		if _, err := q.Tensor("x"); !errors.Is(err, ErrNoTensor) {
			t.Errorf("%s: missing tensor: %v", method, err)
		}
	}
}

// bitsandbytes' checkpoint of a model is, weight by weight, what we make of the model.
func TestQuantiseEqualsCheckpoint(t *testing.T) {
	want := mustOpen(t, testkit.Shared(t, "goldens", "extra", "nf4", "base"))
	got, err := Quantise(mustOpen(t, testkit.Shared(t, "goldens", "llama", "base")), "nf4")
	if err != nil {
		t.Fatal(err)
	}
	quantised := 0
	for _, name := range want.Tensors() {
		a, err1 := got.Tensor(name)
		b, err2 := want.Tensor(name)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if (a.Quant != nil) != (b.Quant != nil) || !slices.Equal(a.Shape, b.Shape) {
			t.Fatalf("%s is quantised: %v, in the checkpoint: %v", name, a.Quant != nil, b.Quant != nil)
		}
		if a.Quant != nil {
			quantised++
		}
		if !slices.Equal(widened(a), widened(b)) {
			t.Errorf("%s differs", name)
		}
	}
	if quantised != 7*want.Config().NumHiddenLayers {
		t.Errorf("%d weights are quantised in %d layers", quantised, want.Config().NumHiddenLayers)
	}
}

func TestQuantiseRefuses(t *testing.T) {
	b := mustOpen(t, plainLayer(t, float32(math.Inf(1))))
	if _, err := Quantise(b, "int4"); err == nil || !strings.Contains(err.Error(), "int8, nf4") {
		t.Errorf("unknown method: %v", err)
	}
	q, err := Quantise(b, "nf4")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Tensor("model.layers.0.mlp.up_proj.weight"); !errors.Is(err, quant.ErrNotFinite) || !strings.Contains(err.Error(), "up_proj") {
		t.Errorf("infinite weight: %v", err)
	}
}
