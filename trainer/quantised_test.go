package trainer_test

import (
	"context"
	"github.com/cultivar/cultivar/trainer/optim"
	"runtime"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// widenedSource is a quantised base with its weights in float32: what a product with the quantised ones
// must equal.
type widenedSource struct{ bases.Weights }

func (s widenedSource) Tensor(name string) (bases.View, error) {
	v, err := s.Weights.Tensor(name)
	if err != nil || v.Quant == nil {
		return v, err
	}
	values := make([]float32, v.Quant.Rows*v.Quant.Cols)
	for row := range v.Quant.Rows {
		v.Quant.Decode(values[row*v.Quant.Cols:][:v.Quant.Cols], row, 0)
	}
	return bases.View{F32: values, Shape: v.Shape}, nil
}

// attachTo is attach to another source of the same model's weights. The factors are made beside the
// plain weights, so that they are the same everywhere.
func attachTo(t *testing.T, c trainer.Config, source func(bases.Weights) bases.Weights) (*model.Model, []*ops.Param) {
	t.Helper()
	bc, weights := tiny(t)
	plain := frozenSource{weights}
	modules, err := model.Modules(bc, plain)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lora.New(c.LoRA, modules, plain, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(bc, source(plain), f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	return m, f.Params()
}

// A base that is quantised on load trains and learns, and to the same bits as the same weights in float32:
// with every kernel, any number of threads, and decoding token by token.
func TestQuantisedBaseTrains(t *testing.T) {
	rows := sequences(t, 8, pack.BestFit)
	run := func(steps int, source func(bases.Weights) bases.Weights) ([32]byte, *model.Model, float64) {
		c := config()
		c.MaxSteps, c.LoRA.Dropout = steps, 0
		m, params := attachTo(t, c, source)
		before, err := eval.NLL(context.Background(), m.NewEvaluator(), rows.Rows, eval.TokensAtOnce)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trainer.Run(context.Background(), trainer.Job{Config: c, Model: m, Groups: optim.OneGroup(params, c.WeightDecay), Train: rows, RunDigest: "r", OutDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		return digest(params), m, before.MeanNLL()
	}
	for _, method := range bases.QuantiseMethods() {
		t.Run(method, func(t *testing.T) {
			quantised := func(w bases.Weights) bases.Weights {
				q, err := bases.Quantise(w, method)
				if err != nil {
					t.Fatal(err)
				}
				return q
			}
			_, m, before := run(40, quantised)
			after, err := eval.NLL(context.Background(), m.NewEvaluator(), rows.Rows, eval.TokensAtOnce)
			if err != nil {
				t.Fatal(err)
			}
			if after.MeanNLL() > 0.8*before {
				t.Errorf("loss %.3f before, %.3f after", before, after.MeanNLL())
			}
			checkDecoding(t, m, rows.Rows[0].IDs)

			const steps = 3
			want, _, _ := run(steps, func(w bases.Weights) bases.Weights { return widenedSource{quantised(w)} })
			for _, i := range cpu.Available() {
				restore := cpu.Use(i)
				if got, _, _ := run(steps, quantised); got != want {
					t.Errorf("%v changes the result", i)
				}
				restore()
			}
			old := runtime.GOMAXPROCS(1)
			defer runtime.GOMAXPROCS(old)
			if got, _, _ := run(steps, quantised); got != want {
				t.Error("one thread changes the result")
			}
		})
	}
}

// checkDecoding holds decoding token by token against the whole at once.
func checkDecoding(t *testing.T, m *model.Model, ids []int32) {
	t.Helper()
	whole := slices.Clone(grow(t, m.NewBatch(1), ids...))
	one := m.NewBatch(1)
	var last []float32
	for _, id := range ids {
		last = grow(t, one, id)
	}
	if !slices.Equal(whole, last) {
		t.Error("decoding differs from prefill")
	}
}
