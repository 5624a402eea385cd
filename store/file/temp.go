package file

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/cultivar/cultivar/internal/filelock"
)

// makeTempDir makes the directory of puts under way, and removes, once per handle, what killed writers left there.
func (b *Bucket) makeTempDir(root *os.Root) error {
	if err := root.Mkdir(tempDir, b.mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	b.mu.Lock()
	done := b.swept
	b.swept = true
	b.mu.Unlock()
	if !done {
		sweep(root)
	}
	return nil
}

// hold marks a temporary file as a living writer's until it is closed. It is nil when a sweep was faster, and
// the file is closed and gone.
func hold(root *os.Root, f *os.File, name string) (*os.File, error) {
	held, err := filelock.Hold(f)
	switch {
	case err != nil && !filelock.Missing(err):
		return nil, errors.Join(err, f.Close())
	case err != nil || held && named(root, f, name):
		return f, nil
	}
	return nil, f.Close()
}

func named(root *os.Root, f *os.File, name string) bool {
	return filelock.NamedBy(f, func() (fs.FileInfo, error) { return root.Lstat(name) })
}

// Sweep removes what killed writers left.
func (b *Bucket) Sweep() {
	if root, err := b.open(false); err == nil {
		sweep(root)
	}
}

// sweep removes temporary files that nobody holds. Failures do not matter: the next handle tries again.
func sweep(root *os.Root) {
	entries, err := fs.ReadDir(root.FS(), tempDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := path.Join(tempDir, e.Name())
		f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if e.Type().IsRegular() && filelock.Dead(f) && named(root, f, name) {
			root.Remove(name)
		}
		f.Close()
	}
}
