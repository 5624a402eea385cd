package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/tokenizer"
)

// TrainOn says which turns of a conversation are learned from, and in how many sequences.
type TrainOn string

const (
	// Auto is All for conversations that a template renders as at generation time throughout, and
	// EveryTurn for others: each of the assistant's turns is learned once.
	Auto TrainOn = "auto"
	// EveryTurn makes one sequence of each of the assistant's turns, rendered as at generation time.
	EveryTurn TrainOn = "every_turn"
	// LastTurn makes one sequence of the last of the assistant's turns.
	LastTurn TrainOn = "last_turn"
	// All makes one sequence of the conversation and learns all of the assistant's turns in it.
	All TrainOn = "all"
)

// TrainOns lists the values that TrainOn may have.
func TrainOns() []TrainOn { return []TrainOn{Auto, EveryTurn, LastTurn, All} }

// ErrNothingTrained means that no token of a conversation is learned.
var ErrNothingTrained = errors.New("no token of the conversation is the assistant's")

// Sequence is tokens, and which of them are trained.
type Sequence struct {
	IDs     []int32
	Trained []bool
}

// Encoder turns rows into tokens as a base reads them. It is safe for concurrent use.
type Encoder struct {
	Tokenizer *tokenizer.Tokenizer
	Template  *Template // nil: the base has none
	TrainOn   TrainOn   // "" is Auto
	// Stop are the tokens that end a generated text, the first of which is appended to answers that
	// the template ends with nothing.
	Stop []int32
}

// Conversation returns what is learned of a conversation, or of a prompt with its completion: one
// sequence or several, without special tokens that the template does not write itself. Trained are
// the assistant's words and calls and the token that ends each of its turns. What the template
// writes after that token, a newline mostly, is not trained, and neither is a token that only
// partly belongs to a turn.
func (e *Encoder) Conversation(c datasets.Conversation) ([]Sequence, error) {
	p, err := e.plan(c)
	if err != nil {
		return nil, err
	}
	switch on := e.trainOn(); {
	case len(p.learned) == 0:
		return nil, fmt.Errorf("%w%s", ErrNothingTrained, p.outline())
	case on == LastTurn:
		return e.single(p, p.learned[len(p.learned)-1:])
	case on == EveryTurn:
		return e.single(p, p.learned)
	case on == All || p.part == nil:
		return e.whole(p)
	}
	return e.single(p, p.learned)
}

func (e *Encoder) trainOn() TrainOn {
	if e.TrainOn == "" {
		return Auto
	}
	return e.TrainOn
}

// whole makes one sequence of all turns.
func (e *Encoder) whole(p *plan) ([]Sequence, error) {
	if p.part != nil {
		return nil, p.part
	}
	text := p.full
	if p.stop != nil {
		text = text[:p.spans[len(p.spans)-1].end]
	}
	s := e.sequence(text, p.spans, p.stop)
	if !slices.Contains(s.Trained, true) {
		return nil, fmt.Errorf("%w%s", ErrNothingTrained, p.outline())
	}
	return []Sequence{s}, nil
}

// single makes a sequence of each turn.
func (e *Encoder) single(p *plan, turns []int) ([]Sequence, error) {
	out := make([]Sequence, 0, len(turns))
	for _, i := range turns {
		t, err := p.turn(i)
		if err != nil {
			return nil, err
		}
		s, err := e.turnSequence(t)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w%s", i+1, err, p.outline())
		}
		out = append(out, s)
	}
	return out, nil
}

// turnSequence ends with the turn: what the template writes after it is nobody's prompt.
func (e *Encoder) turnSequence(t turn) (Sequence, error) {
	spans := []span{{len(t.prompt), len(t.prompt) + t.end}}
	s := e.sequence(t.prompt+t.answer[:t.end], spans, t.stop)
	if !slices.Contains(s.Trained, true) {
		return s, ErrNothingTrained
	}
	return s, nil
}

// sequence tokenises a text, of which spans, which are in order, are trained, and so is stop after it.
func (e *Encoder) sequence(text string, spans []span, stop *int32) Sequence {
	ids, at := e.tokens(text, spans)
	trained := make([]bool, len(ids))
	k := 0
	for i, s := range at {
		for k < len(spans) && spans[k].end <= s.Start {
			k++
		}
		trained[i] = k < len(spans) && s.Start >= spans[k].start && s.End <= spans[k].end
	}
	if stop != nil {
		ids, trained = append(ids, *stop), append(trained, true)
	}
	return Sequence{ids, trained}
}

// tokens tokenises a text. Where a token would be of the prompt and of the answer's first word, the
// prompt is tokenised alone, as it is at generation time: else nobody would learn the word. Not so
// with a tokenizer that begins every text with a space, which would stand before the answer then.
func (e *Encoder) tokens(text string, spans []span) ([]int32, []tokenizer.Span) {
	ids, at := e.Tokenizer.EncodeOffsets(text, false)
	var cuts []int
	k := 0
	for _, s := range spans {
		for k < len(at) && at[k].End <= s.start {
			k++
		}
		if k < len(at) && at[k].Start < s.start && strings.TrimSpace(text[s.start:at[k].End]) != "" {
			cuts = append(cuts, s.start)
		}
	}
	if len(cuts) == 0 {
		return ids, at
	}
	cutIDs, cutAt := e.apart(text, append(cuts, len(text)))
	if e.Tokenizer.Decode(cutIDs, false) != e.Tokenizer.Decode(ids, false) {
		return ids, at
	}
	return cutIDs, cutAt
}

// apart tokenises the parts of a text that end at ends.
func (e *Encoder) apart(text string, ends []int) (ids []int32, at []tokenizer.Span) {
	from := 0
	for _, end := range ends {
		part, spans := e.Tokenizer.EncodeOffsets(text[from:end], false)
		ids = append(ids, part...)
		for _, s := range spans {
			at = append(at, tokenizer.Span{Start: s.Start + from, End: s.End + from})
		}
		from = end
	}
	return ids, at
}

// Piece is a part of a sequence in words.
type Piece struct {
	Text    string
	Trained bool
}

// Pieces writes a sequence in words, in pieces that are trained or not.
func (e *Encoder) Pieces(ids []int32, trained []bool) []Piece {
	var out []Piece
	written := ""
	for i := 0; i < len(ids); {
		k := i + 1
		for k < len(ids) && (trained == nil || trained[k] == trained[i]) {
			k++
		}
		// A decoder looks at what stands before: only the whole up to here is in the right words.
		text := e.Tokenizer.Decode(ids[:k], false)
		part, ok := strings.CutPrefix(text, written)
		if !ok {
			part = e.Tokenizer.Decode(ids[i:k], false)
		}
		out = append(out, Piece{part, trained == nil || trained[i]})
		i, written = k, text
	}
	return out
}
