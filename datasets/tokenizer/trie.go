package tokenizer

import "strings"

// trie holds the contents of added tokens, for the leftmost, then longest, match.
type trie struct {
	root  [256]int32         // child of the root by byte, 0 where there is none
	child map[trieEdge]int32 // child of the other nodes
	value []int32            // by node: the id of the token that ends there, or -1
	only  byte               // the byte every token begins with, when there is just one
	many  bool               // tokens begin with different bytes
}

type trieEdge struct {
	node int32
	b    byte
}

// insert adds a token. Of two equal tokens the first stays.
func (t *trie) insert(s string, id int32) {
	if s == "" {
		return
	}
	if t.child == nil {
		t.child, t.value, t.only = map[trieEdge]int32{}, []int32{-1}, s[0]
	}
	t.many = t.many || s[0] != t.only
	node := t.step(0, s[0])
	for i := 1; i < len(s); i++ {
		node = t.step(node, s[i])
	}
	if t.value[node] < 0 {
		t.value[node] = id
	}
}

// step returns the child of node along b, made when it is not there.
func (t *trie) step(node int32, b byte) int32 {
	next := t.root[b]
	if node != 0 {
		next = t.child[trieEdge{node, b}]
	}
	if next != 0 {
		return next
	}
	next = int32(len(t.value))
	t.value = append(t.value, -1)
	if node == 0 {
		t.root[b] = next
	} else {
		t.child[trieEdge{node, b}] = next
	}
	return next
}

// next returns the first token of s at or after i, and -1 when there is none.
func (t *trie) next(s string, i int) (start, stop int, id int32) {
	if t.child == nil {
		return 0, 0, -1
	}
	for ; i < len(s); i++ {
		if i = t.candidate(s, i); i < 0 {
			break
		}
		if stop, id = t.longest(s, i); id >= 0 {
			return i, stop, id
		}
	}
	return 0, 0, -1
}

// longest returns the longest token that s has at i.
func (t *trie) longest(s string, i int) (stop int, id int32) {
	id = -1
	node := t.root[s[i]]
	for node != 0 {
		i++
		if v := t.value[node]; v >= 0 {
			stop, id = i, v
		}
		if i == len(s) {
			break
		}
		node = t.child[trieEdge{node, s[i]}]
	}
	return stop, id
}

// candidate returns the first position at or after i where a token may begin, -1 when there is none.
func (t *trie) candidate(s string, i int) int {
	if !t.many {
		// One first byte, usually '<': the search is then the machine's memchr.
		if j := strings.IndexByte(s[i:], t.only); j >= 0 {
			return i + j
		}
		return -1
	}
	for ; i < len(s); i++ {
		if t.root[s[i]] != 0 {
			return i
		}
	}
	return -1
}
