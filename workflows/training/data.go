package training

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/internal/digest"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/home"
)

// Data is rows to train on, to validate with and to test with, and where they are from.
type Data struct {
	Train, Validation, Test []datasets.Example
	Ref                     adapters.DatasetRef
	whole                   bool // nobody has divided the rows
}

// OpenData reads a file of rows or a directory of such files, or a dataset version by its name in the home
// or its path. Rows that nobody has divided are divided by evalFraction, each by a hash of its place, so
// that the division does not depend on how many there are.
func OpenData(ctx context.Context, location, ref string, how trainer.Data, evalFraction float64, seed uint64) (*Data, error) {
	if info, err := os.Stat(ref); err == nil && info.Mode().IsRegular() {
		return openFiles(ref, how, evalFraction, seed)
	}
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	d, err := h.Datasets.Open(ctx, ref)
	if err != nil && shards(ref) {
		return openFiles(ref, how, evalFraction, seed)
	}
	if err != nil {
		return nil, err
	}
	if len(how.Mapping) > 0 {
		return nil, fmt.Errorf("data.mapping is for files of rows, and %s is a dataset", ref)
	}
	data := &Data{Ref: adapters.DatasetRef{Name: d.Manifest.Name, Version: d.Manifest.Version, Digest: d.Manifest.Digest}}
	l := newLedger()
	for e, err := range d.Examples() {
		if err == nil {
			err = l.add(e)
		}
		if err != nil {
			return nil, err
		}
		data.add(e)
	}
	return data, nil
}

// shards reports whether a path is a directory that is no dataset.
func shards(path string) bool {
	info, err := os.Stat(path)
	_, none := os.Stat(filepath.Join(path, "manifest.json"))
	return err == nil && info.IsDir() && errors.Is(none, fs.ErrNotExist)
}

func (d *Data) add(e datasets.Example) {
	switch e.Split {
	case datasets.Validation:
		d.Validation = append(d.Validation, e)
	case datasets.Test:
		d.Test = append(d.Test, e)
	default:
		d.Train = append(d.Train, e)
	}
}

func openFiles(path string, how trainer.Data, evalFraction float64, seed uint64) (*Data, error) {
	d, l := &Data{}, newLedger()
	for r, err := range rows.Read(path, rows.Options{Mapping: how.Mapping, KeepUnknown: how.KeepUnknown}) {
		if err == nil {
			err = l.add(r)
		}
		if err != nil {
			return nil, err
		}
		d.add(r)
	}
	sum, err := filesDigest(path) // after they are read: what is no file of rows is not read to its end
	if err != nil {
		return nil, err
	}
	d.Ref = adapters.DatasetRef{Name: filepath.Base(path), Digest: sum}
	if d.whole = len(d.Validation)+len(d.Test) == 0; d.whole && evalFraction > 0 {
		d.divide(evalFraction, seed)
	}
	return d, nil
}

// divide holds a share of the rows out.
func (d *Data) divide(share float64, seed uint64) {
	stream := rng.New(seed, "split of rows")
	all := d.Train
	d.Train = nil
	for i, r := range all {
		if float64(stream.At(0, uint64(i)).Float32()) < share {
			d.Validation = append(d.Validation, r)
		} else {
			d.Train = append(d.Train, r)
		}
	}
}

// filesDigest is the SHA-256 of a file; of a directory, that of its files' names and digests.
func filesDigest(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return digest.File(path)
	}
	h := sha256.New()
	err := filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		sum, err := digest.File(at)
		rel, _ := filepath.Rel(path, at) // both are below path
		_, _ = fmt.Fprintf(h, "%s %q\n", sum, filepath.ToSlash(rel))
		return err
	})
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// split returns the rows of a split; those that nobody has divided are scored whole.
func (d *Data) split(name string) ([]datasets.Example, error) {
	if d.whole {
		return d.Train, nil
	}
	splits := map[datasets.Split][]datasets.Example{datasets.Train: d.Train, datasets.Validation: d.Validation, datasets.Test: d.Test}
	list, ok := splits[datasets.Split(name)]
	if !ok {
		return nil, fmt.Errorf("unknown split %q (train, validation, test)", name)
	}
	if len(list) > 0 {
		return list, nil
	}
	var others []string
	for s, list := range splits {
		if len(list) > 0 {
			others = append(others, fmt.Sprintf("%s (%d rows)", s, len(list)))
		}
	}
	slices.Sort(others)
	return nil, fmt.Errorf("dataset %s: the %s split is empty; there is %s", d.Ref.Name, name, strings.Join(others, ", "))
}
