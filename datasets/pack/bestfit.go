package pack

import (
	"cmp"
	"math/bits"
	"slices"
)

// bestFit packs rows of the given lengths, each 1…size, into bins of that size. Ties go to the
// lower row and to the bin that was opened first, so that the result is determined.
func bestFit(lengths []int, size int) [][]int {
	order := make([]int, len(lengths))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lengths[b], lengths[a]) })

	var bins [][]int
	room := newRoom(size)
	for _, row := range order {
		n := lengths[row]
		bin, left, ok := room.take(n)
		if !ok {
			bin, left = len(bins), size
			bins = append(bins, nil)
		}
		bins[bin] = append(bins[bin], row)
		room.put(bin, left-n)
	}
	for _, bin := range bins {
		slices.Sort(bin)
	}
	slices.SortFunc(bins, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return bins
}

// room finds the fullest bin with enough space: bins by their free space, and a bitmap of the
// spaces that occur, so that a search looks at size/64 words at most.
type room struct {
	bins  [][]int  // by free space; each ascending
	spare []uint64 // bit f is set when bins[f] is not empty
}

func newRoom(size int) *room {
	return &room{bins: make([][]int, size+1), spare: make([]uint64, size/64+1)}
}

func (r *room) put(bin, free int) {
	if free == 0 {
		return
	}
	at, _ := slices.BinarySearch(r.bins[free], bin)
	r.bins[free] = slices.Insert(r.bins[free], at, bin)
	r.spare[free/64] |= 1 << (free % 64)
}

// take removes the first bin of those with the least space that is at least n.
func (r *room) take(n int) (bin, free int, ok bool) {
	word, mask := n/64, ^uint64(0)<<(n%64)
	for ; word < len(r.spare); word, mask = word+1, ^uint64(0) {
		if found := r.spare[word] & mask; found != 0 {
			free = word*64 + bits.TrailingZeros64(found)
			bin, r.bins[free] = r.bins[free][0], r.bins[free][1:]
			if len(r.bins[free]) == 0 {
				r.bins[free] = nil // lets go of the array behind it
				r.spare[free/64] &^= 1 << (free % 64)
			}
			return bin, free, true
		}
	}
	return 0, 0, false
}
