package objective

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Tutor is a model whose distributions over the vocabulary another is held to.
type Tutor struct {
	TopK        int     // its likeliest tokens that count one by one; the others count as one
	Temperature float64 // at which the two are compared
	AtOnce      int     // tokens in memory at a time

	vocab int
	eval  *model.Evaluator
}

// NewTutor makes m one.
func NewTutor(m *model.Model, topK int, temperature float64, atOnce int) *Tutor {
	return &Tutor{TopK: topK, Temperature: temperature, AtOnce: atOnce, vocab: m.Vocab(), eval: m.NewEvaluator()}
}

// Ask returns its distributions at the trained tokens of rows, in their order: of a row's Teacher, where it
// has one.
func (t *Tutor) Ask(ctx context.Context, rows []pack.Row) (*ops.Teacher, error) {
	seen := make([]pack.Row, len(rows))
	labels := 0
	for i, r := range rows {
		if seen[i] = r; r.Teacher != nil {
			seen[i] = *r.Teacher
		}
		labels += r.Targets()
	}
	out := ops.NewTeacher(labels, min(t.TopK, t.vocab), float32(t.Temperature))
	at := 0
	for lot := range eval.Lots(seen, t.AtOnce) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		mb := eval.MicroBatch(lot)
		part := out.Part(at, at+len(mb.Rows))
		at += len(mb.Rows)
		if err := t.eval.Record(mb, part); err != nil {
			return nil, fmt.Errorf("ask the teacher: %w", err)
		}
	}
	return out, nil
}
