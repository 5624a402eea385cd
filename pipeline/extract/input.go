package extract

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
)

// Input is one raw file: in memory, or, of rows that are too many for that, to be opened.
type Input struct {
	Path string // slash-separated, relative to the source
	MIME string // as sniffed, without parameters; of a packed file, that of its content
	Raw  []byte // the whole file, not to be changed; nil when it has to be opened

	stream *stream
}

// stream is a file that is read from its beginning as often as needed.
type stream struct {
	open    func() (io.ReadCloser, error)
	packing string // ".gz", ".zst" or none
	digest  [sha256.Size]byte
	size    int64
	enc     encoding.Encoding // nil is UTF-8
	charset string
	skip    int // length of the byte order mark
}

// Ext is the lower-case extension of the path, with its dot.
func (in Input) Ext() string { return strings.ToLower(path.Ext(in.Path)) }

// errUnreadable ends a file whose bytes could not be had.
var errUnreadable = &Refusal{Rule: "unreadable", Reason: "the file could not be read"}

// errChanged ends a file that was written to between two readings.
var errChanged = &Refusal{Rule: "changed", Reason: "the file changed while it was read"}

// OpenLater returns the input of a file of rows that is not to be held in memory, with the digest
// and the number of its bytes. It reads the file once, for these and for the charset. A packed file
// that cannot be unpacked is a *Refusal.
func OpenLater(name, mime string, open func() (io.ReadCloser, error)) (in Input, err error) {
	s := &stream{open: open, packing: packing(name)}
	in = Input{Path: name, MIME: mime, stream: s}
	file, err := open()
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	count := &counter{r: file, hash: sha256.New()}
	text, err := unpack(count, s.packing)
	if err != nil {
		return in, err
	}
	defer text.Close()
	var scan survey
	if _, err := io.Copy(&scan, text); err != nil {
		return in, err
	}
	if _, err := io.Copy(io.Discard, count); err != nil { // what follows the packed content
		return in, err
	}
	s.digest, s.size = [sha256.Size]byte(count.hash.Sum(nil)), count.n
	s.enc, s.charset, s.skip = detectFrom(Input{MIME: mime, Raw: scan.head}, scan.valid())
	return in, nil
}

// Digest is the SHA-256 of the raw bytes, in hexadecimal.
func (in Input) Digest() string {
	if in.stream != nil {
		return fmt.Sprintf("%x", in.stream.digest)
	}
	return fmt.Sprintf("%x", sha256.Sum256(in.Raw))
}

// Size is the number of raw bytes.
func (in Input) Size() int64 {
	if in.stream != nil {
		return in.stream.size
	}
	return int64(len(in.Raw))
}

// Text opens the content as UTF-8 and names the charset it was in; see Decode. An error is a
// *Refusal, or that of the file.
func (in Input) Text() (io.ReadCloser, string, error) {
	s := in.stream
	if s == nil {
		text, charset, err := Decode(in)
		return io.NopCloser(strings.NewReader(text)), charset, err
	}
	file, err := s.open()
	if err != nil {
		return nil, s.charset, errUnreadable
	}
	unpacked, err := unpack(&counter{r: file, hash: sha256.New(), want: s}, s.packing)
	if err != nil {
		return nil, s.charset, errors.Join(err, file.Close())
	}
	out := &textReader{closers: []io.Closer{unpacked, file}}
	if _, err := io.CopyN(io.Discard, unpacked, int64(s.skip)); err != nil {
		return nil, s.charset, errors.Join(err, out.Close())
	}
	out.Reader = unpacked
	if s.enc != nil {
		out.Reader = s.enc.NewDecoder().Reader(unpacked)
	}
	head := make([]byte, sampleBytes)
	n, err := io.ReadFull(out.Reader, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, s.charset, errors.Join(err, out.Close())
	}
	if err := refuseBinary(string(head[:n])); err != nil {
		return nil, s.charset, errors.Join(err, out.Close())
	}
	out.Reader = io.MultiReader(bytes.NewReader(head[:n]), out.Reader)
	return out, s.charset, nil
}

// sampleBytes is how much of a large file is looked at for control characters.
const sampleBytes = 1 << 20

// ReaderAt opens the raw bytes for reading at any place. A file that cannot be read so is a *Refusal.
func (in Input) ReaderAt() (io.ReaderAt, io.Closer, error) {
	if in.stream == nil {
		return bytes.NewReader(in.Raw), io.NopCloser(nil), nil
	}
	file, err := in.stream.open()
	if err != nil {
		return nil, nil, errUnreadable
	}
	if at, ok := file.(io.ReaderAt); ok && in.stream.packing == "" {
		return at, file, nil
	}
	return nil, nil, errors.Join(&Refusal{Rule: "not_seekable", Reason: "the file can only be read in order, and its format cannot"}, file.Close())
}

type textReader struct {
	io.Reader
	closers []io.Closer
}

func (r *textReader) Close() error {
	var err error
	for _, c := range r.closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// counter hashes what is read through it. At the end it holds the digest against the wanted one.
type counter struct {
	r    io.Reader
	hash hash.Hash
	n    int64
	want *stream
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.hash.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		return n, errUnreadable
	}
	if errors.Is(err, io.EOF) && c.want != nil && [sha256.Size]byte(c.hash.Sum(nil)) != c.want.digest {
		return n, errChanged
	}
	return n, err
}

// survey keeps the head of what is written to it, and whether all of it is UTF-8.
type survey struct {
	head    []byte
	rest    []byte // of a character that the next write may complete
	invalid bool
}

func (s *survey) Write(p []byte) (int, error) {
	if room := prescanBytes - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	if s.invalid {
		return len(p), nil
	}
	text := p
	if len(s.rest) > 0 {
		text = append(s.rest, p...)
	}
	whole := len(text)
	for back := 1; back <= min(utf8.UTFMax-1, len(text)); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				whole = at
			}
			break
		}
	}
	s.invalid = !utf8.Valid(text[:whole])
	s.rest = append([]byte(nil), text[whole:]...)
	return len(p), nil
}

func (s *survey) valid() bool { return !s.invalid && len(s.rest) == 0 }
