package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// shardSize is the size above which weights are cut into several files, in bytes: 5 GB, as
// transformers did for years and every reader copes with.
const shardSize = 5_000_000_000

// Report is what a merge did.
type Report struct {
	Modules int   `json:"modules"` // weights that were updated
	Tensors int   `json:"tensors"` // weights written
	Bytes   int64 `json:"bytes"`   // their size
	Shards  int   `json:"shards"`  // files they are in

	Widened int    `json:"widened,omitempty"` // weights that the base has quantised and the result has not
	Stored  string `json:"stored,omitempty"`  // the type that these are stored in
}

// ErrFormat means that a base cannot be written in the format that was asked for.
var ErrFormat = errors.New("the base is in another format")

// Merged writes a base that is a directory, with the adapter merged into it, as a new Hugging Face model
// directory: weights in type d, and whatever else the base has. Weights that are quantised are widened to
// float32, the update is added, and the sums are stored in type d, [Keep] meaning the type of the base's
// embeddings; the model that is written is not quantised. It goes tensor by tensor, so that memory is a
// few times the largest weight.
func Merged(ctx context.Context, base *bases.Base, a *adapters.Adapter, outDir string, d DType) (Report, error) {
	return merged(ctx, base, a, outDir, d, shardSize)
}

func merged(ctx context.Context, base *bases.Base, a *adapters.Adapter, outDir string, d DType, shardSize int64) (Report, error) {
	if base.GGUF() != nil {
		return Report{}, fmt.Errorf("%s is a GGUF file, which a model directory cannot be made of: merge into GGUF (merged-gguf), or into the directory that it was made from: %w", base.Dir(), ErrFormat)
	}
	m := &merger{ctx: ctx, base: base, adapter: a, dtype: d}
	err := m.plan()
	if err == nil {
		err = writeDir(outDir, func(dir string) error { return m.write(dir, shardSize) })
	}
	if err != nil {
		return Report{}, fmt.Errorf("merge into %s: %w", base.Dir(), err)
	}
	return m.report, nil
}

// merger makes the weights of one merged model.
type merger struct {
	ctx     context.Context // cancels between tensors
	base    *bases.Base
	adapter *adapters.Adapter
	dtype   DType

	updates map[string]piece    // by the weight's tensor name
	entries []safetensors.Entry // in order of names
	report  Report
}

// plan checks that the adapter fits the base and lists what is to be written, before anything is.
func (m *merger) plan() error {
	if err := peft.Check(m.adapter); err != nil {
		return err
	}
	modules, err := peft.Modules(m.adapter)
	if err != nil {
		return err
	}
	m.updates = make(map[string]piece, len(modules))
	tied := m.base.Config().TieWordEmbeddings
	for _, module := range modules {
		if tied && module.Name == headModule {
			return fmt.Errorf("module %q shares its weight with the embeddings: merging would change both; serve the adapter unmerged", module.Name)
		}
		if err := m.planModule(module); err != nil {
			return err
		}
	}
	for _, name := range m.base.Tensors() {
		if tied && name == headModule+weightSuffix && m.base.RepeatsEmbeddings(name) {
			continue // readers tie it themselves
		}
		if err := m.planTensor(name); err != nil {
			return err
		}
	}
	m.report.Modules, m.report.Tensors = len(modules), len(m.entries)
	return nil
}

// planModule finds the tensors that a module's update is merged into.
func (m *merger) planModule(module peft.Module) error {
	list := map[string]piece{}
	if name := module.Name + weightSuffix; m.base.Has(name) {
		list[name] = piece{module: module}
	} else {
		var err error
		family := m.base.Family()
		if list, err = pieces(module, family != nil && family.TransposedExperts, m.shapeOf); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: the base has no weight for module %q", adapters.ErrBaseMismatch, module.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		shape, _ := m.shapeOf(name)
		if err := list[name].fits(shape); err != nil {
			return err
		}
		m.updates[name] = list[name]
	}
	return nil
}

// shapeOf is the shape of a tensor of the base.
func (m *merger) shapeOf(name string) ([]int, bool) {
	if !m.base.Has(name) {
		return nil, false
	}
	t, err := m.base.Plain(name)
	return t.Shape, err == nil
}

const (
	headModule   = "lm_head"
	weightSuffix = ".weight"
)

func (m *merger) planTensor(name string) error {
	t, err := m.base.Plain(name)
	if err != nil {
		return err
	}
	update, updated := m.updates[name]
	from, err := dtype.Parse(t.DType)
	e := safetensors.Entry{Name: t.Name, DType: t.DType, Shape: t.Shape}
	switch {
	case err != nil && updated:
		return fmt.Errorf("tensor %q: %w", name, err)
	case err != nil, !updated && !t.Widened() && m.dtype.stored(from) == from:
		e.Load = func() ([]byte, error) { return t.Data, m.ctx.Err() }
	default:
		to := m.dtype.stored(from)
		if t.Widened() {
			m.report.Widened++
			m.report.Stored = to.String()
		}
		e.DType = to.String()
		e.Load = func() ([]byte, error) {
			if err := m.ctx.Err(); err != nil {
				return nil, err
			}
			w, err := t.Float32s()
			if err != nil {
				return nil, err
			}
			if updated {
				update.merge(w, m.adapter.Config)
			}
			return encode(w, to)
		}
	}
	size, err := e.Size()
	m.entries = append(m.entries, e)
	m.report.Bytes += size
	return err
}

// write writes the model.
func (m *merger) write(dir string, limit int64) error {
	text, err := configText(m.base, m.dtype)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, configName), text, 0o666); err != nil {
		return err
	}
	if err := copyFiles(m.base.Dir(), dir); err != nil {
		return err
	}
	return m.writeWeights(dir, limit)
}

// writeWeights writes the weights as one file or, above limit bytes, as shards with an index.
func (m *merger) writeWeights(dir string, limit int64) error {
	shards, err := cut(m.entries, limit)
	if err != nil {
		return err
	}
	m.report.Shards = len(shards)
	metadata := map[string]string{"format": "pt"}
	if len(shards) == 1 {
		return safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), metadata, shards[0])
	}
	weightMap := map[string]string{}
	parameters := 0
	for i, shard := range shards {
		file := fmt.Sprintf("%s-%05d-of-%05d.safetensors", strings.TrimSuffix(safetensors.SingleName, ".safetensors"), i+1, len(shards))
		if err := safetensors.WriteFile(filepath.Join(dir, file), metadata, shard); err != nil {
			return err
		}
		for _, e := range shard {
			weightMap[e.Name] = file
			parameters += safetensors.Tensor{Shape: e.Shape}.Len()
		}
	}
	index, err := plainjson.MarshalFile(map[string]any{
		"metadata":   map[string]any{"total_parameters": parameters, "total_size": m.report.Bytes},
		"weight_map": weightMap,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, safetensors.IndexName), index, 0o666)
}

// cut fills shards in order of names up to limit bytes; a tensor above the limit has its own.
func cut(entries []safetensors.Entry, limit int64) ([][]safetensors.Entry, error) {
	shards := [][]safetensors.Entry{nil}
	var used int64
	for _, e := range entries {
		size, err := e.Size()
		if err != nil {
			return nil, err
		}
		last := len(shards) - 1
		if used+size > limit && len(shards[last]) > 0 {
			shards = append(shards, nil)
			used, last = 0, last+1
		}
		shards[last] = append(shards[last], e)
		used += size
	}
	return shards, nil
}
