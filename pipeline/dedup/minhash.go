package dedup

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

const (
	shingleWords = 5
	bands        = 14
	rows         = 8
	slots        = bands * rows
)

// Signature is a MinHash sketch of a text's five-word shingles: slot by slot, two sketches agree with
// a probability equal to the Jaccard similarity of their shingle sets. Cut into 14 bands of 8 slots,
// two documents of similarity s share a whole band with probability 1 − (1 − s⁸)¹⁴: 0.92 at 0.8,
// 0.77 at 0.75, 0.56 at 0.7, 0.05 at 0.5 (the parameters of FineWeb, arXiv:2406.17557, §3.4).
type Signature [slots]uint64

const signatureBytes = slots * 8

func (s *Signature) put(b []byte) {
	for i, v := range s {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
}

func (s *Signature) get(b []byte) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

// Sketcher computes signatures. It keeps its buffer, so use one per goroutine.
type Sketcher struct {
	shingles []uint64
}

// Signature returns the sketch of text, or nil when it has no words.
//
// It is Fast Similarity Sketching (Dahlgaard, Knudsen, Thorup, FOCS 2017, algorithm 1): in round i
// every shingle throws a value i + fraction into a bin of its own choice, and the rounds end once
// every bin is taken, after about slots·ln(slots)/n rounds for n shingles. Classic MinHash computes
// slots hashes of every shingle for the same estimate, with more variance. From round `slots` on, all
// shingles throw into bin i − slots, so that the end is certain.
func (s *Sketcher) Signature(text string) *Signature {
	s.shingles = appendShingles(s.shingles[:0], text)
	if len(s.shingles) == 0 {
		return nil
	}
	var sig Signature
	for i := range sig {
		sig[i] = ^uint64(0)
	}
	empty := slots
	for round := uint64(0); empty > 0; round++ {
		seed := (round + 1) * 0x9e3779b97f4a7c15
		for _, x := range s.shingles {
			h := mix(x + seed)
			bin := round - slots
			if round < slots {
				bin, _ = bits.Mul64(h, slots)
			}
			// Eight bits of round above 56 of fraction; the bin took h's top bits, so mix again.
			value := round<<56 | mix(h)>>8
			if old := sig[bin]; value < old {
				if old == ^uint64(0) {
					empty--
				}
				sig[bin] = value
			}
		}
	}
	return &sig
}

// Similarity estimates the Jaccard similarity of two texts, with a standard error of at most 0.05.
func (s *Signature) Similarity(o *Signature) float64 {
	same := 0
	for i := range s {
		if s[i] == o[i] {
			same++
		}
	}
	return float64(same) / slots
}

// band is a hash of one band.
func (s *Signature) band(b int) uint64 {
	h := uint64(b)
	for _, v := range s[b*rows : (b+1)*rows] {
		h = mix(h ^ v)
	}
	return h
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection that avalanches.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// appendShingles appends the hash of every five words in a row. Words are runs of letters, marks and
// digits in lower case; digits count, unlike in the web pipelines, since private documents often
// differ in nothing else that matters. A text of fewer words is one shingle.
func appendShingles(dst []uint64, text string) []uint64 {
	var w window
	h := uint64(0)
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			if l := lower[c]; l != 0 {
				h = (h ^ uint64(l)) * fnvPrime
				continue
			}
		} else {
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size
			if isWordRune(r) {
				h = (h ^ uint64(unicode.ToLower(r))) * fnvPrime
				if !unspaced(r) {
					continue
				}
			}
		}
		if h != 0 {
			dst, h = w.push(dst, h), 0
		}
	}
	if h != 0 {
		dst = w.push(dst, h)
	}
	if w.n > 0 && w.n < shingleWords {
		dst = append(dst, w.hash())
	}
	return dst
}

const fnvPrime = 0x100000001b3

// lower maps ASCII letters and digits to lower case, everything else to 0.
var lower = func() (t [128]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = c, c
	}
	return t
}()

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// unspaced reports whether r is of a script written without spaces, where each character stands for
// a word: Han, kana, Thai, Lao, Khmer, Myanmar.
func unspaced(r rune) bool {
	return r >= 0x0e00 && r <= 0x0eff || r >= 0x1000 && r <= 0x109f || r >= 0x1780 && r <= 0x17ff ||
		r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0x20000 && r <= 0x3ffff
}

// window holds the last five words' hashes.
type window struct {
	words [shingleWords]uint64
	n     int
}

// push takes a word and appends the shingle it completes.
func (w *window) push(dst []uint64, h uint64) []uint64 {
	copy(w.words[:], w.words[1:])
	w.words[shingleWords-1] = mix(h)
	w.n++
	if w.n < shingleWords {
		return dst
	}
	return append(dst, w.hash())
}

func (w *window) hash() (h uint64) {
	for _, x := range w.words {
		h = (bits.RotateLeft64(h, 23) ^ x) * 0x9fb21c651e98df25 // odd, so that no word is lost
	}
	return h
}
