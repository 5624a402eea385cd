package dedup

import (
	"cmp"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/cultivar/cultivar/pipeline/spill"
)

// maxRivals bounds how many members of a bucket a document is compared with. A bucket with more
// distinct texts than that holds boilerplate, and comparing all pairs would never end.
const maxRivals = 64

// near is the index of similar signatures. Documents are ranked by their claim, so that the smaller
// of two ranks is the one that wins; the records of the bands, sorted, are buckets of documents that
// share a band; a union-find over ranks joins those of a bucket that really are similar; and each of
// its sets is settled.
type near struct {
	scratch    *spill.Scratch
	threshold  float64
	signatures *spill.Table          // by arrival, with the document's claim
	claims     *spill.Sorter[ranked] // of arrivals
	arrival    []uint32              // by rank
	verdicts   *spill.Sorter[Verdict]
	decided    bool
}

// ranked is an arrival with the claim that decides its rank.
type ranked struct {
	claim
	arrival uint32
}

// NewNear returns an index that finds signatures at least threshold similar.
func NewNear(s *spill.Scratch, threshold float64) Index {
	return &near{
		scratch: s, threshold: threshold, verdicts: newVerdicts(s),
		signatures: spill.NewTable(s, claimBytes+signatureBytes),
		claims: spill.NewSorter(s, spill.Record[ranked]{
			Size: claimBytes + 4,
			Put: func(b []byte, r ranked) {
				r.put(b)
				binary.LittleEndian.PutUint32(b[claimBytes:], r.arrival)
			},
			Get: func(b []byte) ranked {
				return ranked{getClaim(b), binary.LittleEndian.Uint32(b[claimBytes:])}
			},
			Compare: func(a, b ranked) int { return a.before(b.claim) },
		}),
	}
}

// Add takes a document.
func (x *near) Add(e Entry) error {
	if e.Signature == nil {
		return nil
	}
	c := e.claim()
	if err := x.claims.Add(ranked{c, uint32(x.signatures.Len())}); err != nil {
		return err
	}
	var record [claimBytes + signatureBytes]byte
	c.put(record[:])
	e.Signature.put(record[claimBytes:])
	return x.signatures.Append(record[:])
}

// Verdicts yields the fate of the documents that resemble one another.
func (x *near) Verdicts() iter.Seq2[Verdict, error] {
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

// Close frees the index.
func (x *near) Close() error {
	x.arrival = nil
	return errors.Join(x.signatures.Close(), x.claims.Close(), x.verdicts.Close())
}

func (x *near) decide() error {
	bands, err := x.rank()
	if err != nil {
		return err
	}
	defer bands.Close()
	sets := newForest(x.signatures.Len())
	if err := x.unite(sets, bands); err != nil {
		return err
	}
	return x.settleAll(sets)
}

// load reads the claim and the signature of a rank.
func (x *near) load(rank uint32, sig *Signature) (claim, error) {
	record, err := x.signatures.At(int(x.arrival[rank]))
	if err != nil {
		return claim{}, err
	}
	sig.get(record[claimBytes:])
	return getClaim(record), nil
}

// pair is two numbers that are sorted by the first, then the second: a band and a rank, a set and a
// rank.
type pair struct {
	key  uint64
	rank uint32
}

func newPairs(s *spill.Scratch) *spill.Sorter[pair] {
	return spill.NewSorter(s, spill.Record[pair]{
		Size: 12,
		Put: func(b []byte, p pair) {
			binary.LittleEndian.PutUint64(b, p.key)
			binary.LittleEndian.PutUint32(b[8:], p.rank)
		},
		Get: func(b []byte) pair {
			return pair{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])}
		},
		Compare: func(a, b pair) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.rank, b.rank)) },
	})
}

// rank fixes the ranks and gathers the records of the bands.
func (x *near) rank() (*spill.Sorter[pair], error) {
	rankOf := make([]uint32, x.signatures.Len())
	rank := uint32(0)
	for r, err := range x.claims.Sorted() {
		if err != nil {
			return nil, err
		}
		rankOf[r.arrival] = rank
		rank++
	}
	if err := x.claims.Close(); err != nil {
		return nil, err
	}
	records := newPairs(x.scratch)
	x.arrival = make([]uint32, len(rankOf))
	var sig Signature
	for arrival, rank := range rankOf {
		x.arrival[rank] = uint32(arrival)
		if _, err := x.load(rank, &sig); err != nil {
			return nil, errors.Join(err, records.Close())
		}
		for b := range bands {
			if err := records.Add(pair{sig.band(b), rank}); err != nil {
				return nil, errors.Join(err, records.Close())
			}
		}
	}
	return records, nil
}

