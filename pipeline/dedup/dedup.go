// Package dedup finds documents that say the same thing. Exact duplicates have the same digest of
// their words in order; near-duplicates have MinHash signatures that agree. Every loser names the
// winner it resembles, so that the winner's removal can promote it.
//
// An index holds in memory what its scratch allows, and 8 bytes for each document (near) or nothing
// (exact) beyond that.
package dedup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/cultivar/cultivar/pipeline/spill"
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

// ID is the identity of a document: the bytes of its doc_id.
type ID [16]byte

// Entry is what an index needs to know of a document.
type Entry struct {
	Ordinal   uint32 // its place in the run, in which verdicts come
	ID        ID
	Size      int        // runes; the longest of a cluster wins
	Digest    Digest     // for an exact index
	Signature *Signature // for a near index; nil stays alone
}

// claim is the part of an entry that decides who wins a cluster: the longest, which has lost nothing
// the others have, then the smallest doc_id, which is arbitrary but never changes.
type claim struct {
	size    uint64
	id      ID
	ordinal uint32
}

const claimBytes = 8 + len(ID{}) + 4

func (e *Entry) claim() claim { return claim{uint64(e.Size), e.ID, e.Ordinal} }

func (c claim) before(o claim) int {
	return cmp.Or(cmp.Compare(o.size, c.size), bytes.Compare(c.id[:], o.id[:]))
}

func (c claim) put(b []byte) {
	binary.LittleEndian.PutUint64(b, c.size)
	binary.LittleEndian.PutUint32(b[8:], c.ordinal)
	copy(b[12:], c.id[:])
}

func getClaim(b []byte) (c claim) {
	c.size, c.ordinal = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	copy(c.id[:], b[12:])
	return c
}

// Verdict is the fate of a document that is not alone. Winners have themselves as the winner.
type Verdict struct {
	Ordinal    uint32
	Winner     ID
	Similarity float64 // to the winner
}

// Index gathers documents and then decides about all of them. The order of Add does not matter to
// the result. An index is used from one goroutine.
type Index interface {
	Add(Entry) error
	// Verdicts yields the verdict of each document that has a duplicate, in ascending ordinal, as
	// often as it is read. Nothing is added after its first use.
	Verdicts() iter.Seq2[Verdict, error]
	Close() error
}

// newVerdicts returns a sort that brings verdicts into the order of the documents.
func newVerdicts(s *spill.Scratch) *spill.Sorter[Verdict] {
	return spill.NewSorter(s, spill.Record[Verdict]{
		Size: 4 + len(ID{}) + 8,
		Put: func(b []byte, v Verdict) {
			binary.LittleEndian.PutUint32(b, v.Ordinal)
			binary.LittleEndian.PutUint64(b[4:], math.Float64bits(v.Similarity))
			copy(b[12:], v.Winner[:])
		},
		Get: func(b []byte) (v Verdict) {
			v.Ordinal = binary.LittleEndian.Uint32(b)
			v.Similarity = math.Float64frombits(binary.LittleEndian.Uint64(b[4:]))
			copy(v.Winner[:], b[12:])
			return v
		},
		Compare: func(a, b Verdict) int { return cmp.Compare(a.Ordinal, b.Ordinal) },
	})
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
