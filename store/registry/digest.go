package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/store/cas"
)

// Digest returns the digest that files and a body have as a version, wherever they are published.
func Digest(ctx context.Context, files map[string]Source, body json.RawMessage) (string, error) {
	var list []File
	for path, s := range files {
		f, err := s.Open()
		if err != nil {
			return "", fmt.Errorf("file %s: %w", path, err)
		}
		digest, size, err := cas.DigestOf(ctx, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("file %s: %w", path, err)
		}
		list = append(list, File{Path: path, Digest: string(digest), Size: size, Record: s.Record})
	}
	sortFiles(list)
	return contentDigest(list, body)
}
