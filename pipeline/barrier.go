package pipeline

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"unicode/utf8"

	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/filter"
	"github.com/cultivar/cultivar/pipeline/spill"
)

// decision is a stage that has to see all documents before it can tell what becomes of the first.
type decision struct {
	index dedup.Index
	// entry is what the index gets to know of a document that is kept.
	entry func(*draft, dedup.Entry) dedup.Entry
	// apply does to a document what was decided about it.
	apply func(*draft, dedup.Verdict)
	// learn, when not nil, reads all documents once more, with apply done, before they go on.
	learn func(iter.Seq2[*draft, error]) error
}

// barrier holds back a sequence until it is complete, decides, and passes it on. The documents wait
// in a log, which spills.
func barrier(s *spill.Scratch, in iter.Seq2[*draft, error], d decision) iter.Seq2[*draft, error] {
	return func(yield func(*draft, error) bool) {
		log := spill.NewLog[draft](s)
		defer log.Close()
		defer d.index.Close()
		err := gather(log, in, d)
		if err == nil && d.learn != nil {
			err = d.learn(decided(log, d))
		}
		if err != nil {
			yield(nil, err)
			return
		}
		decided(log, d)(yield)
	}
}

// gather writes the documents to the log, and enters those that are kept in the index.
func gather(log *spill.Log[draft], in iter.Seq2[*draft, error], d decision) error {
	ordinal := int64(0)
	for doc, err := range in {
		if err != nil {
			return err
		}
		if ordinal > math.MaxUint32 {
			return errTooMany
		}
		if doc.Drop == nil {
			e := dedup.Entry{Ordinal: uint32(ordinal), ID: idOf(doc), Size: utf8.RuneCountInString(doc.Text)}
			if err := d.index.Add(d.entry(doc, e)); err != nil {
				return fmt.Errorf("index documents: %w", err)
			}
		}
		if err := log.Append(doc); err != nil {
			return fmt.Errorf("hold documents back: %w", err)
		}
		ordinal++
	}
	return nil
}

var errTooMany = errors.New("more than 4294967296 documents in one run")

// idOf is a draft's identity in bytes; DocID wrote it.
func idOf(d *draft) (id dedup.ID) {
	if n, err := hex.Decode(id[:], []byte(d.DocID)); err != nil || n != len(id) {
		panic("pipeline: a doc_id is not of DocID's making")
	}
	return id
}

// decided reads the log, and the verdicts beside it, which come in the same order.
func decided(log *spill.Log[draft], d decision) iter.Seq2[*draft, error] {
	return func(yield func(*draft, error) bool) {
		next, stop := iter.Pull2(d.index.Verdicts())
		defer stop()
		verdict, err, more := next()
		ordinal := uint32(0)
		for doc, logErr := range log.All() {
			if err = errors.Join(err, logErr); err != nil {
				yield(nil, fmt.Errorf("find duplicates: %w", err))
				return
			}
			if more && verdict.Ordinal == ordinal {
				d.apply(doc, verdict)
				verdict, err, more = next()
			}
			if !yield(doc, nil) {
				return
			}
			ordinal++
		}
		if err != nil {
			yield(nil, fmt.Errorf("find duplicates: %w", err))
		}
	}
}

// copies decides about documents with the same words, and learns which lines are boilerplate.
func (r *run) copies() decision {
	d := decision{index: dedup.NewExact(r.scratch)}
	d.entry = func(doc *draft, e dedup.Entry) dedup.Entry {
		e.Digest = doc.digest
		if !r.cfg.Dedup.Exact { // nobody loses, and the first of the copies stands for all
			e.Size = 0
			e.ID = dedup.ID{}
			binary.BigEndian.PutUint32(e.ID[:], e.Ordinal)
		}
		return e
	}
	d.apply = func(doc *draft, v dedup.Verdict) {
		if r.cfg.Dedup.Exact {
			doc.losesTo(v, "exact", "another document has the same text", 1)
			return
		}
		doc.copy = binary.BigEndian.Uint32(v.Winner[:]) != v.Ordinal
	}
	if r.cfg.Filter.Boilerplate.Enabled {
		d.learn = r.learnLines
	}
	return d
}

// resemblance decides about documents that resemble a better one.
func (r *run) resemblance() decision {
	threshold := r.cfg.Dedup.Threshold
	return decision{
		index: dedup.NewNear(r.scratch, threshold),
		entry: func(doc *draft, e dedup.Entry) dedup.Entry {
			e.Signature = doc.signature
			return e
		},
		apply: func(doc *draft, v dedup.Verdict) {
			doc.losesTo(v, "near", "another document has nearly the same text", threshold)
		},
	}
}

// losesTo notes a document's cluster, and drops it unless it won there.
func (d *draft) losesTo(v dedup.Verdict, rule, reason string, threshold float64) {
	d.DupCluster = hex.EncodeToString(v.Winner[:])
	if d.DupCluster != d.DocID {
		d.reject(stageDedup, rule, reason, v.Similarity, threshold)
		d.Drop.Related = d.DupCluster
	}
}

// learnLines counts lines over the corpus. Copies of a document count once: else a document with
// many copies would be taken for boilerplate, whole.
func (r *run) learnLines(drafts iter.Seq2[*draft, error]) error {
	lines := filter.NewLines(r.cfg.Filter.Boilerplate, r.scratch)
	defer lines.Close()
	for d, err := range drafts {
		if err != nil {
			return err
		}
		if d.Drop != nil || d.copy {
			continue
		}
		if err := lines.Add(d.Text); err != nil {
			return fmt.Errorf("count lines: %w", err)
		}
	}
	if err := lines.Settle(); err != nil {
		return fmt.Errorf("count lines: %w", err)
	}
	r.lines = lines // read by the stages after this one, which have not begun
	return nil
}
