package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/scratch"
)

// The shape that DESIGN and README speak of: SmolLM-135M.
const (
	layers, hidden, inner = 30, 576, 1536
	heads, kvHeads        = 9, 3
	vocabulary            = 49152
	sequence, batch       = 512, 4
	rank                  = 16
)

// modelConfig is config.json for weights of a type.
func modelConfig(typ string) map[string]any {
	c := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama",
		"hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
		"num_attention_heads": heads, "num_key_value_heads": kvHeads, "head_dim": hidden / heads,
		"vocab_size": vocabulary, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
		"hidden_act": "silu", "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false,
		"rope_theta": 10000.0, "initializer_range": 0.02, "dtype": typ,
		"bos_token_id": endToken, "eos_token_id": endToken, "pad_token_id": endToken,
	}
	if q := quantisationConfig(typ); q != nil {
		c["quantization_config"], c["dtype"] = q, "bfloat16"
	}
	return c
}

// baseDir makes, once, a base directory of the shape with random weights in float32, bfloat16, int8
// or nf4. They come from the same numbers: the float32 ones are what bfloat16 can say, and what is
// not quantised is in bfloat16.
func (b *bench) baseDir(typ string) (string, error) {
	dir := filepath.Join(b.dir, "base-135m-"+typ)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	_, _ = fmt.Fprintln(b.log, "making", dir)
	text, err := json.Marshal(modelConfig(typ))
	if err != nil {
		return "", err
	}
	cfg, err := bases.ParseConfig(text, model.Families())
	if err != nil {
		return "", err
	}
	weights := scratch.New(cfg, 1)
	weights.Round()
	files, err := tokenizerFiles()
	if err != nil {
		return "", err
	}
	files["config.json"] = text
	return dir, atomicfile.WriteDir(dir, func(tmp string) error {
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(tmp, name), data, 0o666); err != nil {
				return err
			}
		}
		var entries []safetensors.Entry
		for _, p := range weights.Params() {
			e, err := entriesOf(p, typ)
			if err != nil {
				return err
			}
			entries = append(entries, e...)
		}
		return safetensors.WriteFile(filepath.Join(tmp, safetensors.SingleName), map[string]string{"format": "pt"}, entries)
	})
}

// entriesOf are the tensors that a parameter is stored as.
func entriesOf(p *ops.Param, typ string) ([]safetensors.Entry, error) {
	if quantisationConfig(typ) != nil && quantisable(p) {
		return quantisedEntries(p, typ)
	}
	shape := []int{p.Rows, p.Cols}
	if p.Rows == 1 {
		shape = shape[1:]
	}
	if typ == "float32" {
		return []safetensors.Entry{safetensors.F32Entry(p.Name, shape, p.Value)}, nil
	}
	bits := make([]uint16, len(p.Value))
	dtype.Round(dtype.BF16, bits, p.Value)
	data := make([]byte, 0, 2*len(bits))
	for _, b := range bits {
		data = binary.LittleEndian.AppendUint16(data, b)
	}
	return []safetensors.Entry{{Name: p.Name, DType: safetensors.BF16, Shape: shape, Data: data}}, nil
}

// The tokenizer has a word for every id, so that data is text for us and ids for whoever wants ids.
const (
	endToken, userToken, assistantToken = 0, 1, 2
	firstWord                           = 3
)

var specialTokens = []string{"<|end|>", "<|user|>", "<|assistant|>"}

const chatTemplate = `{% for m in messages %}<|{{ m.role }}|> {{ m.content }} <|end|> {% endfor %}{% if add_generation_prompt %}<|assistant|> {% endif %}`

// word is the text of an id.
func word(id int) string {
	if id < firstWord {
		return specialTokens[id]
	}
	return fmt.Sprintf("w%d", id)
}

func tokenizerFiles() (map[string][]byte, error) {
	vocab := make(map[string]int, vocabulary)
	for id := range vocabulary {
		vocab[word(id)] = id
	}
	var added []map[string]any
	for id, text := range specialTokens {
		added = append(added, map[string]any{
			"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		})
	}
	tokenizer, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": nil, "pre_tokenizer": map[string]any{"type": "WhitespaceSplit"}, "post_processor": nil, "decoder": nil,
		"model": map[string]any{"type": "WordLevel", "vocab": vocab, "unk_token": specialTokens[endToken]},
	})
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"bos_token": specialTokens[endToken], "eos_token": specialTokens[endToken], "pad_token": specialTokens[endToken],
		"model_max_length": 2048, "tokenizer_class": "PreTrainedTokenizerFast",
	})
	return map[string][]byte{
		"tokenizer.json": tokenizer, "tokenizer_config.json": config, "chat_template.jinja": []byte(chatTemplate),
	}, err
}
