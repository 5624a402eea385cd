// Package chunk cuts a document into passages that fit a token budget, at the joints of its
// Markdown: between blocks where it can, between lines, sentences and words where it must, and
// inside a word only when nothing else helps.
//
// The passages of a text are a partition of it: in order, without gap or overlap, so that a passage
// leads back to its source by two rune offsets, and their concatenation is the text.
package chunk

import (
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"
)

// Chunk is one passage.
type Chunk struct {
	Text     string
	Start    int // rune offsets in the document: Text is its runes [Start, End)
	End      int
	Tokens   int      // what Count says of Text
	Headings []string // titles above the passage's first rune, from the top level down
}

// Options of Split.
type Options struct {
	// MaxTokens is the most a chunk may count.
	MaxTokens int
	// Count returns the number of tokens of a text. An overhead for each call, as special tokens
	// are, does no harm.
	Count func(text string) int
}

// ErrBudget means that a single rune counts more tokens than a chunk may.
var ErrBudget = errors.New("one character exceeds the token budget")

// Split cuts text. Neighbouring blocks share a chunk as long as they fit; a heading goes with what
// follows it when both fit. An empty text has no chunks.
func Split(text string, opts Options) ([]Chunk, error) {
	if opts.MaxTokens < 1 || opts.Count == nil {
		return nil, errors.New("split text: want a token budget and a counter")
	}
	next, stop := iter.Pull2(opts.pieces(text))
	defer stop()
	return opts.merge(text, &window{next: next})
}

// piece is a part of the text that fits the budget.
type piece struct {
	start, end int // bytes
	tokens     int
	heading    bool
	path       []string // titles above it
}

// pieces yields the parts of a text, in order. There can be one for each of its words, so that they are never held
// all at once.
func (o Options) pieces(text string) iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		for _, b := range parse(text) {
			if more, err := o.fit(b, yield); err != nil {
				yield(piece{}, fmt.Errorf("split text at byte %d: %w", b.start, err))
				return
			} else if !more {
				return
			}
		}
	}
}

// fit yields b in as few parts as its joints allow, and reports whether more is wanted.
func (o Options) fit(b block, yield func(piece, error) bool) (more bool, err error) {
	if n := o.Count(b.text); n <= o.MaxTokens {
		return yield(piece{b.start, b.start + len(b.text), n, b.kind == heading, b.path}, nil), nil
	}
	more, err = true, ErrBudget
	for part := range b.parts() {
		if more, err = o.fit(part, yield); !more || err != nil {
			break
		}
	}
	return more, err
}

// window holds the pieces that may go into the next chunk.
type window struct {
	next   func() (piece, error, bool)
	pieces []piece
	err    error
}

// has reports whether there is a piece at n.
func (w *window) has(n int) bool {
	for len(w.pieces) <= n && w.err == nil {
		p, err, ok := w.next()
		if w.err = err; !ok || err != nil {
			return false
		}
		w.pieces = append(w.pieces, p)
	}
	return len(w.pieces) > n
}

// drop takes the first n pieces away.
func (w *window) drop(n int) { w.pieces = append(w.pieces[:0], w.pieces[n:]...) }

// merge joins neighbours greedily. The sum of the pieces' counts guides it, and a count of the
// joined text decides: tokens can form across a joint, and each count can have an overhead.
func (o Options) merge(text string, w *window) ([]Chunk, error) {
	var chunks []Chunk
	runes := 0
	for w.has(0) {
		n, tokens := o.run(text, w)
		first, last := w.pieces[0], w.pieces[n-1]
		body := text[first.start:last.end]
		end := runes + utf8.RuneCountInString(body)
		chunks = append(chunks, Chunk{Text: body, Start: runes, End: end, Tokens: tokens, Headings: first.path})
		runes = end
		w.drop(n)
	}
	if w.err != nil {
		return nil, w.err
	}
	return chunks, nil
}

// run returns how many of the pieces go into the next chunk, at least one, and what they count.
func (o Options) run(text string, w *window) (n, tokens int) {
	n, tokens = 1, w.pieces[0].tokens
	joined := func(n int) int { return o.Count(text[w.pieces[0].start:w.pieces[n-1].end]) }
	exact := true
	for w.has(n) {
		sum := tokens + w.pieces[n].tokens
		fits := sum <= o.MaxTokens
		now := sum
		if !fits {
			now = joined(n + 1)
			fits = now <= o.MaxTokens
		}
		if !fits {
			break
		}
		n, tokens, exact = n+1, now, now != sum
	}
	if !exact {
		tokens = joined(n)
	}
	// The sum can be too low when joining makes more tokens than the parts have.
	for n > 1 && (tokens > o.MaxTokens || w.has(n) && dangling(w.pieces[:n])) {
		n--
		tokens = joined(n)
	}
	return n, tokens
}

// dangling reports a last piece that is a heading and would lose what it heads, unless there is
// nothing else in the chunk.
func dangling(pieces []piece) bool {
	if !pieces[len(pieces)-1].heading {
		return false
	}
	for _, p := range pieces {
		if !p.heading {
			return true
		}
	}
	return false
}
