package filter

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cultivar/cultivar/pipeline/spill"
)

// Boilerplate says which lines are taken out of documents because most of the corpus repeats them:
// confidentiality notices, page footers, export headers.
type Boilerplate struct {
	// Cut such lines out.
	Enabled bool `yaml:"enabled" json:"enabled"`
	// Documents that a line has to be in.
	MinDocuments int `yaml:"min_documents" json:"min_documents"`
	// Share of all documents that a line has to be in.
	Share float64 `yaml:"share" json:"share"`
	// Length that a line has to have.
	MinChars int `yaml:"min_chars" json:"min_chars"`
	// Share of a document's characters above which nothing is cut out of it.
	MaxRemoved float64 `yaml:"max_removed" json:"max_removed"`
}

func defaultBoilerplate() Boilerplate {
	return Boilerplate{Enabled: true, MinDocuments: 10, Share: 0.3, MinChars: 20, MaxRemoved: 0.5}
}

func (b Boilerplate) validate() error {
	var errs []error
	if b.MinDocuments < 2 {
		errs = append(errs, fmt.Errorf("boilerplate.min_documents: %d is less than 2", b.MinDocuments))
	}
	if !(b.Share > 0 && b.Share <= 1) {
		errs = append(errs, fmt.Errorf("boilerplate.share: %v is not in (0, 1]", b.Share))
	}
	if b.MinChars < 0 {
		errs = append(errs, fmt.Errorf("boilerplate.min_chars: %d is negative", b.MinChars))
	}
	if !(b.MaxRemoved >= 0 && b.MaxRemoved <= 1) {
		errs = append(errs, fmt.Errorf("boilerplate.max_removed: %v is not between 0 and 1", b.MaxRemoved))
	}
	return errors.Join(errs...)
}

// Lines knows in how many documents each line occurs. Add every document, Settle, then Strip; Strip
// is safe for concurrent use, the others are not.
type Lines struct {
	cfg    Boilerplate
	docs   int
	seen   *spill.Sorter[uint64] // the hash of each line, once for each document that has it
	own    []uint64              // hashes of the document that is being added
	counts map[uint64]int32      // documents by the hash of the line, of boilerplate only
}

// NewLines returns an empty count.
func NewLines(cfg Boilerplate, s *spill.Scratch) *Lines {
	return &Lines{cfg: cfg, counts: map[uint64]int32{}, seen: spill.NewSorter(s, spill.Record[uint64]{
		Size: 8, Put: binary.LittleEndian.PutUint64, Get: binary.LittleEndian.Uint64, Compare: cmp.Compare[uint64],
	})}
}

// Add counts the lines of a document, each once.
func (l *Lines) Add(text string) error {
	l.docs++
	l.own = l.own[:0]
	for line := range l.candidates(text) {
		l.own = append(l.own, hashString(strings.TrimSpace(line)))
	}
	slices.Sort(l.own)
	for _, h := range slices.Compact(l.own) {
		if err := l.seen.Add(h); err != nil {
			return err
		}
	}
	return nil
}

// Settle ends the counting and keeps only the boilerplate.
func (l *Lines) Settle() error {
	limit := int64(min(float64(math.MaxInt32), math.Ceil(l.cfg.Share*float64(l.docs))))
	limit = max(limit, int64(l.cfg.MinDocuments))
	var line uint64
	n := int64(0)
	settle := func() {
		if n >= limit {
			l.counts[line] = int32(min(n, math.MaxInt32))
		}
	}
	for h, err := range l.seen.Sorted() {
		if err != nil {
			return err
		}
		if h != line {
			settle()
			line, n = h, 0
		}
		n++
	}
	settle()
	return l.Close()
}

// Close frees what counting needed.
func (l *Lines) Close() error { return l.seen.Close() }

// Span is a removed part.
type Span struct {
	Start, End int64   // rune offsets in the text before anything was removed, with the line end
	Share      float64 // of documents that have the line
}

// Strip takes the boilerplate out of a text.
func (l *Lines) Strip(text string) (string, []Span) {
	if len(l.counts) == 0 {
		return text, nil
	}
	var out strings.Builder
	var spans []Span
	kept, removed := 0, 0
	at, runes := 0, int64(0) // of the same position, in bytes and runes
	for line, offset := range l.candidates(text) {
		n := l.counts[hashString(strings.TrimSpace(line))]
		if n == 0 {
			continue
		}
		runes += int64(utf8.RuneCountInString(text[at:offset]))
		at = offset
		end := runes + int64(utf8.RuneCountInString(line))
		spans = append(spans, Span{Start: runes, End: end, Share: ratio(int(n), l.docs)})
		out.WriteString(text[kept:offset])
		kept = offset + len(line)
		removed += len(line)
	}
	if removed == 0 || float64(removed) > l.cfg.MaxRemoved*float64(len(text)) {
		return text, nil
	}
	out.WriteString(text[kept:])
	return strings.Trim(out.String(), "\n"), spans
}

// candidates yields the lines that may be boilerplate, with their line end, and their byte offset:
// not headings, table rows, or anything in a code fence, which repeat because they are structure.
func (l *Lines) candidates(text string) func(func(string, int) bool) {
	return func(yield func(string, int) bool) {
		fenced, offset := false, 0
		for line := range strings.Lines(text) {
			trimmed := strings.TrimSpace(line)
			if strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~") {
				fenced = !fenced
			}
			structure := fenced || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "|")
			if !structure && utf8.RuneCountInString(trimmed) >= max(l.cfg.MinChars, 1) && !yield(line, offset) {
				return
			}
			offset += len(line)
		}
	}
}
