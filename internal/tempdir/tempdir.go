// Package tempdir makes private directories for work under way, which go with their process: a lock on the file
// <dir>.lock, which the system lets go of however the process ends, says that the owner is alive, and the next
// process removes what the dead have left.
package tempdir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cultivar/cultivar/internal/filelock"
)

const lockSuffix = ".lock"

// Dir is a directory that belongs to this process.
type Dir struct {
	Path string
	lock *os.File
}

// User is where this user's temporary directories lie on a machine that others may use as well.
func User() string { return filepath.Join(os.TempDir(), "cultivar-"+strconv.Itoa(os.Geteuid())) }

// Prepare makes the directory that temporary ones are made in, such that other users cannot enter it, and removes
// what the dead have left there. Where anybody may have made it, as in the system's temporary directory, shared
// says so: then it must be ours.
func Prepare(scratch string, shared bool) error {
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return err
	}
	if shared {
		info, err := os.Lstat(scratch)
		if err != nil {
			return err
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || ok && int(owner.Uid) != os.Geteuid() {
			return fmt.Errorf("%s is not a directory of ours: %w", scratch, fs.ErrPermission)
		}
		if err := os.Chmod(scratch, 0o700); err != nil {
			return err
		}
	}
	sweep(scratch)
	return nil
}

// New makes a directory in one that is prepared. The lock is taken before the directory is made: whoever sweeps
// looks at locks, and never finds a directory whose owner is alive and not yet known.
func New(scratch string) (*Dir, error) {
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
		return &Dir{path, lock}, nil
	}
}

// OfUser makes a directory among this user's.
func OfUser() (*Dir, error) {
	if err := Prepare(User(), true); err != nil {
		return nil, err
	}
	return New(User())
}

// Remove deletes the directory, if it is still there, and the lock. Where it cannot, the next sweep finds both.
func (d *Dir) Remove() error {
	err := os.RemoveAll(d.Path)
	if err == nil {
		err = os.Remove(d.lock.Name())
	}
	return errors.Join(err, d.lock.Close())
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
	defer func() { _ = lock.Close() }()
	if locked, _ := filelock.Take(lock); locked && filelock.Named(lock, lock.Name()) && os.RemoveAll(dir) == nil {
		_ = os.Remove(lock.Name())
	}
}
