// Package tokenizer turns text into token ids and back, exactly as Hugging Face tokenizers do from
// the same tokenizer.json (https://huggingface.co/docs/tokenizers). Vocabularies also come from
// SentencePiece models, from files in tiktoken's form and tekken.json, from GPT-2's vocab.json with
// merges.txt, and from GGUF files; [Open] finds them in a directory, [FromGGUF] takes the last.
//
// A text passes four stages: added tokens are cut out, the rest is normalized, pre-tokenized into
// words, and each word goes through the model (BPE, Unigram, WordPiece, WordLevel). A component
// that this package does not know is refused by name when the file is read: a tokenizer that loads
// is exact, never an approximation.
//
// Files are untrusted. No stage takes more than n log n time in the length of the text, whatever
// the text and whatever the patterns in the file.
package tokenizer

import (
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/parallel"
)

// Span is a range of bytes in the text that was given to the tokenizer.
type Span struct{ Start, End int }

// Tokenizer is safe for concurrent use.
type Tokenizer struct {
	model   model
	raw     rawModel   // nil: text has to be normalized
	norm    normalizer // nil: none
	pre     []splitter
	decode  []decoder // nil: tokens are joined with spaces
	tokens  []string  // by id; "" where the vocabulary has a hole
	exists  []bool    // by id
	added   addedVocabulary
	prefix  []int32 // what the post-processor puts before the ids of a text
	suffix  []int32 // and after them
	special Special
	names   map[string]string
	stops   []int32
	grown   growth // what becomes of bytes of a text at most

	params   any    // the model's parameters without vocabulary and merges, for the digest
	modelUnk string // the model's unknown token, "" when it names none
	digest   func() string
}

// model encodes one word.
type model interface {
	// encode appends the ids of p, and their spans when the sink wants them.
	encode(p piece, out *sink)
	// id looks a token up in the model's own vocabulary.
	id(token string) (int32, bool)
}

// sink collects what a text is encoded to.
type sink struct {
	ids   []int32
	spans []Span
	track bool // spans are wanted
}

func (o *sink) add(id int32, at Span) {
	o.ids = append(o.ids, id)
	if o.track {
		o.spans = append(o.spans, at)
	}
}

// Encode returns the ids of text. With addSpecial it adds the special tokens that the
// tokenizer's post-processor prescribes, such as a leading BOS.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	// About four bytes a token in prose; a wrong guess costs a few copies.
	out := sink{ids: make([]int32, 0, len(text)/4+len(t.prefix)+len(t.suffix)+8)}
	t.encode(text, addSpecial, &out)
	return out.ids
}

// EncodeAll is [Tokenizer.Encode] of many texts, on all cores. The ids do not depend on how many.
func (t *Tokenizer) EncodeAll(texts []string, addSpecial bool) [][]int32 {
	out := make([][]int32, len(texts))
	parallel.For(len(texts), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] = t.Encode(texts[i], addSpecial)
		}
	})
	return out
}

// EncodeOffsets is [Tokenizer.Encode] that also says which bytes of text each token stands for,
// widened to whole characters. Tokens that the post-processor added have an empty span.
func (t *Tokenizer) EncodeOffsets(text string, addSpecial bool) ([]int32, []Span) {
	out := sink{track: true}
	t.encode(text, addSpecial, &out)
	return out.ids, out.spans
}

func (t *Tokenizer) encode(text string, addSpecial bool, out *sink) {
	if addSpecial {
		for _, id := range t.prefix {
			out.add(id, Span{})
		}
	}
	if t.raw != nil && !out.track {
		t.added.find(&t.added.raw, piece{s: text, first: true}, out, func(p piece) { t.raw.encodeRaw(p.s, p.first, out) })
	} else {
		t.encodeNormalized(text, out)
	}
	if addSpecial {
		for _, id := range t.suffix {
			out.add(id, Span{len(text), len(text)})
		}
	}
}

// encodeNormalized takes a text through all stages.
func (t *Tokenizer) encodeNormalized(text string, out *sink) {
	t.added.cut(text, t.norm, out, t.words(out))
}

// normalizeWords is encodeNormalized without added tokens.
func (t *Tokenizer) normalizeWords(p piece, out *sink) {
	if t.norm != nil {
		p = t.norm.normalize(p)
	}
	t.words(out)(p)
}

// words returns what pre-tokenizes a piece and hands its words to the model.
func (t *Tokenizer) words(out *sink) func(piece) {
	// The pre-tokenizers are chained back to front, once for each text: words stream into the
	// model and no list of them is ever built.
	emit := func(p piece) { t.model.encode(p, out) }
	for i := len(t.pre) - 1; i >= 0; i-- {
		s, next := t.pre[i], emit
		emit = func(p piece) { s.split(p, next) }
	}
	return func(p piece) {
		if p.s != "" {
			emit(p)
		}
	}
}

// Decode returns the text of ids, as HF's decode does with clean_up_tokenization_spaces=False.
// With skipSpecial it leaves special tokens out. Ids outside the vocabulary stand for nothing.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if !t.has(id) || skipSpecial && t.added.isSpecial(id) {
			continue
		}
		token, ok := t.added.text[id]
		if !ok {
			token = t.tokens[id]
		}
		tokens = append(tokens, token)
	}
	if t.decode == nil {
		return strings.Join(tokens, " ")
	}
	for _, d := range t.decode {
		tokens = d.decode(tokens)
	}
	return strings.Join(tokens, "")
}

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.exists) && t.exists[id] }

// VocabSize returns one more than the highest id, added tokens included.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// ID returns the id of a token, spelt as in the vocabulary.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	return t.model.id(token)
}

// Token returns the vocabulary's spelling of id, "" when there is none.
func (t *Tokenizer) Token(id int32) string {
	if !t.has(id) {
		return ""
	}
	return t.tokens[id]
}

// IsSpecial reports whether id is a special token, one that Decode can leave out.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.added.isSpecial(id) }

// Around returns the tokens that the tokenizer puts before and after a text. The slices are copies.
func (t *Tokenizer) Around() (before, after []int32) {
	return slices.Clone(t.prefix), slices.Clone(t.suffix)
}

// Special returns the tokens that have a name.
func (t *Tokenizer) Special() Special { return t.special }

// Digest identifies what the tokenizer does: it is the SHA-256, in hex, over the vocabulary, the
// merges, the added tokens, the components' parameters and the named tokens. Files that differ
// only in spelling (key order, merges as strings or pairs, truncation) have the same digest.
func (t *Tokenizer) Digest() string { return t.digest() }
