package hugepage

import "io"

// Writer passes on what it is given in pieces of 2 MiB that begin at multiples of 2 MiB of the file. A file
// system with large folios (XFS, ext4 since Linux 6.16) keeps each such piece in one huge page of its cache,
// and a mapping of the file is then of huge pages. What is written in smaller pieces stays in small pages
// until the cache drops it.
//
// After an error every call returns it. A Writer is not safe for concurrent use.
type Writer struct {
	w     io.Writer
	buf   []byte
	piece int // how long what is in buf shall become
	err   error
}

// NewWriter returns a writer for a file, which w appends to from offset at on.
func NewWriter(w io.Writer, at int64) *Writer { return &Writer{w: w, piece: size - int(at%size)} }

// Write takes p and passes on the pieces that are whole.
func (w *Writer) Write(p []byte) (int, error) {
	taken := 0
	for taken < len(p) && w.err == nil {
		rest := p[taken:]
		if len(w.buf) == 0 && len(rest) >= w.piece {
			n := w.piece + (len(rest)-w.piece)/size*size
			w.pass(rest[:n])
			taken += n
			continue
		}
		n := min(len(rest), w.piece-len(w.buf))
		w.buf = append(w.buf, rest[:n]...)
		taken += n
		if len(w.buf) == w.piece {
			_ = w.Flush() // w.err has it
		}
	}
	return taken, w.err
}

// Flush passes on what there is. It is to be called at the end.
func (w *Writer) Flush() error {
	if len(w.buf) > 0 && w.err == nil {
		w.pass(w.buf)
		w.buf = w.buf[:0]
	}
	return w.err
}

// pass writes b, which is what piece asks for, less than that, or that and whole pieces.
func (w *Writer) pass(b []byte) {
	_, w.err = w.w.Write(b)
	w.piece = size - (size-w.piece+len(b))%size
}
