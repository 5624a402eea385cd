package dedup

import (
	"bytes"
	"cmp"
	"errors"
	"iter"

	"github.com/cultivar/cultivar/pipeline/spill"
)

// exact is the index of equal digests: entries → sorted by digest → verdicts.
type exact struct {
	entries  *spill.Sorter[digested]
	verdicts *spill.Sorter[Verdict]
	decided  bool
}

type digested struct {
	digest Digest
	claim
}

// NewExact returns an index that finds equal digests.
func NewExact(s *spill.Scratch) Index {
	const size = len(Digest{})
	return &exact{verdicts: newVerdicts(s), entries: spill.NewSorter(s, spill.Record[digested]{
		Size: size + claimBytes,
		Put: func(b []byte, d digested) {
			copy(b, d.digest[:])
			d.put(b[size:])
		},
		Get: func(b []byte) (d digested) {
			copy(d.digest[:], b)
			d.claim = getClaim(b[size:])
			return d
		},
		Compare: func(a, b digested) int {
			return cmp.Or(bytes.Compare(a.digest[:], b.digest[:]), a.before(b.claim))
		},
	})}
}

// Add takes a document.
func (x *exact) Add(e Entry) error { return x.entries.Add(digested{e.Digest, e.claim()}) }

// Verdicts yields the fate of the copies.
func (x *exact) Verdicts() iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		if !x.decided {
			x.decided = true
			if err := x.decide(); err != nil {
				yield(Verdict{}, err)
				return
			}
		}
		x.verdicts.Sorted()(yield)
	}
}

// decide finds the runs of equal digests, each of which begins with its winner.
func (x *exact) decide() error {
	var winner digested
	alone, first := false, true
	for d, err := range x.entries.Sorted() {
		if err != nil {
			return err
		}
		if first || d.digest != winner.digest {
			winner, alone, first = d, true, false
			continue
		}
		if alone {
			alone = false
			if err := x.verdicts.Add(Verdict{winner.ordinal, winner.id, 1}); err != nil {
				return err
			}
		}
		if err := x.verdicts.Add(Verdict{d.ordinal, winner.id, 1}); err != nil {
			return err
		}
	}
	return x.entries.Close()
}

// Close frees the index.
func (x *exact) Close() error { return errors.Join(x.entries.Close(), x.verdicts.Close()) }
