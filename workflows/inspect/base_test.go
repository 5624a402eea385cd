package inspect

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// expertsDir is a base with experts and an adapter of theirs, made by PEFT.
var expertsDir = filepath.Join("..", "..", "trainer", "model", "testdata", "mixtral-experts")

func TestListsExperts(t *testing.T) {
	info, err := OfBase(expertsDir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Target{
		{Name: "mlp.gate.weight", In: 16, Out: 4, Count: 2},
		{Name: "mlp.experts.gate_up_proj", In: 16, Out: 48, Experts: 4, Count: 2},
		{Name: "mlp.experts.down_proj", In: 24, Out: 16, Experts: 4, Count: 2},
	}
	if !reflect.DeepEqual(info.Weights, want) || len(info.Targets) != 4 {
		t.Errorf("target_parameters can name %+v, target_modules %+v", info.Weights, info.Targets)
	}
}

// TestMemory holds the estimate to what the trainer takes for a step, on a base where the terms are
// of like size.
func TestMemory(t *testing.T) {
	b, err := bases.Open(testkit.Shared(t, "goldens", "llama", "base"), model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	info, err := OfBase(b.Dir())
	if err != nil {
		t.Fatal(err)
	}
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		t.Fatal(err)
	}
	cfg := trainer.DefaultConfig()
	f, err := lora.New(cfg.LoRA, modules, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(b.Config(), b, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	cfg.MicroBatchSize, cfg.MaxSeqLength = 2, 256
	want, err := memoryOf(b, info, cfg)
	if err != nil {
		t.Fatal(err)
	}
	other := info.WeightBytes
	for _, p := range f.Params() {
		other += 16 * int64(len(p.Value))
	}
	for _, memory := range []struct {
		recompute int
		want      int64
	}{{0, want.Train}, {b.Config().NumHiddenLayers, want.TrainLess}} {
		tr, err := m.NewTrainer(memory.recompute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Step(context.Background(), microBatch(2, 256)); err != nil {
			t.Fatal(err)
		}
		got := tr.Bytes() + other
		ratio := float64(memory.want) / float64(got)
		t.Logf("ratio %.2f", ratio)
		if ratio < 0.85 || ratio > 1.2 {
			t.Errorf("%d layers recomputed: estimated %d bytes, taken %d: ratio %.2f", memory.recompute, memory.want, got, ratio)
		}
	}
}

// microBatch is sequences of one length in which every row but the last has a label.
func microBatch(sequences, length int) *model.MicroBatch {
	mb := &model.MicroBatch{LossScale: 1}
	for s := range sequences {
		for i := range length {
			row := int32(s*length + i)
			mb.Tokens = append(mb.Tokens, row%100)
			mb.Layout.Positions = append(mb.Layout.Positions, int32(i))
			if i < length-1 {
				mb.Rows = append(mb.Rows, row)
				mb.Labels = append(mb.Labels, (row+1)%100)
			}
		}
		from, to := s*length, (s+1)*length
		mb.Layout.Segments = append(mb.Layout.Segments, attention.Segment{Q0: from, Q1: to, K0: from, K1: to})
	}
	return mb
}
