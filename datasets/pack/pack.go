// Package pack lays tokenised rows out as sequences of at most MaxLen tokens, and sequences as
// batches without padding. Rows never attend to each other, whatever sequence they share: a batch
// names the segment of each row, and positions restart there.
package pack

import (
	"errors"
	"fmt"
)

// IgnoreIndex is the label of a position without a target, PyTorch's default for cross_entropy.
const IgnoreIndex = -100

// Row is one tokenised example.
type Row struct {
	IDs     []int32 // vocabulary ids
	Trained []bool  // whether to learn to predict IDs[i]; nil means all
	// Begin is how many tokens at the start only begin a text, as <s> does: each window begins with them.
	Begin int
	// Whole says that the row is never cut: an answer means nothing without its question.
	Whole bool
	Good  bool // of a judged answer: whether it is a good one
	// Teacher, unless nil, is the same answer as whoever teaches it is asked for it: other tokens before
	// the trained ones, of which there are as many. Such a row is never cut.
	Teacher *Row
	Source  Source
}

// Targets counts the tokens that are learned to be predicted: the first of a row never is.
func (r Row) Targets() int {
	n := 0
	for p := range r.IDs {
		if r.label(p) != IgnoreIndex {
			n++
		}
	}
	return n
}

// Source leads back to the text, for lineage: nothing here depends on it.
type Source struct {
	ExampleID string
	DocID     string
	Start     int64 // rune span of the document's text
	End       int64
}

// Strategy says which rows share a sequence.
type Strategy string

// The strategies.
const (
	// None gives every row a sequence of its own.
	None Strategy = "none"
	// BestFit takes rows from the longest to the shortest and puts each into the fullest sequence
	// that still has room: best-fit decreasing (D. S. Johnson, "Near-optimal bin packing
	// algorithms", 1973), which needs at most 11/9 of the fewest sequences possible, and one.
	BestFit Strategy = "best_fit"
)

// Overlong says what happens to a row of more than MaxLen tokens. It is never cut short in silence.
type Overlong string

// What can be done with an overlong row.
const (
	// Refuse is an error that names the row: the default, and right for conversations.
	Refuse Overlong = "error"
	// Drop leaves the row out and counts it.
	Drop Overlong = "drop"
	// Window cuts the row into windows of MaxLen tokens, the last one shorter, and counts it: right for
	// plain text. Each window begins as a text does, with the row's Begin tokens, so that no model has to
	// do without what it has learned to begin with; where there are none, with the last token of the
	// window before. So each token that is a target in the row is one in exactly one window.
	Window Overlong = "window"
)

// Options of New.
type Options struct {
	MaxLen   int
	Strategy Strategy // default None
	Overlong Overlong // default Refuse
	// Pairs says that rows 2i and 2i+1 belong together: they share a sequence and a micro-batch,
	// and neither can be left out.
	Pairs bool
}

// ErrTooLong means that a row has more tokens than MaxLen and the options do not say what to do.
var ErrTooLong = errors.New("row is longer than the sequence length")

// Sequences is a packed dataset.
type Sequences struct {
	// Rows are the rows that are trained on: windows in place of the rows they were cut from.
	Rows []Row
	// From holds, for each of them, the input row that it is, or is cut from.
	From []int
	// Sequences hold indices into Rows, ascending; the sequences ascend by their first row, so
	// that their order follows the data's.
	Sequences [][]int
	MaxLen    int
	Pairs     bool  // rows 2i and 2i+1 belong together
	Windowed  int   // input rows that were cut into windows
	Dropped   []int // input rows that were left out: overlong under Drop, or empty
}

