package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/workflows/home"
)

// Data is rows to train on, to validate with and to test with, and where they are from.
type Data struct {
	Train, Validation, Test []datasets.Example
	Ref                     adapters.DatasetRef
}

// OpenData reads a plain file of rows, or a dataset version by its name in the home or its path.
// Rows of a plain file are divided by evalFraction, each by a hash of its place, so that the
// division does not depend on how many there are.
func OpenData(ctx context.Context, location, ref string, evalFraction float64, seed uint64) (*Data, error) {
	if info, err := os.Stat(ref); err == nil && info.Mode().IsRegular() {
		return openFile(ref, evalFraction, seed)
	}
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	d, err := h.Datasets.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	data := &Data{Ref: adapters.DatasetRef{Name: d.Manifest.Name, Version: d.Manifest.Version, Digest: d.Manifest.Digest}}
	for e, err := range d.Examples() {
		if err != nil {
			return nil, err
		}
		switch e.Split {
		case datasets.Validation:
			data.Validation = append(data.Validation, e)
		case datasets.Test:
			data.Test = append(data.Test, e)
		default:
			data.Train = append(data.Train, e)
		}
	}
	return data, nil
}

func openFile(path string, evalFraction float64, seed uint64) (*Data, error) {
	digest, err := fileDigest(path)
	if err != nil {
		return nil, err
	}
	d := &Data{Ref: adapters.DatasetRef{Name: filepath.Base(path), Digest: digest}}
	stream := rng.New(seed, "split of rows")
	i := 0
	for r, err := range rows.Read(path, rows.Options{}) {
		if err != nil {
			return nil, err
		}
		if evalFraction > 0 && float64(stream.At(0, uint64(i)).Float32()) < evalFraction {
			d.Validation = append(d.Validation, r)
		} else {
			d.Train = append(d.Train, r)
		}
		i++
	}
	return d, nil
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
