package training

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/trainer/objective"
)

// What is held in memory is forecast before it is made, about: lists take up to twice what they hold while they grow.
const (
	rowBytes     = 900 // a row, besides its texts
	messageBytes = 250 // a message, besides its texts
	packedBytes  = 500 // a row of tokens, and its place in a sequence
	tokenBytes   = 8   // a token, and whether it is trained
	longText     = 1 << 20
)

// ledger counts what rows take as they are read.
type ledger struct {
	rows        int
	taken, room int64 // bytes; a half of what is free: rows become tokens
}

func newLedger() *ledger { return &ledger{room: machine.Room() / 2} }

// add refuses a row that there is no memory for.
func (l *ledger) add(e datasets.Example) error {
	l.rows++
	l.taken += rowBytes + int64(len(e.Text)+len(e.Tools)+len(e.PrivilegedContext))
	for _, list := range [][]datasets.Message{e.Messages, e.Completion, e.Chosen, e.Rejected} {
		for _, m := range list {
			l.taken += messageBytes + int64(len(m.Content)+len(m.Reasoning))
			for _, p := range m.Parts {
				l.taken += messageBytes + int64(len(p))
			}
			for _, c := range m.ToolCalls {
				l.taken += messageBytes + int64(len(c.Arguments))
			}
		}
	}
	if l.room > 0 && l.taken > l.room {
		return fmt.Errorf("the rows take more than the %s of memory that there are for them: row %d is the last that fits", humanize.Bytes(l.room), l.rows-1)
	}
	return nil
}

// fits holds a forecast against what the process may still take.
func fits(need int64, what string, args ...any) error {
	if room := machine.Room(); room > 0 && need > room {
		return fmt.Errorf("%s takes about %s of memory, %s are free", fmt.Sprintf(what, args...), humanize.Bytes(need), humanize.Bytes(room))
	}
	return nil
}

// encodable refuses rows whose texts there is no memory to turn into tokens.
func encodable(e objective.Encoder, rows []datasets.Example) error {
	for _, r := range rows {
		if len(r.Text) < longText {
			continue
		}
		if err := fits(e.Tokenizer.Memory(r.Text), "%s: to turn %s of text into tokens", r.ExampleID, humanize.Bytes(int64(len(r.Text)))); err != nil {
			return err
		}
	}
	return nil
}

// packable refuses rows of tokens that there is no memory to lay out as sequences.
func packable(rows []pack.Row, opts pack.Options) error {
	tokens, sequences := 0, len(rows)
	for _, r := range rows {
		tokens += len(r.IDs)
		sequences += len(r.IDs) / max(1, opts.MaxLen-r.Begin)
	}
	return fits(tokenBytes*int64(tokens)+packedBytes*int64(sequences), "to lay out %s tokens as %s rows", humanize.Comma(int64(tokens)), humanize.Comma(int64(sequences)))
}
