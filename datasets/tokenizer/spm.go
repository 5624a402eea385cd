package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Types of pieces, as in SentencePiece's sentencepiece_model.proto and in GGUF's token_type.
const (
	pieceNormal  = 1
	pieceUnknown = 2
	pieceControl = 3
	pieceUser    = 4
	pieceUnused  = 5
	pieceByte    = 6
)

// pieces is a vocabulary with scores, as SentencePiece and GGUF have it. The slices have one length.
type pieces struct {
	text   []string
	score  []float32
	kind   []int32
	unk    int32 // -1: none
	toByte bool  // unknown characters become byte tokens

	vocab map[string]int32
}

// maxPiece bounds the bytes of a piece, and so what looking for the longest one costs at each byte of
// a text. Real ones stay below a hundred.
const maxPiece = 1024

// check fills vocab and refuses what no tool writes.
func (v *pieces) check() error {
	n := len(v.text)
	if n == 0 {
		return errors.New("vocabulary is empty")
	}
	if len(v.score) != n || len(v.kind) != n {
		return fmt.Errorf("%d tokens have %d scores and %d types", n, len(v.score), len(v.kind))
	}
	if v.unk < -1 || int(v.unk) >= n {
		return fmt.Errorf("unknown token %d is out of range", v.unk)
	}
	v.vocab = make(map[string]int32, n)
	for id, text := range v.text {
		if text == "" {
			return fmt.Errorf("token %d is empty", id)
		}
		if old, ok := v.vocab[text]; ok {
			return fmt.Errorf("tokens %d and %d are both %q", old, id, text)
		}
		if s := v.score[id]; s != s {
			return fmt.Errorf("score of token %d is not a number", id)
		}
		v.vocab[text] = int32(id)
	}
	return nil
}

// inText reports whether a piece can come out of text.
func (v *pieces) inText(id int32) bool {
	k := v.kind[id]
	return k == pieceNormal || k == pieceUser || k == pieceUnused
}

// spmParams are what a scored model hashes into the digest beside its vocabulary.
type spmParams struct {
	Type  string
	Unk   int32
	Bytes bool
	Kinds []int32
}

// setBPE makes the model that joins the pair whose piece has the best score, of equal ones the
// leftmost (SentencePiece's src/bpe_model.cc). In a list of merges that is every way to cut a piece
// in two, with the rank of its score.
func (v *pieces) setBPE(t *Tokenizer) (map[string]int32, error) {
	m := &bpe{vocab: v.vocab, scores: v.score, unk: v.unk, fuseUnk: true, byteFallback: v.toByte, cache: newWordCache()}
	m.byteIDs = byteTokenIDs(v.vocab)
	for i := range m.ascii {
		m.ascii[i] = -1
	}
	m.chars = map[rune]int32{}
	for id, text := range v.text {
		if r, n := utf8.DecodeRuneInString(text); n == len(text) && v.inText(int32(id)) {
			m.setChar(r, int32(id))
		}
	}
	v.addAbsent(m)
	if err := v.addMerges(m); err != nil {
		return nil, err
	}
	m.setCuts()
	t.params = spmParams{"SentencePiece BPE", v.unk, v.toByte, v.kind}
	t.model = m
	return v.vocab, nil
}

func (m *bpe) setChar(r rune, id int32) {
	if r < utf8.RuneSelf {
		m.ascii[r] = id
	} else {
		m.chars[r] = id
	}
}

// addAbsent gives ids beyond the vocabulary to characters of pieces that are no pieces themselves,
// such as Gemma's tab: they merge, and what is left of them is unknown.
func (v *pieces) addAbsent(m *bpe) {
	for id, text := range v.text {
		if !v.inText(int32(id)) {
			continue
		}
		for i := 0; i < len(text); {
			r, n := utf8.DecodeRuneInString(text[i:])
			if m.charID(r) < 0 && (r != utf8.RuneError || n > 1) {
				if m.absent == nil {
					m.absent = map[int32]string{}
				}
				next := int32(len(v.text) + len(m.absent))
				m.absent[next] = text[i : i+n]
				m.setChar(r, next)
			}
			i += n
		}
	}
}

// maxPairs bounds the ways to cut all of n tokens in two; in real vocabularies a token has two or
// three.
func maxPairs(n int) int { return 1<<12 + 32*n }

var errTooManyPairs = errors.New("tokens can be cut in too many ways")

func (v *pieces) addMerges(m *bpe) error {
	rank := ranks(v.score)
	var list []rankedMerge
	for id, text := range v.text {
		if !v.inText(int32(id)) {
			continue
		}
		for i := range text {
			if i == 0 {
				continue
			}
			left, right := v.symbol(m, text[:i]), v.symbol(m, text[i:])
			if left >= 0 && right >= 0 {
				list = append(list, rankedMerge{merge{left, right}, rank[id], int32(id)})
			}
		}
		if len(list) > maxPairs(len(v.text)) {
			return errTooManyPairs
		}
	}
	m.setRanked(list)
	return nil
}

// symbol returns the id of a part of a piece, -1 when no word is ever cut so.
func (v *pieces) symbol(m *bpe, s string) int32 {
	if id, ok := v.vocab[s]; ok && v.inText(id) {
		return id
	}
	if r, n := utf8.DecodeRuneInString(s); n == len(s) {
		return m.charID(r)
	}
	return -1
}

// ranks numbers scores from the best on; equal ones have the same number.
func ranks(scores []float32) []int32 {
	order := make([]int32, len(scores))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	out := make([]int32, len(scores))
	for k, id := range order[min(1, len(order)):] {
		before := order[k]
		out[id] = out[before]
		if scores[id] != scores[before] {
			out[id]++
		}
	}
	return out
}

// setUnigram makes the model of most likely pieces. A user-defined piece is always taken: it scores
// its length more than any other way (SentencePiece's src/unigram_model.cc).
func (v *pieces) setUnigram(t *Tokenizer) (map[string]int32, error) {
	if v.unk < 0 {
		return nil, errors.New("there is no unknown token")
	}
	scores, least, most := make([]float64, len(v.text)), math.Inf(1), math.Inf(-1)
	for id, s := range v.score {
		if v.kind[id] == pieceNormal {
			least, most = min(least, float64(s)), max(most, float64(s))
		}
	}
	if least > most {
		return nil, errors.New("no piece is of normal type")
	}
	use := make([]bool, len(v.text))
	for id, s := range v.score {
		scores[id], use[id] = float64(s), v.kind[id] == pieceNormal || v.kind[id] == pieceUser
		if v.kind[id] == pieceUser {
			scores[id] = float64(float32(utf8.RuneCountInString(v.text[id]))*float32(most)) - 0.1
		}
	}
	m := newUnigram(v.text, scores, use, least, v.unk, v.toByte)
	m.cutWords(use, v.text)
	t.params = spmParams{"SentencePiece Unigram", v.unk, v.toByte, v.kind}
	t.model = m
	return v.vocab, nil
}

// component is JSON that a blueprint is put together from; values are strings, numbers, booleans,
// and lists and maps of them, which always marshal.
func component(v any) json.RawMessage {
	data, _ := json.Marshal(v)
	return data
}

type object = map[string]any
