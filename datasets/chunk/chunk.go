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
	var pieces []piece
	for _, b := range parse(text) {
		var err error
		if pieces, err = opts.fit(pieces, b); err != nil {
			return nil, fmt.Errorf("split text at byte %d: %w", b.start, err)
		}
	}
	return opts.merge(text, pieces), nil
}

// piece is a part of the text that fits the budget.
type piece struct {
	start, end int // bytes
	tokens     int
	heading    bool
	path       []string // titles above it
}

// fit appends b to pieces, in as few parts as its joints allow.
func (o Options) fit(pieces []piece, b block) ([]piece, error) {
	if n := o.Count(b.text); n <= o.MaxTokens {
		return append(pieces, piece{b.start, b.start + len(b.text), n, b.kind == heading, b.path}), nil
	}
	parts := b.parts()
	if len(parts) == 0 {
		return pieces, ErrBudget
	}
	for _, part := range parts {
		var err error
		if pieces, err = o.fit(pieces, part); err != nil {
			return pieces, err
		}
	}
	return pieces, nil
}

// merge joins neighbours greedily. The sum of the pieces' counts guides it, and a count of the
// joined text decides: tokens can form across a joint, and each count can have an overhead.
func (o Options) merge(text string, pieces []piece) []Chunk {
	var chunks []Chunk
	at, runes := 0, 0
	for at < len(pieces) {
		n, tokens := o.run(text, pieces[at:])
		first, last := pieces[at], pieces[at+n-1]
		body := text[first.start:last.end]
		end := runes + utf8.RuneCountInString(body)
		chunks = append(chunks, Chunk{Text: body, Start: runes, End: end, Tokens: tokens, Headings: first.path})
		at, runes = at+n, end
	}
	return chunks
}

// run returns how many of the pieces go into the next chunk, at least one, and what they count.
func (o Options) run(text string, pieces []piece) (n, tokens int) {
	n, tokens = 1, pieces[0].tokens
	joined := func(n int) int { return o.Count(text[pieces[0].start:pieces[n-1].end]) }
	exact := true
	for n < len(pieces) {
		sum := tokens + pieces[n].tokens
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
	for n > 1 && (tokens > o.MaxTokens || n < len(pieces) && dangling(pieces[:n])) {
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
