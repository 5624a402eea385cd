package atomicfile

import (
	"errors"

	"golang.org/x/sys/unix"
)

// exchange swaps two names in one step, so that neither is ever free.
func exchange(temp, path string) error {
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return byRenames(temp, path)
	}
	return err
}
