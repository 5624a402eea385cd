package export

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/plainjson"
)

// DType says how the weights of a merged model are stored.
type DType string

// The names are those of config.json. Keep stores each weight in the type the base has it in.
const (
	Float32  DType = "float32"
	BFloat16 DType = "bfloat16"
	Float16  DType = "float16"
	Keep     DType = "keep"
)

// DTypes lists the names.
var DTypes = []DType{Float32, BFloat16, Float16, Keep}

// stored is the type a weight of type from is written in.
func (d DType) stored(from dtype.Type) dtype.Type {
	switch d {
	case Float32:
		return dtype.F32
	case BFloat16:
		return dtype.BF16
	case Float16:
		return dtype.F16
	default:
		return from
	}
}

// encode is the values' little-endian bytes in type t. It refuses to make infinities of large
// values, as float16 does.
func encode(values []float32, t dtype.Type) ([]byte, error) {
	out := make([]byte, len(values)*t.Size())
	if t == dtype.F32 {
		_, err := binary.Encode(out, binary.LittleEndian, values)
		return out, err
	}
	bits := make([]uint16, len(values))
	dtype.Round(t, bits, values)
	for i, u := range bits {
		if t == dtype.F16 && u&0x7fff == 0x7c00 && values[i]-values[i] == 0 {
			return nil, fmt.Errorf("value %g is too large for float16; use bfloat16 or float32", values[i])
		}
		binary.LittleEndian.PutUint16(out[2*i:], u)
	}
	return out, nil
}

const configName = "config.json"

// configText is the base's config.json as that of a checkpoint of plain numbers of a type.
func configText(base *bases.Base, d DType) ([]byte, error) {
	text, err := bounded.ReadFile(filepath.Join(base.Dir(), configName), 64<<20)
	if err == nil && base.QuantMethod() != "" {
		text, err = withoutQuantization(text)
	}
	if err != nil {
		return nil, err
	}
	return withDType(text, d)
}

// withoutQuantization takes quantization_config out of config.json, where a multimodal model may have it
// in the part about its text as well.
func withoutQuantization(text []byte) ([]byte, error) {
	const key = "quantization_config"
	var config map[string]json.RawMessage
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	delete(config, key)
	var inner map[string]json.RawMessage
	if json.Unmarshal(config["text_config"], &inner) == nil && inner[key] != nil {
		delete(inner, key)
		text, err := json.Marshal(inner)
		if err != nil {
			return nil, err
		}
		config["text_config"] = text
	}
	return plainjson.MarshalFile(config) // as transformers writes it, keys sorted
}

// withDType is config.json with the weights' type set, under the key of transformers 5 or, where the
// file has that one, of transformers 4.
func withDType(text []byte, d DType) ([]byte, error) {
	if d == Keep {
		return text, nil
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	value := json.RawMessage(`"` + string(d) + `"`)
	_, old := config["torch_dtype"]
	_, current := config["dtype"]
	if old {
		config["torch_dtype"] = value
	}
	if current || !old {
		config["dtype"] = value
	}
	return plainjson.MarshalFile(config) // as transformers writes it, keys sorted
}
