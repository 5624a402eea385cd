//go:build unix

package hub

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the lock of a content for this process, by flock on the file that Hugging Face's tools
// use. The kernel releases it when the process ends, however that comes about.
func (r *repo) lock(ctx context.Context, digest string) (unlock func(), err error) {
	if err := os.MkdirAll(r.locks, 0o777); err != nil {
		return nil, err
	}
	name := filepath.Join(r.locks, digest+".lock")
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o664)
		if err != nil {
			return nil, err
		}
		if err := flock(ctx, f); err != nil {
			_ = f.Close()
			return nil, err
		}
		if same(f, name) {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close() // its holder removed the file while we waited: others lock a new one
	}
}

// flock waits for the lock without blocking a thread in the kernel, so that the context can end it.
// A file system that has no such locks does without: what is downloaded is checked in any case.
func flock(ctx context.Context, f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil, errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP):
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// same reports whether the file's name still means this file.
func same(f *os.File, name string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}
