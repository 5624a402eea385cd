// Package atomicfile writes files and directories that appear whole or not at all: the content goes
// to a temporary name beside the target, is synced to disk, and is renamed into place.
//
// Errors wrap the operating system's, so that errors.Is finds syscall.ENOSPC, syscall.EROFS and
// fs.ErrExist. After an error nothing is left behind; a killed process can leave a temporary name,
// which starts with "." and holds ".tmp-", which nobody reads, and which goes with the next writing to the
// same path.
package atomicfile

import (
	"io"
	"os"
)

// WriteFile creates or replaces the file at path with what write produces. Its permissions are
// 0666 less the umask. The file's directory must exist.
func WriteFile(path string, write func(w io.Writer) error) error {
	return writeFile(path, 0o666, write)
}

// WritePrivate is WriteFile of a file that nobody but its owner can ever read.
func WritePrivate(path string, write func(w io.Writer) error) error {
	return writeFile(path, 0o600, write)
}

func writeFile(path string, mode os.FileMode, write func(w io.Writer) error) error {
	f, err := create(path, mode)
	if err != nil {
		return err
	}
	defer f.Abort() // also runs when write panics, so that a panic leaves nothing behind either
	if err := write(f.buf); err != nil {
		return err
	}
	return f.Commit()
}
