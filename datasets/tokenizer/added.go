package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// addedToken is an entry of tokenizer.json's added_tokens.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no word character touches it
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // takes the white space after it
	Normalized bool   `json:"normalized"`  // looked for after normalization, itself normalized
	Special    bool   `json:"special"`
}

// addedVocabulary finds added tokens in text. The rules, and their order, are those of
// tokenizers' AddedVocabulary: first the tokens that ignore normalization, in the text as given;
// then, in what lies between, the others, in the normalized text.
type addedVocabulary struct {
	list       []addedToken // in the order of the file
	ids        map[string]int32
	byID       map[int32]addedToken
	raw        trie
	normalized trie
	text       map[int32]string // what tokens that are looked for normalized decode to
	split      bool             // special tokens in a text are text
}

func newAddedVocabulary(list []addedToken, norm normalizer) addedVocabulary {
	v := addedVocabulary{list: list, ids: map[string]int32{}, byID: map[int32]addedToken{}, text: map[int32]string{}}
	for _, a := range list {
		v.ids[a.Content] = a.ID
		v.byID[a.ID] = a
	}
	// HF hands special tokens to its automaton first; of two tokens that normalize to the same
	// text the first wins.
	for _, special := range []bool{true, false} {
		for _, a := range list {
			if a.Special != special {
				continue
			}
			if !a.Normalized {
				v.raw.insert(a.Content, a.ID)
				continue
			}
			p := piece{s: a.Content}
			if norm != nil {
				p = norm.normalize(p)
			}
			v.normalized.insert(p.s, a.ID)
			v.text[a.ID] = p.s
		}
	}
	return v
}

func (v *addedVocabulary) isSpecial(id int32) bool { return v.byID[id].Special }

// cut writes the added tokens in text to out and hands the pieces between them, normalized, to words.
func (v *addedVocabulary) cut(text string, norm normalizer, out *sink, words func(piece)) {
	v.find(&v.raw, piece{s: text, first: true, track: out.track}, out, func(p piece) {
		if norm != nil {
			p = norm.normalize(p)
		}
		v.find(&v.normalized, p, out, words)
	})
}

// find writes the tokens of one trie to out and hands what lies between them to rest.
func (v *addedVocabulary) find(t *trie, p piece, out *sink, rest func(piece)) {
	done := 0  // everything before is written
	space := 0 // the end of the white space that was gone through last
	for i := 0; i < len(p.s); {
		start, stop, id := t.next(p.s, i)
		if id < 0 {
			break
		}
		i = stop
		a := v.byID[id]
		if v.split && a.Special {
			continue // as tokenizers does with encode_special_tokens
		}
		if a.SingleWord && (endsWithWord(p.s[:start]) || startsWithWord(p.s[stop:])) {
			continue
		}
		if a.LStrip {
			// Not beyond what is written: a text of nothing but spaces would be gone through for each of them.
			start = max(done+trimSpaceRight(p.s[min(done, start):start]), done)
		}
		if a.RStrip {
			if stop >= space {
				space = stop + leadingSpace(p.s[stop:])
			}
			stop = max(stop, space)
		}
		if start >= stop {
			continue // all of it is white space that the one before has taken
		}
		if done < start {
			rest(p.sub(done, start))
		}
		out.add(id, p.span(start, stop))
		done = stop
	}
	if done < len(p.s) {
		rest(p.sub(done, len(p.s)))
	}
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

// trimSpaceRight returns how long s is without the white space at its end.
func trimSpaceRight(s string) int {
	for len(s) > 0 {
		r, n := utf8.DecodeLastRuneInString(s)
		if !unicode.IsSpace(r) {
			break
		}
		s = s[:len(s)-n]
	}
	return len(s)
}

// leadingSpace returns how many bytes of white space s begins with.
func leadingSpace(s string) int {
	for i, r := range s {
		if !unicode.IsSpace(r) {
			return i
		}
	}
	return len(s)
}
