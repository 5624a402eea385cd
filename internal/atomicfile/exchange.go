package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// asideName is where a directory waits that makes room, where the system cannot exchange names.
func asideName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempMark+"aside")
}

// byRenames exchanges two directories in steps. Killed between them it leaves nothing at path, and restore
// mends that.
func byRenames(temp, path string) error {
	aside := asideName(path)
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Rename(aside, path))
	}
	return os.Rename(aside, temp)
}

// restore mends what a killed exchange left: an old directory aside goes back to where nothing is, and is
// removed, if spare has no objection, where the new one has arrived.
func restore(path string, spare func(old string) error) error {
	aside := asideName(path)
	if _, err := os.Lstat(aside); err != nil {
		return ignore(err, fs.ErrNotExist)
	}
	switch _, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return os.Rename(aside, path)
	case err != nil:
		return err
	}
	if err := spare(aside); err != nil {
		return err
	}
	return os.RemoveAll(aside)
}

func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}
