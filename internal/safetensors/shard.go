package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/bounded"
)

// The file names of a checkpoint directory.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

var (
	// ErrPickle means that weights exist only as pickle files, which run code when loaded.
	ErrPickle = errors.New("only pickled weights")
	// ErrNoWeights means that a directory holds no weights at all.
	ErrNoWeights = errors.New("no weights")
)

// Sharded is a checkpoint of one or several files presented as one namespace. Headers are read and
// checked when it is opened, data when it is touched. See the package's Lifetime section.
type Sharded struct {
	files []*File // by path
	names []string
	where map[string]*File
}

// OpenSharded opens the weights in dir: model.safetensors or, where that does not exist, the shards
// that model.safetensors.index.json lists. Every shard must be present and hold the tensors that
// the index puts there.
func OpenSharded(dir string) (*Sharded, error) {
	single := filepath.Join(dir, SingleName)
	f, err := Open(single)
	if err == nil {
		s := &Sharded{files: []*File{f}, names: f.Tensors(), where: map[string]*File{}}
		for _, name := range s.names {
			s.where[name] = f
		}
		return s, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	weightMap, err := readIndex(filepath.Join(dir, IndexName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noWeights(dir)
	}
	if err != nil {
		return nil, err
	}
	s := &Sharded{where: map[string]*File{}}
	if err := s.openShards(dir, weightMap); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sharded) openShards(dir string, weightMap map[string]string) error {
	index := filepath.Join(dir, IndexName)
	open := map[string]*File{}
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(weightMap))) {
		f, err := Open(filepath.Join(dir, shard))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: shard %s is missing: download it again: %w", index, shard, fs.ErrNotExist)
		}
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
		open[shard] = f
	}
	s.names = slices.Sorted(maps.Keys(weightMap))
	for _, name := range s.names {
		f := open[weightMap[name]]
		if _, ok := f.header.spans[name]; !ok {
			return fmt.Errorf("%s: tensor %s is not in %s: index and shards do not belong together", index, quote(name), weightMap[name])
		}
		s.where[name] = f
	}
	return nil
}

// Tensors returns the names of all tensors, sorted. The caller must not change the slice.
func (s *Sharded) Tensors() []string { return s.names }

// Tensor returns the tensor with that name.
func (s *Sharded) Tensor(name string) (Tensor, bool) {
	f, ok := s.where[name]
	if !ok {
		return Tensor{}, false
	}
	return f.Tensor(name)
}

// Files returns the open files in order of their names.
func (s *Sharded) Files() []*File { return s.files }

// Close unmaps all files.
func (s *Sharded) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.files, s.names, s.where = nil, nil, nil
	return errors.Join(errs...)
}

// readIndex reads the weight_map of an index file: tensor name to shard file name.
func readIndex(path string) (map[string]string, error) {
	f, err := bounded.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	m, err := parseIndex(io.LimitReader(f, maxHeader))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parseIndex accepts {"metadata": …, "weight_map": {tensor: file}} with any other keys.
func parseIndex(r io.Reader) (map[string]string, error) {
	var weightMap map[string]string
	dec := json.NewDecoder(r)
	err := readObject(dec, maxMetadata, func(key string) error {
		if key != "weight_map" {
			var skip json.RawMessage
			return dec.Decode(&skip)
		}
		weightMap = map[string]string{}
		return readObject(dec, maxTensors, func(name string) error {
			shard, err := readString(dec)
			if err == nil && !isShardName(shard) {
				err = fmt.Errorf("shard %s of tensor %s is no plain *.safetensors file name", quote(shard), quote(name))
			}
			weightMap[name] = shard
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if len(weightMap) == 0 {
		return nil, errors.New("weight_map is missing or empty")
	}
	return weightMap, nil
}

// isShardName keeps an index from reaching outside its directory. The file itself may be a symbolic
// link, as in the Hugging Face cache, because whoever can place a link can place the file.
func isShardName(name string) bool {
	return strings.HasSuffix(name, ".safetensors") && !strings.ContainsAny(name, `/\:`+"\x00") && filepath.IsLocal(name)
}

// noWeights explains why a directory cannot be opened.
func noWeights(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".bin", ".pt", ".pth", ".ckpt":
			return fmt.Errorf("%s: %w (%s): pickle can run code when it is loaded and is refused; get or convert to safetensors", dir, ErrPickle, e.Name())
		}
	}
	return fmt.Errorf("%s: %w: neither %s nor %s exists", dir, ErrNoWeights, SingleName, IndexName)
}
