package trainer_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/model/llama"
)

// memorySource is a base of random float32 weights in memory.
type memorySource map[string]bases.View

func (s memorySource) Tensor(name string) (bases.View, error) { return s[name], nil }
func (s memorySource) Has(name string) bool                   { _, ok := s[name]; return ok }

// smolLM is the shape of SmolLM-135M with fewer or as many layers.
func smolLM(tb testing.TB, layers int) (*bases.Config, memorySource) {
	c, err := bases.ParseConfig(fmt.Appendf(nil, `{"architectures":["LlamaForCausalLM"],"hidden_size":576,"intermediate_size":1536,
		"num_hidden_layers":%d,"num_attention_heads":9,"num_key_value_heads":3,"vocab_size":49152,
		"max_position_embeddings":2048,"tie_word_embeddings":true}`, layers), model.Families())
	if err != nil {
		tb.Fatal(err)
	}
	src := make(memorySource)
	for _, s := range llama.Weights(c) {
		v := bases.View{Type: dtype.F32, F32: make([]float32, s.Rows*s.Cols), Shape: []int{s.Rows, s.Cols}}
		draw := rng.New(1, s.Name).At(0, 0)
		for i := range v.F32 {
			v.F32[i] = draw.Uniform(-0.03, 0.03)
		}
		if s.Rows == 1 {
			v.Shape = v.Shape[1:]
		}
		src[s.Name] = v
	}
	return c, src
}

// BenchmarkLoRAStep is one micro-batch of 4 × 512 tokens, LoRA rank 16 on all linear modules, of
// the 135M shape with LAYERS layers (10 unless the environment says otherwise). MFLOP/s count the
// multiply-adds that the products need, not those of recomputation.
func BenchmarkLoRAStep(b *testing.B) {
	if err := cpu.FromEnv(); err != nil {
		b.Fatal(err)
	}
	layers := 10
	if n, err := strconv.Atoi(os.Getenv("LAYERS")); err == nil {
		layers = n
	}
	c, src := smolLM(b, layers)
	modules, err := model.Modules(c, src)
	if err != nil {
		b.Fatal(err)
	}
	lc := lora.DefaultConfig()
	factors, err := lora.New(lc, modules, src, 1)
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.New(c, src, factors.Attachment())
	if err != nil {
		b.Fatal(err)
	}
	var rows []pack.Row
	for i := range 4 {
		ids := make([]int32, 512)
		for j := range ids {
			ids[j] = int32((i*7919 + j*j*31) % 49152)
		}
		rows = append(rows, pack.Row{IDs: ids})
	}
	s, err := pack.New(rows, pack.Options{MaxLen: 512})
	if err != nil {
		b.Fatal(err)
	}
	mbs, _ := trainer.MicroBatches(s.Step([]int{0, 1, 2, 3}, 4), 1, 0)
	var weights, factorsN float64
	for _, mod := range modules {
		weights += float64(mod.In * mod.Out)
	}
	for _, p := range factors.Params() {
		factorsN += float64(len(p.Value))
	}
	flops := 2048 * (4*(weights+49152*576) + 6*factorsN)
	for name, recompute := range map[string]int{"keep": 0, "recompute": layers} {
		b.Run(name, func(b *testing.B) {
			tr, err := m.NewTrainer(recompute)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tr.Step(context.Background(), mbs[0]); err != nil {
					b.Fatal(err)
				}
			}
			predicted, err := m.Footprint(recompute, 2048, 2044)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(2048*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			b.ReportMetric(float64(tr.Bytes())/1e6, "activation-MB")
			b.ReportMetric(float64(predicted)/1e6, "predicted-MB")
		})
	}
}

// A step that has been run before allocates next to nothing: some headers of matrices a layer,
// whatever the number of tokens.
func TestStepsLeaveNoGarbage(t *testing.T) {
	bytes := func(length int) uint64 {
		c := config()
		c.LoRA.Dropout = 0
		m, _ := attach(t, c)
		tr, err := m.NewTrainer(0)
		if err != nil {
			t.Fatal(err)
		}
		row := pack.Row{IDs: make([]int32, length)}
		s, err := pack.New([]pack.Row{row}, pack.Options{MaxLen: length})
		if err != nil {
			t.Fatal(err)
		}
		mbs, _ := trainer.MicroBatches(s.Step([]int{0}, 1), 1, 0)
		least := uint64(math.MaxUint64) // other goroutines allocate too, now and then
		for i := range 8 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := tr.Step(context.Background(), mbs[0]); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if i >= 2 {
				least = min(least, after.TotalAlloc-before.TotalAlloc)
			}
		}
		return least
	}
	short, long := bytes(8), bytes(512)
	if long > 128<<10 || long > short+32<<10 {
		t.Errorf("a step allocates %d bytes with 8 tokens and %d with 512", short, long)
	}
}

// BenchmarkDecode is one token of one sequence, with 64 before it.
func BenchmarkDecode(b *testing.B) {
	if err := cpu.FromEnv(); err != nil {
		b.Fatal(err)
	}
	c, src := smolLM(b, 10)
	m, err := model.New(c, src, model.Attachment{})
	if err != nil {
		b.Fatal(err)
	}
	s := m.NewBatch(1)
	if _, err := s.Append([][]int32{make([]int32, 64)}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append([][]int32{{7}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(m.WeightBytes())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
}
