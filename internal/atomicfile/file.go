package atomicfile

import (
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/hugepage"
)

// File is a file that is being written: it appears under its path with Commit, or never. It is not
// safe for concurrent use.
type File struct {
	path string
	temp *os.File         // nil once it is over; held until then
	buf  *hugepage.Writer // weights are mapped when they are read
}

// Create begins a file that is to appear at path, with permissions 0666 less the umask. The path's
// directory must exist. Every File ends with Commit or Abort.
func Create(path string) (*File, error) { return create(path, 0o666) }

func create(path string, mode os.FileMode) (*File, error) {
	temp, err := makeTemp(path, func(name string) (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	})
	if err != nil {
		return nil, err
	}
	return &File{path: path, temp: temp, buf: hugepage.NewWriter(temp, 0)}, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) { return f.buf.Write(p) }

// Commit puts the file, whole and on disk, in the place of what is at its path.
func (f *File) Commit() error {
	defer f.Abort() // also when the rest fails
	if err := seal(f.buf, f.temp); err != nil {
		return err
	}
	if err := os.Rename(f.temp.Name(), f.path); err != nil {
		return err
	}
	temp := f.temp
	f.temp = nil
	// Only now, since a file that nobody holds is a dead process's.
	if err := temp.Close(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(f.path))
}

// Abort drops the file. After Commit, or a second time, it does nothing.
func (f *File) Abort() {
	if f.temp == nil {
		return
	}
	_ = os.Remove(f.temp.Name())
	_ = f.temp.Close()
	f.temp = nil
}

// seal writes what is left and syncs: a full disk may be reported by either.
func seal(buf *hugepage.Writer, f *os.File) error {
	if err := buf.Flush(); err != nil {
		return err
	}
	return f.Sync()
}
