package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/parquet-go/parquet-go"
)

var (
	documentFormat  = documents()
	exclusionFormat = exclusions()
	redactionFormat = redactions()
	exampleFormat   = examples()
)

func documents() format[datasets.Document] {
	return format[datasets.Document]{
		name: "documents", needs: []string{"text"},
		size: measure(storeDocument), newEncoder: newEncoder(storeDocument), newDecoder: newDecoder(loadDocument),
		arrow: documentArrow, append: appendDocument,
	}
}

func exclusions() format[datasets.Exclusion] {
	return format[datasets.Exclusion]{
		name: "exclusions", needs: []string{"rule"},
		size: measure(storeExclusion), newEncoder: newEncoder(storeExclusion), newDecoder: newDecoder(loadExclusion),
		arrow: exclusionArrow, append: appendExclusion,
	}
}

func redactions() format[datasets.Redaction] {
	return format[datasets.Redaction]{
		name: "redactions", needs: []string{"entity"},
		size: measure(storeRedaction), newEncoder: newEncoder(storeRedaction), newDecoder: newDecoder(loadRedaction),
		arrow: redactionArrow, append: appendRedaction,
	}
}

func examples() format[datasets.Example] {
	return format[datasets.Example]{
		name: "examples", needs: []string{"text", "messages"},
		size: measure(storeExample), newEncoder: newEncoder(storeExample), newDecoder: newDecoder(loadExample),
		arrow: exampleArrow, append: appendExample,
	}
}

// Limits on what a footer may claim, against files made to exhaust memory.
const (
	maxFooter   = 64 << 20
	maxRowGroup = 4 << 30 // bytes before compression; ours have at most 128 MiB
)

// OpenParquet reads and checks a footer. A file must have one of the columns it needs, if there are any.
func OpenParquet(r io.ReaderAt, size int64, needs []string, opts ...parquet.FileOption) (*parquet.File, error) {
	if err := checkFooterSize(r, size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(r, size, append(opts, parquet.SkipPageIndex(true))...)
	if err != nil {
		return nil, err
	}
	if err := checkRowGroups(f, size); err != nil {
		return nil, err
	}
	columns := f.Schema().Columns()
	if needs != nil && !slices.ContainsFunc(columns, func(path []string) bool { return slices.Contains(needs, path[0]) }) {
		return nil, fmt.Errorf("has no column %s", strings.Join(needs, " or "))
	}
	return f, nil
}

// checkFooterSize reads the last 8 bytes: the footer's length, little endian, and the magic.
func checkFooterSize(r io.ReaderAt, size int64) error {
	const tail = 8
	if size < tail+4 {
		return errors.New("is too short to be Parquet")
	}
	var b [tail]byte
	if _, err := r.ReadAt(b[:], size-tail); err != nil {
		return err
	}
	if string(b[4:]) != "PAR1" {
		return errors.New("does not end as Parquet does: it is cut short or another kind of file")
	}
	length := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24
	if length > min(maxFooter, size-tail-4) {
		return fmt.Errorf("claims a footer of %d bytes", length)
	}
	return nil
}

func checkRowGroups(f *parquet.File, size int64) error {
	rows := int64(0)
	for i, group := range f.Metadata().RowGroups {
		if group.NumRows < 0 {
			return fmt.Errorf("row group %d claims %d rows", i, group.NumRows)
		}
		rows += group.NumRows
		total := int64(0)
		for j := range group.Columns {
			m := &group.Columns[j].MetaData
			if m.TotalCompressedSize < 0 || m.DataPageOffset < 0 || m.DataPageOffset > size || m.TotalCompressedSize > size {
				return fmt.Errorf("row group %d, column %d lies outside the file", i, j)
			}
			if m.TotalUncompressedSize < 0 || m.TotalUncompressedSize > maxRowGroup {
				return fmt.Errorf("row group %d, column %d claims %d bytes", i, j, m.TotalUncompressedSize)
			}
			total += m.TotalUncompressedSize
		}
		if total > maxRowGroup {
			return fmt.Errorf("row group %d claims %d bytes", i, total)
		}
	}
	if rows != f.NumRows() {
		return fmt.Errorf("has %d rows in its row groups and claims %d", rows, f.NumRows())
	}
	return nil
}

// IsExamples tells whether columns are those of our own files of examples.
func IsExamples(columns []string) bool {
	for _, name := range []string{"example_id", "doc_id", "doc_version", "split", "start", "end", "text", "messages"} {
		if !slices.Contains(columns, name) {
			return false
		}
	}
	return true
}
