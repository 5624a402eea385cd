package bases

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/internal/mapped"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// cosmetic are config keys that do not change what a model computes; tools rewrite them at will.
var cosmetic = []string{
	"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache",
	"output_attentions", "output_hidden_states", "initializer_range",
}

// digest covers weights, config, tokenizer and chat template.
func (d *directory) digest(c *Config) (string, error) {
	weights, err := digestWeights(d.weights)
	if err != nil {
		return "", err
	}
	tokenizer, err := d.digestTokenizer()
	if err != nil {
		return "", err
	}
	template, err := d.digestTemplate()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "cultivar base 1\nweights %s\nconfig %s\ntokenizer %s\ntemplate %s\n",
		weights, digestConfig(c), tokenizer, template)
	return "sha256:" + hexSum(h), nil
}

// digest covers the bytes of the file, which hold everything.
func (w *ggufWeights) digest(*Config) (string, error) {
	sum, err := digestFile(w.file.Path())
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "cultivar base 1\ngguf %s\n", sum)
	return "sha256:" + hexSum(h), nil
}

// digestWeights covers the names, types and shapes of all tensors and the bytes of all files.
func digestWeights(w *safetensors.Sharded) (string, error) {
	h := sha256.New()
	for _, name := range w.Tensors() {
		t, ok := w.Tensor(name)
		if !ok {
			return "", fmt.Errorf("%w: %q", ErrNoTensor, name)
		}
		_, _ = fmt.Fprintf(h, "tensor %d:%s %s %v\n", len(name), name, t.DType, t.Shape)
	}
	files := w.Files()
	sums, errs := make([]string, len(files)), make([]error, len(files))
	parallel.For(len(files), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			sums[i], errs[i] = digestFile(files[i].Path())
		}
	})
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	for _, sum := range sums { // in the order of the file names, which themselves do not count
		_, _ = fmt.Fprintf(h, "file %s\n", sum)
	}
	return hexSum(h), nil
}

// fileID tells whether a file is still the one that was digested.
type fileID struct {
	path        string
	size, mtime int64
}

// fileDigests remembers the hex digests by fileID: hashing a large base takes seconds, and one
// process asks several times. It is never written to disk, where it could be forged or grow stale.
var fileDigests sync.Map

func digestFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	id := fileID{full, info.Size(), info.ModTime().UnixNano()}
	if sum, ok := fileDigests.Load(id); ok {
		return sum.(string), nil
	}
	sum, err := digestMapped(path)
	if err != nil {
		return "", err
	}
	fileDigests.Store(id, sum)
	return sum, nil
}

// digestMapped reads a file as a mapping, piece by piece. Often nobody has read it before, and the pages of a
// mapping's reading are what training then goes through (internal/hugepage).
func digestMapped(path string) (string, error) {
	data, unmap, err := mapped.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for piece := range slices.Chunk(data, 16<<20) {
		_, _ = h.Write(piece)
		mapped.Forget(piece)
	}
	return hexSum(h), unmap()
}

// digestConfig covers all keys but the cosmetic ones, by sorted key, each value without white space.
func digestConfig(c *Config) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(c.Raw)) {
		if slices.Contains(cosmetic, key) {
			continue
		}
		_, _ = fmt.Fprintf(h, "%d:%s %s\n", len(key), key, compact(c.Raw[key]))
	}
	return hexSum(h)
}

// digestTokenizer covers the bytes of the file that the tokenizer is read from, tokenizer.json or one
// of its elders, "-" when there is none. GPT-2's two files count as one.
func (d *directory) digestTokenizer() (string, error) {
	names := []string{tokenizerName, "tokenizer.model", "spiece.model", "tekken.json"}
	if found, err := fs.Glob(os.DirFS(d.path), "*.tiktoken"); err == nil {
		names = append(names, found...)
	}
	for _, name := range names {
		text, err := d.read(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return digestOptional(text, err)
		}
	}
	text, err := d.read("vocab.json")
	if err != nil {
		return digestOptional(text, err)
	}
	merges, err := d.read("merges.txt")
	return digestOptional(slices.Concat(text, merges), err)
}

// digestTemplate covers the chat template. It is the same whether the template is in its own file,
// as transformers 5 writes it, or a string in tokenizer_config.json.
func (d *directory) digestTemplate() (string, error) {
	text, err := d.read(templateName)
	if !errors.Is(err, fs.ErrNotExist) {
		return digestOptional(text, err)
	}
	text, err = d.read(tokenizerConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return "-", nil
	}
	if err != nil {
		return "", err
	}
	r, err := keys.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Join(d.path, tokenizerConfigName), err)
	}
	raw := r.Raw("chat_template")
	if raw == nil {
		return "-", nil
	}
	var template string
	if err := json.Unmarshal(raw, &template); err != nil {
		return digestOptional(compact(raw), nil) // a list of named templates
	}
	return digestOptional([]byte(template), nil)
}

// digestOptional is the hex digest of what reading a file gave, "-" when it does not exist.
func digestOptional(text []byte, err error) (string, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return "-", nil
	}
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// compact drops insignificant white space of valid JSON.
func compact(raw json.RawMessage) []byte {
	var buf bytes.Buffer
	if err := json.Compact(&buf, raw); err != nil {
		return raw
	}
	return buf.Bytes()
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
