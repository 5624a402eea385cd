package publish

import (
	"context"
	"fmt"

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
	var files []registry.File
	for _, name := range found.names { // in order, as a directory is read
		if isRecord(name) {
			continue
		}
		f, err := found.root.Open(name)
		if err != nil {
			return "", err
		}
		d, size, err := cas.DigestOf(ctx, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, err)
		}
		files = append(files, registry.File{Path: name, Digest: string(d), Size: size})
	}
	return registry.ContentDigest(files, body)
}
