// Package embedded unpacks what the program carries: the base model and the sample documents are
// packages below.
package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
)

// Digest identifies the files below root by their paths and contents.
func Digest(files fs.FS, root string) (string, error) {
	h := sha256.New()
	err := walk(files, root, func(path string, data []byte) error {
		sum := sha256.Sum256(data)
		_, err := fmt.Fprintf(h, "%s %x\n", path, sum)
		return err
	})
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// Unpack writes the files below root to dir. Files that are there with the right content are left
// alone, so that unpacking again costs nothing and mends what was changed.
func Unpack(files fs.FS, root, dir string) error {
	return walk(files, root, func(path string, data []byte) error {
		target := filepath.Join(dir, filepath.FromSlash(path))
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, data) {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		return atomicfile.WriteFile(target, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	})
}

// walk visits the files in order of their paths, which are relative to root.
func walk(files fs.FS, root string, visit func(path string, data []byte) error) error {
	sub, err := fs.Sub(files, root)
	if err != nil {
		return err
	}
	return fs.WalkDir(sub, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sub, path)
		if err != nil {
			return err
		}
		return visit(path, data)
	})
}
