package tokenizer

// edgeTrie is a trie for vocabularies: its edges are one open hash table, so that a step is one
// multiplication and mostly one cache line. Node 0 is the root; as a child it means that there is
// none.
type edgeTrie struct {
	root  [256]int32 // children of the root
	slots []edgeSlot // of the other nodes
	shift uint
	value []int32 // by node: the id of the token that ends there, or -1
}

type edgeSlot struct {
	key  uint64 // node<<8 | byte; 0 is empty: node 0 is not in the table
	next int32
}

func newEdgeTrie() edgeTrie {
	const n = 8
	return edgeTrie{slots: make([]edgeSlot, 1<<n), shift: 64 - n, value: []int32{-1}}
}

// grow doubles the table.
func (t *edgeTrie) grow() {
	old := t.slots
	t.slots, t.shift = make([]edgeSlot, 2*len(old)), t.shift-1
	for _, s := range old {
		if s.key != 0 {
			*t.slot(s.key) = s
		}
	}
}

// step returns the child of node along b, 0 when there is none.
func (t *edgeTrie) step(node int32, b byte) int32 {
	if node == 0 {
		return t.root[b]
	}
	return t.slot(uint64(node)<<8 | uint64(b)).next
}

func (t *edgeTrie) slot(key uint64) *edgeSlot {
	// Fibonacci hashing; the high bits of the product depend on all of the key.
	i := key * 0x9E3779B97F4A7C15 >> t.shift
	for {
		s := &t.slots[i]
		if s.key == key || s.key == 0 {
			return s
		}
		i = (i + 1) & uint64(len(t.slots)-1)
	}
}

// put adds a token that is not empty. Of two equal tokens the last counts.
func (t *edgeTrie) put(s string, id int32) {
	if s == "" {
		return
	}
	node := int32(0)
	for i := range len(s) {
		next := t.step(node, s[i])
		if next == 0 {
			next = int32(len(t.value))
			t.value = append(t.value, -1)
			if node == 0 {
				t.root[s[i]] = next
			} else {
				if 2*len(t.value) > len(t.slots) {
					t.grow()
				}
				key := uint64(node)<<8 | uint64(s[i])
				*t.slot(key) = edgeSlot{key, next}
			}
		}
		node = next
	}
	t.value[node] = id
}

// longest returns the longest token that s has at i, and -1 when there is none.
func (t *edgeTrie) longest(s string, i int) (stop int, id int32) {
	id = -1
	for node := int32(0); i < len(s); {
		if node = t.step(node, s[i]); node == 0 {
			break
		}
		i++
		if v := t.value[node]; v >= 0 {
			stop, id = i, v
		}
	}
	return stop, id
}
