package hub

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// The weights: one file, or an index and its shards. Where both are, the single file wins, as with
// transformers. docs/format/base.md says what else is read.
const (
	weightsName = "model.safetensors"
	indexName   = "model.safetensors.index.json"
	configName  = "config.json"
	templates   = "additional_chat_templates/"
)

// small are the files besides the weights: configuration, tokenizers in every form, templates, and what
// reads images, films and sound, which a merged model has again.
var small = []string{
	configName, "generation_config.json", "quantize_config.json", "quant_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "merges.txt", "vocab.txt", "tekken.json",
	"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
	"chat_template.jinja", "chat_template.json",
	"preprocessor_config.json", "processor_config.json", "image_processor_config.json", "video_preprocessor_config.json", "feature_extractor_config.json",
}

// needed reports whether a file is one of those.
func needed(name string) bool {
	if strings.HasPrefix(name, templates) {
		return path.Dir(name)+"/" == templates && strings.HasSuffix(name, ".jinja")
	}
	return slices.Contains(small, name) || !strings.Contains(name, "/") && strings.HasSuffix(name, ".tiktoken")
}

// choose returns the files that are needed besides the shards of an index. The index, which says
// what the shards are, is among them where it is needed.
func choose(ref Ref, list []entry) (files []entry, index bool, err error) {
	find := func(name string) (entry, bool) {
		i := slices.IndexFunc(list, func(e entry) bool { return e.Path == name })
		if i < 0 {
			return entry{}, false
		}
		return list[i], true
	}
	if ref.Path != "" {
		e, ok := find(ref.Path)
		if !ok {
			return nil, false, &Error{Msg: fmt.Sprintf("%s has no file %s%s", ref.Repo, ref.Path, others(list, ".gguf")), Err: ErrNotFound}
		}
		return []entry{e}, false, nil
	}
	for _, e := range list {
		if needed(e.Path) {
			files = append(files, e)
		}
	}
	if e, ok := find(weightsName); ok {
		files = append(files, e)
	} else if e, ok := find(indexName); ok {
		files, index = append(files, e), true
	} else {
		return nil, false, noWeights(ref, list)
	}
	if _, ok := find(configName); !ok {
		return nil, false, &Error{Msg: fmt.Sprintf("%s has no %s: it is no model that transformers can open", ref, configName), Err: ErrUnusable}
	}
	return files, index, nil
}

// others lists the files of a kind, to choose from.
func others(list []entry, suffix string) string {
	var names []string
	for _, e := range list {
		if strings.HasSuffix(e.Path, suffix) {
			names = append(names, printable(e.Path))
		}
	}
	if len(names) == 0 {
		return ""
	}
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	return "; there are " + strings.Join(names, ", ")
}

// noWeights says what a repository has instead of safetensors.
func noWeights(ref Ref, list []entry) error {
	if text := others(list, ".gguf"); text != "" {
		return &Error{Msg: fmt.Sprintf("%s has no safetensors weights%s", ref, text), Err: ErrUnusable,
			Way: fmt.Sprintf("name one of them: %s/FILE.gguf", ref)}
	}
	e := &Error{Msg: fmt.Sprintf("%s has no %s", ref, weightsName), Err: ErrUnusable}
	for _, suffix := range []string{".bin", ".pt", ".pth"} {
		if others(list, suffix) != "" {
			e.Msg += ", only pickled weights, which can run code when they are loaded"
			e.Way = "the Space safetensors/convert makes safetensors of them; many models have them on the revision refs/pr/1"
			break
		}
	}
	return e
}

// maxIndex bounds the index of shards; those of the largest models have a few MB.
const maxIndex = 64 << 20

// shards reads an index and returns the entries of its files.
func shards(ref Ref, index []byte, list []entry) ([]entry, error) {
	var x struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &x); err != nil {
		return nil, &Error{Msg: fmt.Sprintf("%s: %s is no index: %v", ref, indexName, err), Err: ErrUnusable}
	}
	want := map[string]bool{}
	for _, name := range x.Map {
		want[name] = true
	}
	var files []entry
	for _, e := range list {
		if want[e.Path] && strings.HasSuffix(e.Path, ".safetensors") {
			files = append(files, e)
			delete(want, e.Path)
		}
	}
	for name := range want {
		return nil, &Error{Msg: fmt.Sprintf("%s: %s names %q, which is not there", ref, indexName, printable(name)), Err: ErrUnusable}
	}
	if len(files) == 0 {
		return nil, &Error{Msg: fmt.Sprintf("%s: %s names no weights", ref, indexName), Err: ErrUnusable}
	}
	return files, nil
}
