package objective

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// DistilConfig are the keys of distil.
type DistilConfig struct {
	// How the teacher of distil is asked: the question with the passage, as {prompt} and {privileged_context}.
	TeacherPromptTemplate string `yaml:"teacher_prompt_template" json:"teacher_prompt_template"`
	// How many of the teacher's likeliest tokens count one by one in distil; the others count as one.
	DistillationTopK int `yaml:"distillation_topk" json:"distillation_topk"`
	// At which temperature teacher and adapter are compared in distil: above 1, unlikely tokens count more.
	DistillationTemperature float64 `yaml:"distillation_temperature" json:"distillation_temperature"`
	// What the answer's own tokens count in distil, beside the teacher's distribution: from 0 to 1.
	DistillationCEWeight float64 `yaml:"distillation_ce_weight" json:"distillation_ce_weight"`
}

func defaultDistil() DistilConfig {
	return DistilConfig{TeacherPromptTemplate: "{privileged_context}\n\n{prompt}", DistillationTopK: 100, DistillationTemperature: 1}
}

func (c DistilConfig) validate() error {
	var errs []error
	for _, part := range []string{"{prompt}", "{privileged_context}"} {
		if strings.Count(c.TeacherPromptTemplate, part) != 1 {
			errs = append(errs, fmt.Errorf("teacher_prompt_template wants %s once", part))
		}
	}
	if c.DistillationTopK < 1 {
		errs = append(errs, fmt.Errorf("distillation_topk is %d, want 1 or more", c.DistillationTopK))
	}
	if !(c.DistillationTemperature > 0) {
		errs = append(errs, fmt.Errorf("distillation_temperature is %g, want more than 0", c.DistillationTemperature))
	}
	if !(c.DistillationCEWeight >= 0 && c.DistillationCEWeight <= 1) {
		errs = append(errs, fmt.Errorf("distillation_ce_weight is %g, want 0 to 1", c.DistillationCEWeight))
	}
	return errors.Join(errs...)
}

// distil is context distillation (Askell et al., arXiv:2112.00861, §2.2; Snell et al., arXiv:2209.15189):
// the adapter learns to say without the passage what the base alone says with it at hand. Of each token of
// an answer
//
//	loss = c·(−log p(token)) + (1−c)·T²·Σ q·log(q/p)
//
// where q is the base's distribution with the passage in the prompt and the adapter off, p the adapter's
// without the passage, both at temperature T, and c the weight of the cross-entropy. q has the likeliest
// tokens and the mass of all others. In rows without a passage both see the same: the adapter learns to
// leave the base as it is there (replay).
type distil struct{ DistilConfig }

// Facts implements Objective.
func (distil) Facts() Facts {
	return Facts{
		Name: "distil", Unit: perToken,
		Kinds:   []datasets.Kind{datasets.KindGrounded, datasets.KindText, datasets.KindConversation, datasets.KindCompletion},
		Keys:    []string{"teacher_prompt_template", "distillation_topk", "distillation_temperature", "distillation_ce_weight", "train_on", "append_eos"},
		Windows: true, Packs: true, Reference: true,
	}
}

// Encode implements Objective.
func (o distil) Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error) {
	return each(rows, func(x datasets.Example) ([]pack.Row, error) {
		if x.Kind() == datasets.KindText {
			return e.texts([]datasets.Example{x}), nil
		}
		closed, err := e.Conversation(x.Conversation)
		if err != nil {
			return nil, err
		}
		if x.PrivilegedContext == "" {
			return sequences(closed), nil
		}
		open, err := e.Conversation(o.asked(x.Conversation))
		if err != nil {
			return nil, fmt.Errorf("with its privileged_context: %w", err)
		}
		if len(open) != len(closed) {
			return nil, errAnswersDiffer
		}
		out, teachers := sequences(closed), sequences(open)
		for i := range out {
			out[i].Teacher = &teachers[i]
			if !slices.Equal(trained(out[i]), trained(*out[i].Teacher)) {
				return nil, errAnswersDiffer
			}
		}
		return out, nil
	})
}

