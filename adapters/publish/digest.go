package publish

import (
	"context"
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

// ContentDigest is the digest that Publish gives the adapter in dir, without publishing it.
func ContentDigest(ctx context.Context, dir string) (string, error) {
	digest, err := contentDigest(ctx, dir)
	if err != nil {
		return "", fmt.Errorf("digest adapter %s: %w", dir, err)
	}
	return digest, nil
}

func contentDigest(ctx context.Context, dir string) (string, error) {
	found, err := scan(dir)
	if err != nil {
		return "", err
	}
	defer found.root.Close()
	body, err := found.body()
	if err != nil {
		return "", err
	}
	content := slices.DeleteFunc(slices.Clone(found.names), isRecord)
	files, err := found.files(ctx, content)
	if err != nil {
		return "", err
	}
	return registry.ContentDigest(files, body)
}

// files describes files of a directory, in order, as it was read.
func (d *directory) files(ctx context.Context, names []string) ([]registry.File, error) {
	var files []registry.File
	for _, name := range names {
		f, err := d.root.Open(name)
		if err != nil {
			return nil, err
		}
		digest, size, err := cas.DigestOf(ctx, f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		files = append(files, registry.File{Path: name, Digest: string(digest), Size: size})
	}
	return files, nil
}
