package model_test

import (
	"testing"

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
		return m.FLOPs(0, 1, 1)
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
