package model_test

import (
	"slices"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// Of the factors of experts a token needs those of the experts that it is sent to: 2 here, in each of 3
// layers. Forward is one product with each factor, backward two.
func TestFLOPsOfExperts(t *testing.T) {
	b := open(t, "testdata/mixtral")
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		t.Fatal(err)
	}
	flops := func(parameters ...string) float64 {
		f, err := lora.New(lora.Config{Rank: 5, Alpha: 1, TargetModules: lora.Targets{"q_proj"}, TargetParameters: parameters}, modules, b, 1)
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.New(b.Config(), b, f.Attachment())
		if err != nil {
			t.Fatal(err)
		}
		return m.FLOPs(0, 1, 1, 1)
	}
	const hidden, inner = 16, 24
	got := flops("experts.gate_up_proj", "experts.down_proj") - flops()
	if want := float64(3 * 2 * 3 * 2 * 5 * (hidden + 2*inner + inner + hidden)); got != want {
		t.Errorf("%g operations a token more, want %g", got, want)
	}
}

// Experts that are stacked in one tensor are counted once, in the format in which they are stored.
func TestWeightBytes(t *testing.T) {
	bytes := func(name string) int64 {
		b := open(t, "testdata/"+name)
		m, err := model.New(b.Config(), b, model.Attachment{})
		if err != nil {
			t.Fatal(err)
		}
		return m.WeightBytes()
	}
	for _, name := range []string{"gptoss", "gptoss-mxfp4", "granitemoe"} {
		b := open(t, "testdata/"+name)
		var stored int64
		for _, tensor := range b.Tensors() {
			v, err := b.Tensor(tensor)
			if err != nil {
				t.Fatal(err)
			}
			if v.Quant != nil {
				stored += v.Quant.Bytes()
			} else {
				stored += 4*int64(len(v.F32)) + 2*int64(len(v.U16))
			}
		}
		// Vectors are widened, which adds to the little that they are.
		if got := bytes(name); got < stored || got > stored+stored/4 {
			t.Errorf("%s: %d bytes, its tensors are %d", name, got, stored)
		}
	}
}

// What a layer that does not attend costs does not grow with the keys.
func TestFLOPsOfHybrids(t *testing.T) {
	for name, attend := range map[string]float64{"lfm2": 1, "granite4": 1, "granite": 3} {
		b := open(t, "testdata/"+name)
		m, err := model.New(b.Config(), b, model.Attachment{})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := model.Attending(b.Config()); err != nil || float64(n) != attend {
			t.Errorf("%s: %d layers attend (%v), want %g", name, n, err, attend)
		}
		// Nothing is trained, so that all layers run forward only; 16 columns of queries in each case.
		if got := m.FLOPs(0, 2, 2, 1) - m.FLOPs(0, 2, 1, 1); got != 4*48*16 {
			t.Errorf("%s: a label more costs %g", name, got)
		}
		if got := m.FLOPs(0, 2, 2, 11) - m.FLOPs(0, 2, 2, 1); got != attend*2*10*4*16 {
			t.Errorf("%s: ten more keys cost %g", name, got)
		}
	}
	b := open(t, "testdata/granite4")
	m, err := model.New(b.Config(), b, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	const (
		mamba     = 16*80 + 44*4 + 32*16 // weights of a layer that a token needs
		attention = 16*(16+8+8) + 16*16
		feed      = 16*4 + 2*(16*48+24*16) + 16*40 + 20*16 // two of four experts
		states    = 5 * 32 * 6
	)
	want := 3*(2*mamba+states) + 2*attention + 4*2*feed + 4*10*16 + 4*48*16
	if got := m.FLOPs(0, 1, 1, 10); got != float64(want) {
		t.Errorf("a token costs %g, want %d", got, want)
	}
}

// A gated delta net costs the same for every token, however many were before it.
func TestFLOPsOfDeltaNets(t *testing.T) {
	b := open(t, "testdata/qwen35")
	m, err := model.New(b.Config(), b, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := model.Attending(b.Config()); err != nil || n != 1 {
		t.Errorf("%d layers attend (%v), want 1", n, err)
	}
	const (
		delta     = 16*(56+24+4+4) + 3*56 + 24*16 // weights
		attention = 16*(2*32+16+16) + 32*16
		feed      = 3 * 16 * 24
		states    = 7 * 24 * 8
		keys      = 10
	)
	want := 3*(2*delta+states) + 2*attention + 4*keys*32 + 4*2*feed + 4*48*16
	if got := m.FLOPs(0, 1, 1, keys); got != float64(want) {
		t.Errorf("a token costs %g, want %d", got, want)
	}
}

// What is planned for a step is what it takes, where layers differ and keep different things.
func TestFootprintOfHybrids(t *testing.T) {
	for _, name := range []string{"lfm2", "lfm2moe", "granite4", "granite4-dense", "granite", "qwen35", "qwen3next"} {
		b := open(t, "testdata/"+name)
		a, err := peft.Read("testdata/" + name + "/adapter")
		if err != nil {
			t.Fatal(err)
		}
		m, _ := attached(t, b, a)
		for _, recompute := range []int{0, 2, b.Config().NumHiddenLayers} {
			const rows = 160
			tr, err := m.NewTrainer(recompute)
			if err != nil {
				t.Fatal(err)
			}
			docs := make([][]int32, 4)
			for i := range docs {
				docs[i] = slices.Repeat([]int32{5, 9, 23, 40}, rows/4/len(docs))
			}
			tr.Reserve(rows)
			gradients(t, tr, docs)
			predicted, err := m.Footprint(recompute, rows, rows-len(docs))
			if err != nil {
				t.Fatal(err)
			}
			if got := float64(tr.Bytes()) / float64(predicted); got > 1 || got < 0.9 {
				t.Errorf("%s, %d layers computed twice: a step takes %d bytes, the plan says %d", name, recompute, tr.Bytes(), predicted)
			}
		}
	}
}
