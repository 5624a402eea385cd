package pipeline

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/pipeline/source"
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

	Unsupported map[string]int64 `json:"unsupported"` // of the dropped, by how their files' names end, or by type
	Left        map[string]int64 `json:"left"`        // files and folders that were not looked at: hidden, ignored, links

	unreadable int64
}

func newStats() Stats {
	return Stats{Dropped: map[string]int64{}, Spans: map[string]int64{},
		Flagged: map[string]int64{}, Redactions: map[string]int64{}, Unsupported: map[string]int64{}, Left: map[string]int64{}}
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
		if d.Drop.Rule == "unsupported" {
			s.Unsupported[ending(d.SourceURI, d.MIME)]++
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

// ending is how people call a type of file: by its name's ending, where it has one.
func ending(uri, mime string) string {
	if ext := strings.ToLower(path.Ext(uri)); len(ext) > 1 && len(ext) <= 8 {
		return ext
	}
	mime, _, _ = strings.Cut(mime, ";")
	return mime
}

// countLeft adds what the sources did not give.
func (s *Stats) countLeft(sources []Source) {
	for _, from := range sources {
		if d, ok := from.(interface{ Left() source.Left }); ok {
			left := d.Left()
			for kind, n := range map[string]int64{"hidden": left.Hidden, "ignored": left.Ignored, "links": left.Special} {
				if n > 0 {
					s.Left[kind] += n
				}
			}
		}
	}
}

func ledgerKey(e datasets.Exclusion) string { return e.Stage + "/" + e.Rule }

func (s Stats) checkUnreadable(limit float64) error {
	if share := float64(s.unreadable) / float64(max(s.In, 1)); share > limit {
		return fmt.Errorf("%w: %d of %d, the limit is a share of %v", ErrUnreadable, s.unreadable, s.In, limit)
	}
	return nil
}
