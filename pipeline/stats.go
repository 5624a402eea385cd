package pipeline

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
)

// ErrUnreadable means that a larger share of the documents than allowed could not be read.
var ErrUnreadable = errors.New("too many documents could not be read")

// Stats counts a run. In = Out + the sum of Dropped, always; Run checks it.
type Stats struct {
	Files      int64            `json:"files"`      // raw files seen
	Bytes      int64            `json:"bytes"`      // of them that were read
	In         int64            `json:"in"`         // candidate documents: rows, or files that gave none
	Out        int64            `json:"out"`        // documents handed to the sink
	Runes      int64            `json:"runes"`      // of their text
	Dropped    map[string]int64 `json:"dropped"`    // documents, by "stage/rule"
	Spans      map[string]int64 `json:"spans"`      // removed parts of documents, by "stage/rule"
	Flagged    map[string]int64 `json:"flagged"`    // documents kept that break a rule in signal mode, by rule
	Redactions map[string]int64 `json:"redactions"` // by entity

	unreadable int64
}

func newStats() Stats {
	return Stats{Dropped: map[string]int64{}, Spans: map[string]int64{},
		Flagged: map[string]int64{}, Redactions: map[string]int64{}}
}

// DroppedTotal is the number of dropped documents.
func (s Stats) DroppedTotal() (n int64) {
	for _, d := range s.Dropped {
		n += d
	}
	return n
}

// Reconcile returns an error unless every document that came in went out or has a reason.
func (s Stats) Reconcile() error {
	if dropped := s.DroppedTotal(); s.In != s.Out+dropped {
		return fmt.Errorf("reconcile documents: %d in, %d out, %d dropped", s.In, s.Out, dropped)
	}
	return nil
}

// count enters a finished draft.
func (s *Stats) count(d *draft) {
	for _, e := range d.Spans {
		s.Spans[ledgerKey(e)]++
	}
	if d.Drop != nil {
		s.Dropped[ledgerKey(*d.Drop)]++
		if d.Drop.Stage == stageSource || d.Drop.Stage == stageExtract {
			s.unreadable++
		}
		return
	}
	s.Out++
	for _, rule := range d.Flags {
		s.Flagged[rule]++
	}
	s.Runes += int64(d.NChars)
	for _, r := range d.Redactions {
		s.Redactions[r.Entity]++
	}
}

func ledgerKey(e datasets.Exclusion) string { return e.Stage + "/" + e.Rule }

func (s Stats) checkUnreadable(limit float64) error {
	if share := float64(s.unreadable) / float64(max(s.In, 1)); share > limit {
		return fmt.Errorf("%w: %d of %d, the limit is a share of %v", ErrUnreadable, s.unreadable, s.In, limit)
	}
	return nil
}
