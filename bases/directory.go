package bases

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/bases/packed"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/mapped"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// directory is a base as transformers' save_pretrained writes it.
type directory struct {
	path    string
	weights *safetensors.Sharded
	packed  *packed.Checkpoint // nil when the files hold plain tensors
	names   map[string]string  // in the files, by the names that transformers uses now; nil where they agree
}

func openDirectory(path string, families Families) (*Base, error) {
	d := &directory{path: path}
	b := &Base{format: d}
	text, err := d.read(configName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %s is missing; a base is a directory as transformers' save_pretrained writes it", path, ErrNotBase, configName)
	}
	if err != nil {
		return nil, err
	}
	if b.config, err = ParseConfig(text, families); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(path, configName), err)
	}
	if b.generation, err = d.readGeneration(); err != nil {
		return nil, err
	}
	if d.weights, err = safetensors.OpenSharded(path); err != nil {
		return nil, err
	}
	if d.packed, err = packed.Open(b.config.Raw["quantization_config"], d.weights); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), d.close())
	}
	if d.names, err = laterNames(b.config, d.storedNames()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), d.close())
	}
	return b, nil
}

func (d *directory) close() error { return d.weights.Close() }

func (d *directory) Tensor(name string) (View, error) {
	if d.packed.Has(d.Stored(name)) {
		t, shape, transposed, err := d.packed.Weight(d.Stored(name))
		if err != nil {
			return View{}, fmt.Errorf("%s: %w", d.path, err)
		}
		return View{Quant: t, Shape: shape, Transposed: transposed}, nil
	}
	t, err := d.Raw(name)
	if err != nil {
		return View{}, err
	}
	v := View{Shape: t.Shape}
	if v.Type, err = dtype.Parse(t.DType); err != nil {
		return View{}, fmt.Errorf("%s: tensor %q: %w", d.path, name, err)
	}
	if v.Type == dtype.F32 {
		v.F32, err = safetensors.ViewF32(t)
	} else {
		v.U16, err = safetensors.ViewU16(t)
	}
	return v, err
}

func (d *directory) Raw(name string) (safetensors.Tensor, error) {
	t, ok := d.tensor(d.Stored(name))
	if !ok {
		return safetensors.Tensor{}, fmt.Errorf("%s: %w: %q", d.path, ErrNoTensor, name)
	}
	return t, nil
}

func (d *directory) Has(name string) bool {
	_, ok := d.tensor(d.Stored(name))
	return ok
}

func (d *directory) QuantMethod() string {
	return d.packed.Method()
}

func (d *directory) quantised(name string) bool {
	return d.packed.Has(d.Stored(name))
}

func (d *directory) forget(name string) {
	if t, ok := d.weights.Tensor(d.Stored(name)); ok {
		mapped.Forget(t.Data)
	}
}

// storedNames lists the tensors of the files, those that make up a quantised weight as one.
func (d *directory) storedNames() []string {
	if d.packed != nil {
		return d.packed.Names()
	}
	return d.weights.Tensors()
}

// tensor returns a tensor by its name in the files. That of a quantised weight is the one that holds its
// codes.
func (d *directory) tensor(name string) (safetensors.Tensor, bool) {
	if d.packed != nil {
		return d.packed.Tensor(name)
	}
	return d.weights.Tensor(name)
}

func (d *directory) readGeneration() (Generation, error) {
	text, err := d.read(generationName)
	if errors.Is(err, fs.ErrNotExist) {
		return Generation{}, nil
	}
	if err != nil {
		return Generation{}, err
	}
	r, err := keys.Parse(text)
	if err != nil {
		return Generation{}, fmt.Errorf("%s: %w", filepath.Join(d.path, generationName), err)
	}
	g := Generation{BOS: r.ID("bos_token_id"), Pad: r.ID("pad_token_id"), EOS: r.IDs("eos_token_id")}
	if r.Err() != nil {
		return Generation{}, fmt.Errorf("%s: %w", filepath.Join(d.path, generationName), r.Err())
	}
	return g, nil
}

// read returns the content of a file of the directory.
func (d *directory) read(name string) ([]byte, error) {
	return bounded.ReadFile(filepath.Join(d.path, name), maxJSON)
}
