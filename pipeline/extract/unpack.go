package extract

import (
	"errors"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxRatio is how many bytes may come out of one packed byte. Text gives 10, logs up to 100; a
	// bomb gives a thousand.
	maxRatio = 400
	// freeBytes may come out whatever the ratio: a small file of one letter is none.
	freeBytes = 1 << 20
	// maxWindow bounds what an unpacker of Zstandard holds: its long mode goes to this.
	maxWindow = 128 << 20
)

// packing returns the extension by which a file is known as packed, "" when it is not.
func packing(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".gz", ".zst":
		return ext
	}
	return ""
}

// PackedMIME returns the type of what a packed file holds by its name, as rows.jsonl.gz; false when
// it is not packed, or its name does not say.
func PackedMIME(name string) (string, bool) {
	ext := packing(name)
	if ext == "" {
		return "", false
	}
	mime, ok := byExt[strings.ToLower(path.Ext(strings.TrimSuffix(strings.ToLower(name), ext)))]
	return mime, ok
}

// IsPacked reports whether a sniffed type is that of a packed file.
func IsPacked(mime string) bool {
	return mime == "application/gzip" || mime == "application/x-gzip" || mime == "application/zstd"
}

// unpack returns the content of a packed file. Errors of reading it are a *Refusal where the file is
// to blame.
func unpack(r *counter, packing string) (io.ReadCloser, error) {
	switch packing {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, unpackError(err)
		}
		return &unpacked{from: r, r: z, close: z.Close}, nil
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, unpackError(err)
		}
		return &unpacked{from: r, r: z, close: z.IOReadCloser().Close}, nil
	}
	return io.NopCloser(r), nil
}

// unpacked watches over the ratio.
type unpacked struct {
	from  *counter
	r     io.Reader
	n     int64
	close func() error
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.n += int64(n)
	if u.n > freeBytes && u.n/maxRatio > u.from.n {
		return n, &Refusal{
			Rule: "packing_ratio", Reason: "the file unpacks to far more than a text does",
			Value: float64(u.n) / float64(max(u.from.n, 1)), Threshold: maxRatio,
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = unpackError(err)
	}
	return n, err
}

func (u *unpacked) Close() error { return u.close() }

// unpackError keeps a refusal, and hides what an unpacker says of a damaged file.
func unpackError(err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{Rule: "malformed", Reason: "the packed file is damaged"}
}
