package dedup

import (
	"cmp"
	"slices"
	"strings"
)

// The oracle is the index as it was when everything was held in memory: what the spilling one has to
// agree with, whatever its budget.

type memoryEntry struct {
	DocID     string
	Size      int
	Digest    Digest
	Signature *Signature
}

func (e *memoryEntry) before(o *memoryEntry) int {
	return cmp.Or(cmp.Compare(o.Size, e.Size), strings.Compare(e.DocID, o.DocID))
}

type memoryVerdict struct {
	Winner     string
	Similarity float64
}

// exact is the index of equal digests, in memory.
type memoryExact map[Digest][]memoryEntry

func (x memoryExact) Add(e memoryEntry) error {
	x[e.Digest] = append(x[e.Digest], e)
	return nil
}

func (x memoryExact) Verdicts() (map[string]memoryVerdict, error) {
	verdicts := map[string]memoryVerdict{}
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
			verdicts[e.DocID] = memoryVerdict{Winner: winner.DocID, Similarity: 1}
		}
	}
	return verdicts, nil
}

type memoryNear struct {
	threshold float64
	entries   []memoryEntry
}

func (x *memoryNear) Add(e memoryEntry) error {
	if e.Signature != nil {
		x.entries = append(x.entries, e)
	}
	return nil
}

func (x *memoryNear) Verdicts() (map[string]memoryVerdict, error) {
	// From here on a document is its rank, so the smaller of two is the one that wins.
	slices.SortFunc(x.entries, func(a, b memoryEntry) int { return a.before(&b) })
	sets := newMemoryForest(len(x.entries))
	for _, bucket := range x.buckets() {
		x.join(sets, bucket)
	}
	verdicts := map[string]memoryVerdict{}
	for _, cluster := range sets.clusters() {
		x.settle(cluster, verdicts)
	}
	return verdicts, nil
}

// buckets returns the groups of documents that share a band, each in ascending rank.
func (x *memoryNear) buckets() [][]int {
	type record struct {
		key  uint64
		rank int
	}
	records := make([]record, 0, bands*len(x.entries))
	for rank := range x.entries {
		for b := range bands {
			records = append(records, record{x.entries[rank].Signature.band(b), rank})
		}
	}
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.rank, b.rank))
	})
	var buckets [][]int
	for i := 0; i < len(records); {
		first := i
		var bucket []int
		for ; i < len(records) && records[i].key == records[first].key; i++ {
			bucket = append(bucket, records[i].rank)
		}
		if len(bucket) > 1 {
			buckets = append(buckets, bucket)
		}
	}
	return buckets
}

// join unites the members of a bucket that really are similar.
func (x *memoryNear) join(sets memoryForest, bucket []int) {
	var rivals []int
	for _, rank := range bucket {
		similar := func(r int) bool {
			return sets.root(r) == sets.root(rank) || x.similarity(r, rank) >= x.threshold
		}
		if i := slices.IndexFunc(rivals, similar); i >= 0 {
			sets.unite(rivals[i], rank)
		} else if len(rivals) < maxRivals {
			rivals = append(rivals, rank)
		}
	}
}

// settle decides one cluster. Likeness is not transitive: the ends of a chain may have little in
// common. So a document loses only to a winner that it resembles itself, and a cluster can keep
// several.
func (x *memoryNear) settle(cluster []int, verdicts map[string]memoryVerdict) {
	var winners []int
	for _, rank := range cluster {
		best, at := 0.0, -1
		for _, w := range winners {
			if s := x.similarity(w, rank); s >= x.threshold && s > best {
				best, at = s, w
			}
		}
		if at < 0 {
			winners = append(winners, rank)
			continue
		}
		winner := x.entries[at].DocID
		verdicts[winner] = memoryVerdict{Winner: winner, Similarity: 1}
		verdicts[x.entries[rank].DocID] = memoryVerdict{Winner: winner, Similarity: best}
	}
}

func (x *memoryNear) similarity(a, b int) float64 {
	return x.entries[a].Signature.Similarity(x.entries[b].Signature)
}

// memoryForest is a union-find over ranks; the root of a set is its smallest rank.
type memoryForest []int

func newMemoryForest(n int) memoryForest {
	f := make(memoryForest, n)
	for i := range f {
		f[i] = i
	}
	return f
}

func (f memoryForest) root(i int) int {
	for f[i] != i {
		f[i] = f[f[i]] // path halving
		i = f[i]
	}
	return i
}

func (f memoryForest) unite(a, b int) {
	a, b = f.root(a), f.root(b)
	f[max(a, b)] = min(a, b)
}

// clusters returns the sets of more than one, each in ascending rank, by their smallest.
func (f memoryForest) clusters() [][]int {
	members := make([][]int, len(f))
	for i := range f {
		r := f.root(i)
		members[r] = append(members[r], i)
	}
	return slices.DeleteFunc(members, func(m []int) bool { return len(m) < 2 })
}
