// Package atomicfile writes files and directories that appear whole or not at all: the content goes
// to a temporary name beside the target, is synced to disk, and is renamed into place.
//
// Errors wrap the operating system's, so that errors.Is finds syscall.ENOSPC, syscall.EROFS and
// fs.ErrExist. After an error nothing is left behind; a killed process can leave a temporary name,
// which starts with "." and holds ".tmp-", and which nobody reads.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile creates or replaces the file at path with what write produces. Its permissions are
// 0666 less the umask. The file's directory must exist.
func WriteFile(path string, write func(w io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort() // also runs when write panics, so that a panic leaves nothing behind either
	if err := write(f.buf); err != nil {
		return err
	}
	return f.Commit()
}

// WriteDir creates the directory at path with the files that write puts into the temporary
// directory it is given. It refuses a path that is taken, except by an empty directory, before
// anything is written. The path's parent must exist.
func WriteDir(path string, write func(dir string) error) error {
	path = filepath.Clean(path)
	if err := vacant(path); err != nil {
		return err
	}
	temp := tempName(path)
	if err := os.Mkdir(temp, 0o777); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			_ = os.RemoveAll(temp)
		}
	}()
	if err := write(temp); err != nil {
		return err
	}
	if err := syncTree(temp); err != nil {
		return err
	}
	// Only Linux replaces an empty directory by renaming onto it.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	done = true
	return SyncDir(filepath.Dir(path))
}

// vacant reports an error unless path does not exist or is an empty directory.
func vacant(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s: directory is not empty: %w", path, fs.ErrExist)
	}
	return nil
}

// syncTree makes the content of a directory durable before the rename makes it visible.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return SyncDir(path)
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// tempName is a free name in the same directory, hence on the same file system.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp-"+rand.Text()[:12])
}
