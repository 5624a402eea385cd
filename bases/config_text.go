package bases

import (
	"encoding/json"

	"github.com/cultivar/cultivar/bases/keys"
)

// textKeys returns the keys that describe the language model, and whether these stand in the
// text_config of a multimodal one. Keys of the whole model, such as its architecture, are added to
// those of text_config, and defaults of the class where a key is absent.
func (list Families) textKeys(file map[string]json.RawMessage) (all map[string]json.RawMessage, nested bool, err error) {
	text, nested := file["text_config"]
	nested = nested && !keys.IsNull(text) && file["hidden_size"] == nil
	all = make(map[string]json.RawMessage, len(file))
	if !nested {
		fill(all, file)
	} else {
		inner, err := keys.Object(text)
		if err != nil {
			return nil, true, err
		}
		// The whole model says whether the head is tied, and ties it unless it says otherwise
		// or is of a class that does not.
		all["tie_word_embeddings"] = json.RawMessage("true")
		if list.untied(file["model_type"]) {
			all["tie_word_embeddings"] = json.RawMessage("false")
		}
		for _, key := range []string{"architectures", "tie_word_embeddings"} {
			if v, ok := file[key]; ok {
				all[key] = v
			}
		}
		fill(all, inner)
		for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype", "quantization_config"} {
			if v, ok := file[key]; ok && (all[key] == nil || keys.IsNull(all[key])) {
				all[key] = v
			}
		}
	}
	var modelType string
	if json.Unmarshal(all["model_type"], &modelType) != nil {
		return all, nested, nil // the reader says so
	}
	family := list.typed(modelType)
	for name, usual := range family.Names {
		if v, ok := all[name]; ok {
			all[usual] = v
		}
	}
	if family.Defaults != "" {
		more, err := keys.Object([]byte(family.Defaults))
		if err != nil {
			return nil, nested, err
		}
		fill(all, more)
	}
	return all, nested, nil
}

// fill adds to dst the keys of src that dst lacks. A class that has rotary parameters of its own has
// them for null too.
func fill(dst, src map[string]json.RawMessage) {
	for key, value := range src {
		if old, ok := dst[key]; !ok || key == "rope_parameters" && keys.IsNull(old) {
			dst[key] = value
		}
	}
}
