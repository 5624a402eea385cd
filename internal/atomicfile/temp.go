package atomicfile

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cultivar/cultivar/internal/filelock"
)

const (
	tempMark = ".tmp-"
	randLen  = 12
)

// tempName is a free name in the same directory, hence on the same file system.
func tempName(path string) string { return tempPrefix(path) + rand.Text()[:randLen] }

func tempPrefix(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempMark)
}

// makeTemp makes a temporary file or directory for what is to appear at path, and holds it: until what
// comes back is closed nobody takes it for a dead process's.
func makeTemp(path string, create func(name string) (*os.File, error)) (*os.File, error) {
	SweepPath(path)
	for {
		name := tempName(path)
		f, err := create(name)
		if err != nil {
			return nil, err
		}
		held, err := filelock.Hold(f)
		switch {
		case err != nil && !filelock.Missing(err):
			return nil, errors.Join(err, f.Close(), os.RemoveAll(name))
		case err != nil || held && filelock.Named(f, name):
			return f, nil
		}
		// A sweep took it for a dead one's in the instant before it was held.
		_ = f.Close()
	}
}

// MakeDir makes a directory beside path, for what the file that is to appear there is put together from. It goes
// with remove or, when the process is killed, with the next writing to path.
func MakeDir(path string) (dir string, remove func() error, err error) {
	held, err := makeTemp(path, createDir)
	if err != nil {
		return "", nil, err
	}
	return held.Name(), func() error { return errors.Join(os.RemoveAll(held.Name()), held.Close()) }, nil
}

// createDir makes a directory and opens it.
func createDir(name string) (*os.File, error) {
	if err := os.Mkdir(name, 0o777); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) { // swept already: the lock will not find its name
		return createDir(name)
	}
	return f, err
}

// ErrHeld means that another process, or another part of this one, holds a directory.
var ErrHeld = errors.New("it is held by another writer")

// HoldDir takes a directory for oneself until release is called or the process ends, and removes what killed
// processes left of writing into it. Where a file system has no locks, everybody holds it.
func HoldDir(dir string) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	taken, err := filelock.Take(f)
	if !taken && !filelock.Missing(err) {
		if err == nil {
			err = ErrHeld
		}
		return nil, errors.Join(err, f.Close())
	}
	Sweep(dir)
	return func() { _ = f.Close() }, nil
}

// Sweep removes what killed processes left of writing into dir, whatever the name. What it cannot remove stays
// for the next time, and keeps nobody from writing.
func Sweep(dir string) { sweepPrefix(dir, ".") }

// SweepPath is Sweep of what was to appear at one path.
func SweepPath(path string) { sweepPrefix(filepath.Dir(path), filepath.Base(tempPrefix(path))) }

// temps lists the temporary files and directories of a directory, of dead and living writers.
func temps(dir, prefix string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && IsTemp(e.Name()) && (e.IsDir() || e.Type().IsRegular()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// IsTemp says whether a name is that of something that is being written, or that a killed process left.
func IsTemp(name string) bool {
	i := strings.LastIndex(name, tempMark)
	if i < 1 {
		return false
	}
	digits := name[i+len(tempMark):]
	return len(digits) == randLen && strings.Trim(digits, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func sweepPrefix(dir, prefix string) {
	for _, name := range temps(dir, prefix) {
		sweepOne(filepath.Join(dir, name))
	}
}

func sweepOne(name string) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if filelock.Dead(f) && filelock.Named(f, name) {
		_ = os.RemoveAll(name)
	}
}
