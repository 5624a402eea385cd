// Package digest names files by what they hold, for whoever knows no store: there store/cas does.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/cultivar/cultivar/internal/bounded"
)

// File is "sha256:" and the hexadecimal SHA-256 of the bytes of a file; pipes and devices are none.
func File(path string) (string, error) {
	f, err := bounded.Open(path)
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
