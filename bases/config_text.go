package bases

import "encoding/json"

// textKeys returns the keys that describe the language model, and whether these stand in the
// text_config of a multimodal one. Keys of the whole model, such as its architecture, are added to
// those of text_config, and defaults of the class where a key is absent.
func (list Families) textKeys(file map[string]json.RawMessage) (keys map[string]json.RawMessage, nested bool, err error) {
	text, nested := file["text_config"]
	nested = nested && !isNull(text) && file["hidden_size"] == nil
	keys = make(map[string]json.RawMessage, len(file))
	if !nested {
		fill(keys, file)
	} else {
		inner, err := parseObject(text)
		if err != nil {
			return nil, true, err
		}
		// The whole model says whether the head is tied, and ties it unless it says otherwise
		// or is of a class that does not.
		keys["tie_word_embeddings"] = json.RawMessage("true")
		if list.untied(file["model_type"]) {
			keys["tie_word_embeddings"] = json.RawMessage("false")
		}
		for _, key := range []string{"architectures", "tie_word_embeddings"} {
			if v, ok := file[key]; ok {
				keys[key] = v
			}
		}
		fill(keys, inner)
		for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype", "quantization_config"} {
			if v, ok := file[key]; ok && (keys[key] == nil || isNull(keys[key])) {
				keys[key] = v
			}
		}
	}
	var modelType string
	if json.Unmarshal(keys["model_type"], &modelType) != nil {
		return keys, nested, nil // the reader says so
	}
	family := list.typed(modelType)
	for name, usual := range family.Names {
		if v, ok := keys[name]; ok {
			keys[usual] = v
		}
	}
	if family.Defaults != "" {
		more, err := parseObject([]byte(family.Defaults))
		if err != nil {
			return nil, nested, err
		}
		fill(keys, more)
	}
	return keys, nested, nil
}

// fill adds to dst the keys of src that dst lacks. A class that has rotary parameters of its own has
// them for null too.
func fill(dst, src map[string]json.RawMessage) {
	for key, value := range src {
		if old, ok := dst[key]; !ok || key == "rope_parameters" && isNull(old) {
			dst[key] = value
		}
	}
}
