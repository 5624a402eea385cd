package model_test

import (
	"testing"

	"github.com/cultivar/cultivar/trainer/model"
)

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
