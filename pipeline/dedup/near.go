package dedup

import (
	"cmp"
	"slices"
)

// maxRivals bounds how many members of a bucket a document is compared with. A bucket with more
// distinct texts than that holds boilerplate, and comparing all pairs would never end.
const maxRivals = 64

// near is the index of similar signatures, in memory: 0.9 kB a document. Its stages are those of an
// external version, which would sort the bucket records on disk and merge them: signatures → buckets
// → clusters → verdicts.
type near struct {
	threshold float64
	entries   []Entry
}

// NewNear returns an in-memory index that finds signatures at least threshold similar.
func NewNear(threshold float64) Index { return &near{threshold: threshold} }

func (x *near) Add(e Entry) error {
	if e.Signature != nil {
		x.entries = append(x.entries, e)
	}
	return nil
}

func (x *near) Verdicts() (map[string]Verdict, error) {
	// From here on a document is its rank, so the smaller of two is the one that wins.
	slices.SortFunc(x.entries, func(a, b Entry) int { return a.before(&b) })
	sets := newForest(len(x.entries))
	for _, bucket := range x.buckets() {
		x.join(sets, bucket)
	}
	verdicts := map[string]Verdict{}
	for _, cluster := range sets.clusters() {
		x.settle(cluster, verdicts)
	}
	return verdicts, nil
}

// buckets returns the groups of documents that share a band, each in ascending rank.
func (x *near) buckets() [][]int {
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
func (x *near) join(sets forest, bucket []int) {
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
func (x *near) settle(cluster []int, verdicts map[string]Verdict) {
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
		verdicts[winner] = Verdict{Winner: winner, Similarity: 1}
		verdicts[x.entries[rank].DocID] = Verdict{Winner: winner, Similarity: best}
	}
}

func (x *near) similarity(a, b int) float64 {
	return x.entries[a].Signature.Similarity(x.entries[b].Signature)
}

// forest is a union-find over ranks; the root of a set is its smallest rank.
type forest []int

func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = i
	}
	return f
}

func (f forest) root(i int) int {
	for f[i] != i {
		f[i] = f[f[i]] // path halving
		i = f[i]
	}
	return i
}

func (f forest) unite(a, b int) {
	a, b = f.root(a), f.root(b)
	f[max(a, b)] = min(a, b)
}

// clusters returns the sets of more than one, each in ascending rank, by their smallest.
func (f forest) clusters() [][]int {
	members := make([][]int, len(f))
	for i := range f {
		r := f.root(i)
		members[r] = append(members[r], i)
	}
	return slices.DeleteFunc(members, func(m []int) bool { return len(m) < 2 })
}
