package catalog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cultivar/cultivar/internal/filelock"
)

// tempDir is a directory that belongs to one living process, which holds a lock on the file
// <dir>.lock. The system lets go of the lock when the process dies, however it does.
type tempDir struct {
	path string
	lock *os.File
}

const lockSuffix = ".lock"

// makeScratch makes the directory for what is under way, such that other users cannot enter it. In the
// system's temporary directory, where anybody may have made it, it must be ours.
func makeScratch(dir string, shared bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil || !shared {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of ours: %w", dir, fs.ErrPermission)
	}
	return os.Chmod(dir, 0o700)
}

// newTempDir takes the lock before it makes the directory: sweep looks at locks, so that it never
// finds a directory whose owner is alive and not yet known.
func newTempDir(scratch string) (*tempDir, error) {
	for {
		path := filepath.Join(scratch, rand.Text())
		lock, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		locked, err := filelock.Take(lock)
		if err != nil {
			return nil, errors.Join(err, os.Remove(lock.Name()), lock.Close())
		}
		if !locked || !filelock.Named(lock, lock.Name()) {
			// A sweep took it for a dead one in the instant before the lock.
			_ = lock.Close()
			continue
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, errors.Join(err, os.Remove(lock.Name()), lock.Close())
		}
		return &tempDir{path, lock}, nil
	}
}

// remove deletes the directory, if it is still there, and the lock.
func (t *tempDir) remove() error {
	return errors.Join(os.RemoveAll(t.path), os.Remove(t.lock.Name()), t.lock.Close())
}

// sweep removes the directories in scratch whose owners are dead. It does what it can: an error
// leaves them for the next time and keeps nobody from working.
func sweep(scratch string) {
	entries, err := os.ReadDir(scratch)
	if err != nil {
		return
	}
	for _, e := range entries {
		if dir, found := strings.CutSuffix(e.Name(), lockSuffix); found && e.Type().IsRegular() {
			sweepOne(filepath.Join(scratch, dir))
		}
	}
}

func sweepOne(dir string) {
	lock, err := os.OpenFile(dir+lockSuffix, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	if locked, _ := filelock.Take(lock); locked && filelock.Named(lock, lock.Name()) && os.RemoveAll(dir) == nil {
		_ = os.Remove(lock.Name())
	}
}
