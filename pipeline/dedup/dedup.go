// Package dedup finds documents that say the same thing. Exact duplicates have the same digest of
// their words in order; near-duplicates have MinHash signatures that agree. Every loser names the
// winner it resembles, so that the winner's removal can promote it.
package dedup

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// Config says what counts as a duplicate.
type Config struct {
	// Drop documents whose text is the same but for white space.
	Exact bool `yaml:"exact" json:"exact"`
	// Drop documents whose words are nearly the same.
	Near bool `yaml:"near" json:"near"`
	// Similarity (Jaccard, of five-word shingles) from which documents are near-duplicates.
	Threshold float64 `yaml:"threshold" json:"threshold"`
}

// DefaultConfig drops both kinds. Two texts of 200 words that differ in one place of every 30 words
// or so are about 0.75 similar.
func DefaultConfig() Config { return Config{Exact: true, Near: true, Threshold: 0.75} }

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	// Below 0.5 the 14 × 8 bands no longer bring similar documents together (see Signature).
	if !(c.Threshold >= 0.5 && c.Threshold <= 1) {
		return errors.Join(fmt.Errorf("threshold: %v is not between 0.5 and 1", c.Threshold))
	}
	return nil
}

// Entry is what an index needs to know of a document.
type Entry struct {
	DocID     string
	Size      int        // runes; the longest of a cluster wins
	Digest    Digest     // for an exact index
	Signature *Signature // for a near index; nil stays alone
}

// before is the order in which documents claim to win their cluster: the longest, which has lost
// nothing the others have, then the smallest doc_id, which is arbitrary but never changes.
func (e *Entry) before(o *Entry) int {
	return cmp.Or(cmp.Compare(o.Size, e.Size), strings.Compare(e.DocID, o.DocID))
}

// Verdict is the fate of a document that is not alone. Winners have themselves as the winner.
type Verdict struct {
	Winner     string
	Similarity float64 // to the winner
}

// Index gathers documents and then decides about all of them. The order of Add does not matter to
// the result. An index is used from one goroutine.
type Index interface {
	Add(Entry) error
	// Verdicts returns the verdict of each document, by doc_id, that has a duplicate.
	Verdicts() (map[string]Verdict, error)
}

// Digest identifies a text but for white space.
type Digest [sha256.Size]byte

// DigestOf computes the digest of the words of text in order. Case, digits and punctuation count:
// two invoices that differ in their amount are not the same.
func DigestOf(text string) Digest {
	h := sha256.New()
	var buf [4096]byte
	out := buf[:0]
	for word := range strings.FieldsSeq(text) {
		if len(out)+len(word)+1 > len(buf) {
			h.Write(out)
			out = buf[:0]
		}
		if len(word) >= len(buf) {
			h.Write([]byte(word))
			word = ""
		}
		out = append(append(out, word...), ' ')
	}
	h.Write(out)
	return Digest(h.Sum(nil))
}

// exact is the index of equal digests, in memory.
type exact map[Digest][]Entry

// NewExact returns an in-memory index that finds equal digests.
func NewExact() Index { return exact{} }

func (x exact) Add(e Entry) error {
	x[e.Digest] = append(x[e.Digest], e)
	return nil
}

func (x exact) Verdicts() (map[string]Verdict, error) {
	verdicts := map[string]Verdict{}
	for _, same := range x {
		if len(same) < 2 {
			continue
		}
		winner := &same[0]
		for i := range same {
			if same[i].before(winner) < 0 {
				winner = &same[i]
			}
		}
		for _, e := range same {
			verdicts[e.DocID] = Verdict{Winner: winner.DocID, Similarity: 1}
		}
	}
	return verdicts, nil
}
