package publish

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/store/registry"
)

// Digest returns the digest that the adapter in dir has when it is published.
func Digest(ctx context.Context, dir string) (string, error) {
	found, err := scan(dir)
	if err != nil {
		return "", fmt.Errorf("digest of adapter %s: %w", dir, err)
	}
	defer found.root.Close()
	body, err := found.body()
	if err != nil {
		return "", fmt.Errorf("digest of adapter %s: %w", dir, err)
	}
	return registry.Digest(ctx, found.sources(), body)
}
