package export

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// The experts of these tests.
const (
	experts  = 3
	expertIn = 4
)

// expertAdapter adapts one parameter, of experts matrices of rows × expertIn.
func expertAdapter(r *rand.Rand, parameter string, rows int) *adapters.Adapter {
	a, b := peft.FactorNames(parameter, func(string) bool { return false })
	return &adapters.Adapter{
		Config: adapters.Config{Rank: rank, Alpha: 6, TargetParameters: []string{parameter}},
		Tensors: []adapters.Tensor{
			{Name: a, Shape: []int{experts * rank, expertIn}, Data: random(r, experts*rank*expertIn)},
			{Name: b, Shape: []int{rows, experts * rank}, Data: random(r, rows*experts*rank)},
		},
	}
}

// update is element (row, col) of what the adapter adds to an expert's matrix, by PEFT's own formula:
// einsum("o r e, e r i -> e o i").
func update(a *adapters.Adapter, e, row, col int) float64 {
	var sum float64
	for p := range rank {
		sum += float64(a.Tensors[1].Data[row*experts*rank+p*experts+e]) * float64(a.Tensors[0].Data[(e*rank+p)*expertIn+col])
	}
	return 2 * sum
}

func TestExpertsAreMerged(t *testing.T) {
	each := func(module string, rows int, names ...string) map[string][]int {
		shapes := map[string][]int{}
		for e := range experts {
			for _, n := range names {
				shapes[fmt.Sprintf("model.layers.2.%s.%d.%s.weight", module, e, n)] = []int{rows, expertIn}
			}
		}
		return shapes
	}
	for name, tt := range map[string]struct {
		parameter  string
		rows       int
		transposed bool
		shapes     map[string][]int
		at         func(e, row, col int) (tensor string, i int)
	}{
		"gate and up": {"mlp.experts.gate_up_proj", 10, false, each("mlp.experts", 5, "gate_proj", "up_proj"), func(e, row, col int) (string, int) {
			return fmt.Sprintf("model.layers.2.mlp.experts.%d.%s.weight", e, []string{"gate_proj", "up_proj"}[row/5]), row%5*expertIn + col
		}},
		"w1 and w3": {"mlp.experts.gate_up_proj", 10, false, each("block_sparse_moe.experts", 5, "w1", "w3"), func(e, row, col int) (string, int) {
			return fmt.Sprintf("model.layers.2.block_sparse_moe.experts.%d.%s.weight", e, []string{"w1", "w3"}[row/5]), row%5*expertIn + col
		}},
		"down": {"mlp.experts.down_proj", 4, false, each("mlp.experts", 4, "down_proj"), func(e, row, col int) (string, int) {
			return fmt.Sprintf("model.layers.2.mlp.experts.%d.down_proj.weight", e), row*expertIn + col
		}},
		"stacked": {"block_sparse_moe.experts.down_proj", 4, false, map[string][]int{"model.layers.2.block_sparse_moe.output_linear.weight": {experts, 4, expertIn}}, func(e, row, col int) (string, int) {
			return "model.layers.2.block_sparse_moe.output_linear.weight", (e*4+row)*expertIn + col
		}},
		"transposed": {"mlp.experts.down_proj", 4, true, map[string][]int{"model.layers.2.mlp.experts.down_proj": {experts, expertIn, 4}}, func(e, row, col int) (string, int) {
			return "model.layers.2.mlp.experts.down_proj", (e*expertIn+col)*4 + row
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := expertAdapter(rand.New(rand.NewPCG(1, 2)), "model.layers.2."+tt.parameter, tt.rows)
			m := onlyModule(t, a)
			shapeOf := func(name string) ([]int, bool) { s, ok := tt.shapes[name]; return s, ok }
			list, err := pieces(m, tt.transposed, shapeOf)
			if err != nil || len(list) != len(tt.shapes) {
				t.Fatalf("%d of %d tensors, %v", len(list), len(tt.shapes), err)
			}
			merged := map[string][]float32{}
			for name, p := range list {
				if err := p.fits(tt.shapes[name]); err != nil {
					t.Fatal(err)
				}
				merged[name] = make([]float32, safetensors.Tensor{Shape: tt.shapes[name]}.Len())
				p.merge(merged[name], a.Config)
			}
			for i := range experts * tt.rows * expertIn {
				e, row, col := i/(tt.rows*expertIn), i/expertIn%tt.rows, i%expertIn
				tensor, at := tt.at(e, row, col)
				if want := update(a, e, row, col); math.Abs(float64(merged[tensor][at])-want) > 1e-5*(1+math.Abs(want)) {
					t.Fatalf("expert %d, row %d, column %d is %g, want %g", e, row, col, merged[tensor][at], want)
				}
			}
		})
	}
}

