// Package filelock tells living writers from dead ones, by flock(2): the system lets go of a lock when its
// process ends, however it ends. A lock is on the file, not on its name, and is between processes and
// between open files of one process alike.
//
// Whoever makes something that must go when its maker dies holds it with [Hold] and looks with [Named]
// whether it still has its name; whoever cleans up takes it with [Take], which is granted for what nobody
// holds. So neither needs to know the other's process, nor how long work may take.
package filelock

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Hold takes a shared lock, which others may hold as well. It is false when somebody has taken the file.
func Hold(f *os.File) (bool, error) { return try(f, syscall.LOCK_SH) }

// Take takes the file for oneself. It is false when anybody holds it.
func Take(f *os.File) (bool, error) { return try(f, syscall.LOCK_EX) }

// try is false without an error when the lock is another's, and an error where there are no locks.
func try(f *os.File, how int) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err {
		case nil:
			return true, nil
		case syscall.EWOULDBLOCK:
			return false, nil
		case syscall.EINTR:
		default:
			return false, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}

// Missing says whether an error means that the file system has no locks. What has to go on without them
// tells living from dead by age.
func Missing(err error) bool {
	for _, errno := range []error{syscall.ENOTSUP, syscall.ENOSYS, syscall.ENOLCK, syscall.EINVAL} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// Named reports whether name still leads to the open file: a lock on what was removed protects nothing.
func Named(f *os.File, name string) bool {
	return NamedBy(f, func() (fs.FileInfo, error) { return os.Lstat(name) })
}

// NamedBy is Named for a name that is looked up otherwise, as within an os.Root.
func NamedBy(f *os.File, lstat func() (fs.FileInfo, error)) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := lstat()
	return err == nil && os.SameFile(open, named)
}

// Abandoned is the age at which something is taken for a dead writer's where there are no locks.
const Abandoned = 24 * time.Hour

// Dead says whether nobody holds an open file any more, and takes it: until it is closed nobody else can.
func Dead(f *os.File) bool {
	taken, err := Take(f)
	if err == nil {
		return taken
	}
	info, statErr := f.Stat()
	return Missing(err) && statErr == nil && time.Since(info.ModTime()) > Abandoned
}