// New packs rows. The result depends on nothing but its arguments. Rows without tokens are dropped.
// The token slices are shared with the argument.
func New(rows []Row, opts Options) (*Sequences, error) {
	if opts.MaxLen < 1 {
		return nil, fmt.Errorf("pack into sequences of %d tokens: want at least 1", opts.MaxLen)
	}
	s := &Sequences{MaxLen: opts.MaxLen, Pairs: opts.Pairs}
	if opts.Pairs && (len(rows)%2 != 0 || opts.Overlong == Window || opts.Strategy == BestFit) {
		return nil, errors.New("pack pairs: want an even number of rows, neither cut nor packed")
	}
	for i, row := range rows {
		if err := s.take(i, row, opts); err != nil {
			return nil, fmt.Errorf("row %d, example %q: %w", i, row.Source.ExampleID, err)
		}
	}
	lengths := make([]int, len(s.Rows))
	for i, row := range s.Rows {
		lengths[i] = len(row.IDs)
	}
	switch opts.Strategy {
	case None, "":
		if opts.Pairs {
			return s, s.pair()
		}
		for i := range lengths {
			s.Sequences = append(s.Sequences, []int{i})
		}
	case BestFit:
		s.Sequences = bestFit(lengths, opts.MaxLen)
	default:
		return nil, fmt.Errorf("unknown packing strategy %q", opts.Strategy)
	}
	return s, nil
}

// pair makes a sequence of every two rows.
func (s *Sequences) pair() error {
	if len(s.Dropped) > 0 {
		return fmt.Errorf("row %d of a pair is empty or too long", s.Dropped[0])
	}
	for i := 0; i < len(s.Rows); i += 2 {
		s.Sequences = append(s.Sequences, []int{i, i + 1})
	}
	return nil
}

// take appends input row i, or its windows, to s.Rows.
func (s *Sequences) take(i int, row Row, opts Options) error {
	if row.Trained != nil && len(row.Trained) != len(row.IDs) {
		return fmt.Errorf("has %d tokens and %d marks", len(row.IDs), len(row.Trained))
	}
	if len(row.IDs) == 0 {
		s.Dropped = append(s.Dropped, i)
		return nil
	}
	if len(row.IDs) <= opts.MaxLen {
		s.add(i, row)
		return nil
	}
	switch {
	case opts.Overlong == Refuse, opts.Overlong == "", opts.Overlong == Window && (row.Whole || row.Teacher != nil):
		return fmt.Errorf("%d tokens, limit %d: %w", len(row.IDs), opts.MaxLen, ErrTooLong)
	case opts.Overlong == Drop:
		s.Dropped = append(s.Dropped, i)
	case opts.Overlong == Window:
		if opts.MaxLen < row.Begin+1 || opts.MaxLen < 2 {
			return fmt.Errorf("%d tokens begin each window, limit %d: %w", row.Begin, opts.MaxLen, ErrTooLong)
		}
		s.Windowed++
		s.add(i, windows(row, opts.MaxLen)...)
	default:
		return fmt.Errorf("unknown treatment of overlong rows %q", opts.Overlong)
	}
	return nil
}

// add takes rows that are, or are cut from, input row i.
func (s *Sequences) add(i int, rows ...Row) {
	for _, r := range rows {
		s.Rows = append(s.Rows, r)
		s.From = append(s.From, i)
	}
}

// windows cuts a row, see [Window]. All windows keep the row's source: the tokeniser's offsets are not
// known here.
func windows(row Row, size int) []Row {
	cut := []Row{row.slice(0, size)}
	for at := size; at < len(row.IDs); {
		if row.Begin == 0 {
			end := min(at-1+size, len(row.IDs))
			cut = append(cut, row.slice(at-1, end))
			at = end
			continue
		}
		end := min(at+size-row.Begin, len(row.IDs))
		w, rest := row.slice(0, row.Begin), row.slice(at, end)
		w.IDs = append(w.IDs, rest.IDs...)
		w.Trained = append(make([]bool, row.Begin, len(w.IDs)), rest.marks()...)
		cut = append(cut, w)
		at = end
	}
	return cut
}

// slice is a part of a row.
func (r Row) slice(start, end int) Row {
	r.IDs = r.IDs[start:end:end]
	if r.Trained != nil {
		r.Trained = r.Trained[start:end:end]
	}
	return r
}

// marks are the row's, spelled out.
func (r Row) marks() []bool {
	if r.Trained != nil {
		return r.Trained
	}
	all := make([]bool, len(r.IDs))
	for i := range all {
		all[i] = true
	}
	return all
}
