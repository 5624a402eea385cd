package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/trainer/ops"
)

// quantisationConfig is what config.json says beside weights that bitsandbytes stores, nil for others.
func quantisationConfig(typ string) map[string]any {
	switch typ {
	case "nf4":
		return map[string]any{
			"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false, "bnb_4bit_quant_type": "nf4",
			"bnb_4bit_use_double_quant": false, "bnb_4bit_compute_dtype": "float32", "bnb_4bit_quant_storage": "uint8",
		}
	case "int8":
		return map[string]any{
			"quant_method": "bitsandbytes", "load_in_4bit": false, "load_in_8bit": true, "llm_int8_threshold": json.Number("6.0"), // an integer is refused
		}
	}
	return nil
}

// quantisedEntries are the tensors that bitsandbytes stores for the weight of a linear module. They
// are equal to its own in every byte, so that the peer reads the same directory.
func quantisedEntries(p *ops.Param, typ string) ([]safetensors.Entry, error) {
	values := func(dst []float32, at int) { copy(dst, p.Value[at:]) }
	module := strings.TrimSuffix(p.Name, ".weight")
	if typ == "int8" {
		q, err := quant.QuantiseInt8(p.Rows, p.Cols, values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		return []safetensors.Entry{
			{Name: p.Name, DType: "I8", Shape: []int{p.Rows, p.Cols}, Data: q.Codes},
			safetensors.F32Entry(module+".SCB", []int{p.Rows}, q.Scale),
			{Name: module + ".weight_format", DType: safetensors.U8, Shape: []int{}, Data: []byte{0}},
		}, nil
	}
	const block = 64
	q, err := quant.Quantise4Bit(quant.NF4, p.Rows, p.Cols, block, false, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	state, err := json.Marshal(map[string]any{"quant_type": "nf4", "blocksize": block, "dtype": "float32", "shape": []int{p.Rows, p.Cols}})
	if err != nil {
		return nil, err
	}
	return []safetensors.Entry{
		{Name: p.Name, DType: safetensors.U8, Shape: []int{len(q.Packed), 1}, Data: q.Packed},
		safetensors.F32Entry(p.Name+".absmax", []int{len(q.Absmax)}, q.Absmax),
		safetensors.F32Entry(p.Name+".quant_map", []int{16}, quant.FourBitValues(quant.NF4)),
		{Name: p.Name + ".quant_state.bitsandbytes__nf4", DType: safetensors.U8, Shape: []int{len(state)}, Data: state},
	}, nil
}

// quantisable tells whether bitsandbytes would store a parameter in fewer bits: matrices of the
// layers, not the embedding, which is also the vocabulary projection.
func quantisable(p *ops.Param) bool {
	return p.Rows > 1 && strings.HasPrefix(p.Name, "model.layers.")
}
