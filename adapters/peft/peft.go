// Package peft reads and writes adapters in PEFT's format: adapter_config.json and
// adapter_model.safetensors, as peft.PeftModel.save_pretrained makes them.
//
// An adapter comes from strangers. Read accepts only what the project computes exactly: plain LoRA,
// rsLoRA and DoRA on linear modules, LoRA on stacked experts, complete pairs of factors of the
// configured rank, finite values, safetensors and no pickle. What Write writes, Read reads.
// docs/format/adapter.md describes the files and the digest.
package peft

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// The names of the two files, which every serving engine looks for.
const (
	ConfigName  = "adapter_config.json"
	WeightsName = "adapter_model.safetensors"
)

// Version is the release of PEFT whose format is written.
const Version = "0.21.2"

// maxConfig bounds what is read of adapter_config.json, in bytes.
const maxConfig = 1 << 24

// Read reads the adapter in dir. Tensors are widened to float32 and copied into memory.
func Read(dir string) (*adapters.Adapter, error) {
	path := filepath.Join(dir, ConfigName)
	text, err := bounded.ReadFile(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %s is missing", dir, adapters.ErrNotAdapter, ConfigName)
	}
	if err != nil {
		return nil, err
	}
	config, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a := &adapters.Adapter{Config: config}
	if a.Tensors, err = readTensors(dir); err != nil {
		return nil, err
	}
	if a, err = stack(a); err == nil {
		err = Check(a)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, WeightsName), err)
	}
	return a, nil
}

// Write writes the adapter into dir, which is created where it does not exist. Each file appears
// whole or not at all, the config last, so that a directory with a config has its weights.
// The bytes depend only on the adapter.
func Write(dir string, a *adapters.Adapter) error {
	if err := Check(a); err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	entries := make([]safetensors.Entry, len(a.Tensors))
	for i, t := range a.Tensors {
		entries[i] = safetensors.F32Entry(t.Name, t.Shape, t.Data)
	}
	if err := safetensors.WriteFile(filepath.Join(dir, WeightsName), map[string]string{"format": "pt"}, entries); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, ConfigName), func(w io.Writer) error {
		_, err := w.Write(FormatConfig(a.Config))
		return err
	})
}

// readTensors reads all tensors of the directory, sorted by name.
func readTensors(dir string) ([]adapters.Tensor, error) {
	if err := checkHeader(filepath.Join(dir, WeightsName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := safetensors.Open(filepath.Join(dir, WeightsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noWeights(dir)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	tensors := make([]adapters.Tensor, 0, len(f.Tensors()))
	for _, name := range f.Tensors() {
		t, _ := f.Tensor(name)
		data, err := safetensors.Float32s(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path(), err)
		}
		tensors = append(tensors, adapters.Tensor{Name: name, Shape: t.Shape, Data: data})
	}
	return tensors, nil
}

// maxHeader bounds the header of an adapter's weights, in bytes: an adapter has some thousands of tensors,
// of about a hundred bytes each, where a whole model's file may have millions.
const maxHeader = 16 << 20

// checkHeader looks at the length of a header before anything is made of it.
func checkHeader(path string) error {
	f, err := bounded.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var length uint64
	if err := binary.Read(f, binary.LittleEndian, &length); err != nil {
		return nil // whoever reads the file says what is wrong with it
	}
	if length > maxHeader {
		return fmt.Errorf("%s: its header is %d bytes long, which no adapter's is", path, length)
	}
	return nil
}

// noWeights explains why there is no adapter_model.safetensors.
func noWeights(dir string) error {
	for _, pickle := range []string{"adapter_model.bin", "adapter_model.pt"} {
		if _, err := os.Stat(filepath.Join(dir, pickle)); err == nil {
			return fmt.Errorf("%s: %w (%s): pickle can run code when it is loaded and is refused; save the adapter as safetensors", dir, safetensors.ErrPickle, pickle)
		}
	}
	return fmt.Errorf("%s: %w: %s is missing", dir, adapters.ErrNotAdapter, WeightsName)
}

// sorted returns the tensors by name without changing the adapter.
func sorted(tensors []adapters.Tensor) []adapters.Tensor {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b adapters.Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return tensors
}
