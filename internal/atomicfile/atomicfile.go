// Package atomicfile writes files and directories that appear whole or not at all: the content goes
// to a temporary name beside the target, is synced to disk, and is renamed into place.
//
// Errors wrap the operating system's, so that errors.Is finds syscall.ENOSPC, syscall.EROFS and
// fs.ErrExist. After an error nothing is left behind; a killed process can leave a temporary name,
// which starts with "." and holds ".tmp-", and which nobody reads.
package atomicfile

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// bufferSize is large enough that weights are not written in small system calls.
const bufferSize = 1 << 18

// WriteFile creates or replaces the file at path with what write produces. Its permissions are
// 0666 less the umask. The file's directory must exist.
func WriteFile(path string, write func(w io.Writer) error) error {
	temp := tempName(path)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		// Also runs when write panics, so that a panic leaves nothing behind either.
		if !done {
			_ = f.Close()
			_ = os.Remove(temp)
		}
	}()
	if err := fill(f, write); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	done = true
	return syncDir(filepath.Dir(path))
}

// fill writes, syncs and closes: a full disk may be reported by any of the three.
func fill(f *os.File, write func(w io.Writer) error) error {
	buffered := bufio.NewWriterSize(f, bufferSize)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
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
	return syncDir(filepath.Dir(path))
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
			return syncDir(path)
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