// unite joins the members of each bucket that really are similar. A document is compared with the
// first of each group of the bucket, its rivals, and joins the first that it resembles or is with
// already.
func (x *near) unite(sets forest, records *spill.Sorter[pair]) error {
	b := &bucket{near: x, sets: sets}
	for p, err := range records.Sorted() {
		if err != nil {
			return err
		}
		if p.key != b.key || b.members == 0 {
			b.key, b.members = p.key, 0
		}
		if err := b.add(p.rank); err != nil {
			return err
		}
	}
	return nil
}

// bucket is the documents that share a band, which come in ascending rank.
type bucket struct {
	*near
	sets    forest
	key     uint64
	members int
	rivals  int // of those below
	rival   [maxRivals]rival
	own     Signature // of the member that is being added
}

// rival is a member of a bucket that others are compared with. Most buckets have one member, so
// signatures are read when they are first needed.
type rival struct {
	rank   uint32
	loaded bool
	sig    Signature
}

func (b *bucket) add(rank uint32) error {
	if b.members++; b.members == 1 {
		b.rivals = 1
		b.rival[0].rank, b.rival[0].loaded = rank, false
		return nil
	}
	loaded := false
	for i := range b.rivals {
		r := &b.rival[i]
		if b.sets.root(r.rank) == b.sets.root(rank) {
			return nil
		}
		if !loaded {
			if _, err := b.load(rank, &b.own); err != nil {
				return err
			}
			loaded = true
		}
		if !r.loaded {
			if _, err := b.load(r.rank, &r.sig); err != nil {
				return err
			}
			r.loaded = true
		}
		if r.sig.Similarity(&b.own) >= b.threshold {
			b.sets.unite(r.rank, rank)
			return nil
		}
	}
	if b.rivals < maxRivals {
		b.rival[b.rivals] = rival{rank: rank, loaded: loaded, sig: b.own}
		b.rivals++
	}
	return nil
}

// settleAll decides about every set of more than one.
func (x *near) settleAll(sets forest) error {
	members := newPairs(x.scratch)
	defer members.Close()
	for i := range sets {
		if root := sets.root(uint32(i)); root != uint32(i) {
			if err := members.Add(pair{uint64(root), uint32(i)}); err != nil {
				return err
			}
		}
	}
	var c cluster
	last := ^uint64(0)
	for p, err := range members.Sorted() {
		if err != nil {
			return err
		}
		if p.key != last {
			last = p.key
			c = cluster{near: x, winners: c.winners[:0]}
			if err := c.add(uint32(p.key)); err != nil {
				return err
			}
		}
		if err := c.add(p.rank); err != nil {
			return err
		}
	}
	return nil
}

// cluster settles one set, whose members come in ascending rank. Likeness is not transitive: the
// ends of a chain may have little in common. So a document loses only to a winner that it resembles
// itself, and a cluster can keep several.
type cluster struct {
	*near
	winners []winner
	own     Signature
	other   Signature
}

type winner struct {
	rank  uint32
	beats bool // somebody
}

func (c *cluster) add(rank uint32) error {
	claim, err := c.load(rank, &c.own)
	if err != nil {
		return err
	}
	best, at, by := 0.0, -1, claim
	for i, w := range c.winners {
		other, err := c.load(w.rank, &c.other)
		if err != nil {
			return err
		}
		if s := c.other.Similarity(&c.own); s >= c.threshold && s > best {
			best, at, by = s, i, other
		}
	}
	if at < 0 {
		c.winners = append(c.winners, winner{rank: rank})
		return nil
	}
	if w := &c.winners[at]; !w.beats {
		w.beats = true
		if err := c.verdicts.Add(Verdict{by.ordinal, by.id, 1}); err != nil {
			return err
		}
	}
	return c.verdicts.Add(Verdict{claim.ordinal, by.id, best})
}

// forest is a union-find over ranks; the root of a set is its smallest rank.
type forest []uint32

func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = uint32(i)
	}
	return f
}

func (f forest) root(i uint32) uint32 {
	for f[i] != i {
		f[i] = f[f[i]] // path halving
		i = f[i]
	}
	return i
}

func (f forest) unite(a, b uint32) {
	a, b = f.root(a), f.root(b)
	f[max(a, b)] = min(a, b)
}
