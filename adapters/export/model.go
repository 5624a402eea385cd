package export

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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

// ParseDType reads a name as given on the command line.
func ParseDType(name string) (DType, error) {
	switch d := DType(name); d {
	case Float32, BFloat16, Float16, Keep:
		return d, nil
	}
	return "", fmt.Errorf("dtype %q is none of float32, bfloat16, float16, keep", name)
}

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

// modelConfig is the part of config.json that a merge depends on.
type modelConfig struct {
	Tied         bool            `json:"tie_word_embeddings"`
	ModelType    string          `json:"model_type"`
	Quantization json.RawMessage `json:"quantization_config"`
}

// TransposedExperts tells that the matrices of stacked experts have their outputs as columns
// (transformers, models/gpt_oss/modeling_gpt_oss.py, is_transposed).
func (c modelConfig) TransposedExperts() bool { return c.ModelType == "gpt_oss" }

const configName = "config.json"

// carried are the files that make weights usable, and the terms they come under.
var carried = []string{
	"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "generation_config.json",
	"LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt", "NOTICE.md", "USE_POLICY.md",
}

// copyFiles copies those of the carried files that the base has.
func copyFiles(baseDir, dir string) error {
	for _, name := range carried {
		err := copyFile(filepath.Join(baseDir, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// readConfig reads config.json as that of a checkpoint of plain numbers. What is quantised is refused
// unless somebody knows how it widens.
func readConfig(baseDir string, widens bool) (modelConfig, []byte, error) {
	path := filepath.Join(baseDir, configName)
	text, err := os.ReadFile(path)
	if err != nil {
		return modelConfig{}, nil, err
	}
	var c modelConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return modelConfig{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	quantised := len(c.Quantization) > 0 && string(c.Quantization) != "null"
	switch {
	case !quantised && !widens:
		return c, text, nil
	case !widens:
		return modelConfig{}, nil, fmt.Errorf("%s: the base is quantised (quantization_config): merge into the full-precision model it was made from", baseDir)
	}
	text, err = withoutQuantization(text)
	return c, text, err
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
