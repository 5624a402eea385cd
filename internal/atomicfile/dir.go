package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteDir creates the directory at path with the files that write puts into the temporary
// directory it is given. It refuses a path that is taken, except by an empty directory, before
// anything is written. The path's parent must exist.
func WriteDir(path string, write func(dir string) error) error {
	path = filepath.Clean(path)
	if err := vacant(path); err != nil {
		return err
	}
	return inTemp(path, write, func(temp string) error {
		// Only Linux replaces an empty directory by renaming onto it.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Rename(temp, path)
	})
}

// ReplaceDir is WriteDir in the place of what is there: whoever looks at the path finds the old directory or
// the new one at any instant, where the system can exchange two names. The old one is removed if spare, asked
// when nobody finds it by the path any more, has no objection; otherwise it is put back, and that is the error.
func ReplaceDir(path string, spare func(old string) error, write func(dir string) error) error {
	path = filepath.Clean(path)
	if err := restore(path, spare); err != nil {
		return err
	}
	if vacant(path) == nil {
		return WriteDir(path, write)
	}
	return inTemp(path, write, func(temp string) error {
		if err := exchange(temp, path); err != nil {
			return err
		}
		if err := spare(temp); err != nil {
			return errors.Join(err, exchange(temp, path))
		}
		return SyncDir(filepath.Dir(path)) // before the old one goes
	})
}

// inTemp fills a temporary directory, makes it durable and hands it to place. What then has its name, if
// anything has, is removed.
func inTemp(path string, write, place func(temp string) error) error {
	held, err := makeTemp(path, createDir)
	if err != nil {
		return err
	}
	temp := held.Name()
	defer func() {
		_ = os.RemoveAll(temp)
		_ = held.Close()
	}()
	if err := write(temp); err != nil {
		return err
	}
	if err := syncTree(temp); err != nil {
		return err
	}
	if err := place(temp); err != nil {
		return err
	}
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
