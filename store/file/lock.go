package file

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lock takes the bucket's lock, which every change of what readers see is made under. It is flock(2)
// on a file that is never removed, so that it holds between processes and goes away with a killed
// one; each call opens the file anew, so that it also holds between goroutines. Polling, rather than
// a blocking flock, lets ctx end the wait for a stopped process.
func (b *Bucket) lock(ctx context.Context, root *os.Root) (unlock func(), err error) {
	f, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, b.mode&0o666)
	if err != nil {
		return nil, err
	}
	for wait := 500 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			f.Close()
			return nil, os.NewSyscallError("flock", err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}