var errAnswersDiffer = errors.New("the chat template writes the answer in another way when the passage is in the question")

// trained lists the tokens of a row that are learned.
func trained(r pack.Row) (ids []int32) {
	for i, id := range r.IDs {
		if r.Trained[i] && i > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// asked returns the conversation as the teacher sees it: with the passage in the first question.
func (o distil) asked(c datasets.Conversation) datasets.Conversation {
	c.Messages = slices.Clone(c.Messages)
	i := slices.IndexFunc(c.Messages, func(m datasets.Message) bool { return m.Role == "user" })
	m := &c.Messages[i]
	prompt := m.Content
	if len(m.Parts) > 0 {
		prompt = strings.Join(m.Parts, "\n")
	}
	m.Content, m.Parts = strings.NewReplacer("{prompt}", prompt, "{privileged_context}", c.PrivilegedContext).Replace(o.TeacherPromptTemplate), nil
	return c
}

// Prepare implements Objective.
func (o distil) Prepare(_ context.Context, r Run) (Loss, error) {
	if !slices.ContainsFunc(r.Train, func(r pack.Row) bool { return r.Teacher != nil }) {
		return nil, errors.New("no row has a privileged_context: there is nothing that the base knows better")
	}
	return &lessons{o.DistilConfig, r, NewTutor(r.Reference, o.DistillationTopK, o.DistillationTemperature, r.AtOnce)}, nil
}

// lessons is distil in a run.
type lessons struct {
	DistilConfig
	run   Run
	tutor *Tutor
}

// Weigh implements Loss: it asks the teacher, and each label counts alike.
func (l *lessons) Weigh(ctx context.Context, batches []pack.Batch, mbs []*model.MicroBatch) (func(float64) Score, error) {
	labels := 0
	for i, mb := range mbs {
		labels += len(mb.Rows)
		var err error
		if mb.Teacher, err = l.teach(ctx, batches[i].RowsOf(l.run.Train)); err != nil {
			return nil, err
		}
	}
	return func(nll float64) Score {
		var kl float64
		for _, mb := range mbs {
			kl = add(kl, mb.Teacher.KL)
		}
		return l.score(nll, kl, labels)
	}, nil
}

// teach returns the teacher's distributions at the trained tokens of rows, in their order.
func (l *lessons) teach(ctx context.Context, rows []pack.Row) (*ops.Teacher, error) {
	t, err := l.tutor.Ask(ctx, rows)
	if err != nil {
		return nil, err
	}
	t.Label = float32(l.DistillationCEWeight)
	return t, nil
}

// Evaluate implements Loss.
func (l *lessons) Evaluate(ctx context.Context) (Score, error) {
	var nll, kl float64
	labels := 0
	for lot := range eval.Lots(l.run.Held, l.run.AtOnce) {
		mb := eval.MicroBatch(lot)
		var err error
		if mb.Teacher, err = l.teach(ctx, lot); err != nil {
			return Score{}, err
		}
		scored, err := l.run.Policy.NLL(mb)
		if err != nil {
			return Score{}, err
		}
		nll, kl = add(nll, scored), add(kl, mb.Teacher.KL)
		labels += len(mb.Rows)
	}
	return l.score(nll, kl, labels), nil
}

// score is the mean over labels, of which there is at least one.
func (l *lessons) score(nll, kl float64, labels int) Score {
	n, c, t := float64(labels), l.DistillationCEWeight, l.DistillationTemperature
	return Score{
		Loss:    (c*nll + (1-c)*t*t*kl) / n,
		Metrics: Metrics{{"kl", kl / n}, {"ce_loss", nll / n}},
	}
}

// add goes on with a sum, one after the other: it is the same however the list is divided.
func add(total float64, list []float64) float64 {
	for _, x := range list {
		total += x
	}
	return total
}