func TestExpertsOfAnotherBase(t *testing.T) {
	a := expertAdapter(rand.New(rand.NewPCG(1, 2)), "model.layers.2.mlp.experts.down_proj", 4)
	m := onlyModule(t, a)
	const each = "model.layers.2.mlp.experts.%d.down_proj.weight"
	for want, shapes := range map[string]map[string][]int{
		"3 experts, the base's tensor \"model.layers.2.mlp.experts.2.down_proj.weight\" is []": {fmt.Sprintf(each, 0): {4, 4}, fmt.Sprintf(each, 1): {4, 4}},
		"of 3 experts, the base has more":                                          {fmt.Sprintf(each, 0): {4, 4}, fmt.Sprintf(each, 1): {4, 4}, fmt.Sprintf(each, 2): {4, 4}, fmt.Sprintf(each, 3): {4, 4}},
		"updates 4 rows of an expert, the base has 2":                              {fmt.Sprintf(each, 0): {2, 4}},
		"the base's tensor \"model.layers.2.mlp.experts.0.down_proj.weight\" is [": {fmt.Sprintf(each, 0): {5, 4}},
		"updates [3 4 4], the base's tensor is [4 4 4]":                            {"model.layers.2.mlp.experts.down_proj": {4, 4, 4}},
	} {
		list, err := pieces(m, false, func(name string) ([]int, bool) { s, ok := shapes[name]; return s, ok })
		for name, p := range list {
			err = errors.Join(err, p.fits(shapes[name]))
		}
		if !errors.Is(err, adapters.ErrBaseMismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	list, err := pieces(m, false, func(string) ([]int, bool) { return nil, false })
	if list != nil || err != nil {
		t.Errorf("a base without experts: %v, %v", list, err)
	}
}

// llama.cpp's file holds the experts' matrices in a tensor for each of gate, up and down.
func TestGGUFOfUpdatedExperts(t *testing.T) {
	dir := ggufDir(t, byteLevel(t, gpt2Bytes, false), "model.norm.weight")
	entries := []safetensors.Entry{safetensors.F32Entry("model.embed_tokens.weight", []int{1, ggufHidden}, make([]float32, ggufHidden))}
	for e := range experts {
		for _, w := range []string{"w1", "w3"} {
			name := fmt.Sprintf("model.layers.0.block_sparse_moe.experts.%d.%s.weight", e, w)
			entries = append(entries, safetensors.F32Entry(name, []int{2, expertIn}, make([]float32, 2*expertIn)))
		}
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	m := ggufModel(t, "MixtralForCausalLM")
	m.Experts, m.ExpertsUsed = experts, 1
	a := expertAdapter(rand.New(rand.NewPCG(3, 4)), "model.layers.0.mlp.experts.gate_up_proj", 4)
	path := filepath.Join(t.TempDir(), "m.gguf")
	if _, err := fileFrom(context.Background(), dir, form{Model: m}, a, path, GGUFOptions{Type: OutF32}); err != nil {
		t.Fatal(err)
	}
	f := openGGUF(t, path)
	for half, name := range []string{"blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight"} {
		for i, got := range ggufValues(t, f, name) {
			want := update(a, i/(2*expertIn), 2*half+i/expertIn%2, i%expertIn)
			if math.Abs(float64(got)-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("%s: element %d is %g, want %g", name, i, got, want)
			}
		}
	}
}

// As an adapter the factors of all experts stand one behind the other: llama.cpp adds alpha/r·B·A of an
// expert, of which a part of a stack has its rows.
func TestGGUFAdapterOfExperts(t *testing.T) {
	for class, parts := range map[string]struct {
		names [2]string
		row   func(half, i int) int // of the 4 of gate and up
	}{
		"MixtralForCausalLM":    {[2]string{"blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight"}, func(half, i int) int { return 2*half + i }},
		"GraniteMoeForCausalLM": {[2]string{"blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight"}, func(half, i int) int { return 2*half + i }},
		"GptOssForCausalLM":     {[2]string{"blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight"}, func(half, i int) int { return 2*i + half }},
	} {
		m := ggufModel(t, class)
		m.Experts, m.ExpertsUsed, m.Intermediate, m.Hidden = experts, 1, 2, expertIn
		a := expertAdapter(rand.New(rand.NewPCG(3, 4)), "model.layers.0.mlp.experts.gate_up_proj", 4)
		path := filepath.Join(t.TempDir(), "a.gguf")
		if _, err := writeAdapter(form{Model: m}, a, path, GGUFOptions{}); err != nil {
			t.Fatal(err)
		}
		f := openGGUF(t, path)
		alpha, _ := f.Float("adapter.lora.alpha")
		for half, name := range parts.names {
			A, B := ggufValues(t, f, name+".lora_a"), ggufValues(t, f, name+".lora_b")
			if x, _ := f.Tensor(name + ".lora_b"); !slices.Equal(x.Shape, []int{experts, 2, rank}) {
				t.Fatalf("%s: B is %v", class, x.Shape)
			}
			for at := range experts * 2 * expertIn {
				e, row, col := at/(2*expertIn), at/expertIn%2, at%expertIn
				var got float64
				for p := range rank {
					got += alpha / rank * float64(B[(e*2+row)*rank+p]) * float64(A[(e*rank+p)*expertIn+col])
				}
				if want := update(a, e, parts.row(half, row), col); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
					t.Fatalf("%s: %s of expert %d, (%d, %d) is updated by %g, want %g", class, name, e, row, col, got, want)
				}
			}
		}
		m.Experts = experts + 1
		if _, err := writeAdapter(form{Model: m}, a, path+"2", GGUFOptions{}); !errors.Is(err, adapters.ErrBaseMismatch) {
			t.Errorf("%s: a model of more experts: %v", class, err)
		}
	}
}
