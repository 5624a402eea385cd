package training

import (
	"context"
	"slices"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/trainer"
)

// Plan is what a training would take and what it would train, known before it starts.
type Plan struct {
	trainer.Plan
	Base         adapters.BaseRef `json:"base"`
	Objective    string           `json:"objective"`
	Rows         int              `json:"rows"`                      // of the data, to train on
	HeldOut      int              `json:"held_out_rows"`             // to evaluate on
	Sequences    int              `json:"sequences"`                 // in an epoch
	Trained      int              `json:"trained_tokens_per_epoch"`  // those with a label
	Dropped      int              `json:"dropped_rows"`              // without tokens
	Windowed     int              `json:"windowed_rows"`             // cut into windows
	TrainOn      string           `json:"train_on,omitempty"`        // which turns of conversations
	TrainOnWhy   string           `json:"train_on_reason,omitempty"` // in words
	ChatTemplate string           `json:"chat_template,omitempty"`   // digest of the one that was given instead of the base's
	Clock        string           `json:"clock,omitempty"`           // what the template is told, where it asks
	Warnings     []string         `json:"warnings"`
	Shown        []Shown          `json:"examples,omitempty"`
}

// Shown is a row as it is trained.
type Shown struct {
	Row    string  `json:"row"` // its id
	Pieces []Piece `json:"pieces"`
}

// Piece is a part of a row in words.
type Piece struct {
	Text    string `json:"text"`
	Trained bool   `json:"trained"`
}

// PlanTraining predicts what Train will do, and writes nothing; show is of how many rows it says what is
// trained. A plan that does not fit comes with [trainer.ErrMemory].
func PlanTraining(ctx context.Context, o Options, show int) (Plan, error) {
	s, err := begin(ctx, o, true)
	if err != nil {
		return Plan{}, err
	}
	defer s.close()
	p := s.plan(show)
	if err := s.likeReplay(); err != nil {
		return Plan{}, err
	}
	job, err := s.job(ctx)
	if err != nil {
		return Plan{}, err
	}
	if p.Plan, err = job.Plan(); err != nil {
		return p, err
	}
	p.Time(machine.Rate(rateBudget))
	return p, nil
}

// rateBudget is how long the machine's rate is measured for a plan.
const rateBudget = 100 * time.Millisecond

// plan says what is trained.
func (s *session) plan(show int) Plan {
	p := Plan{
		Base: s.lineage.Base, Objective: s.objective.Facts().Name, Rows: len(s.data.Train), HeldOut: len(s.data.Validation),
		Sequences: len(s.rows.Sequences), Dropped: len(s.rows.Dropped), Windowed: s.rows.Windowed,
		ChatTemplate: s.lineage.ChatTemplate, Clock: s.clock(), Warnings: s.warnings(),
	}
	for _, r := range s.rows.Rows {
		p.Trained += r.Targets()
	}
	if conversations := s.conversations(); len(conversations) > 0 {
		on, why := s.encoder.Resolve(slices.Values(conversations))
		p.TrainOn, p.TrainOnWhy = string(on), why
	}
	for _, r := range s.rows.Rows[:min(show, len(s.rows.Rows))] {
		p.Shown = append(p.Shown, s.show(r))
	}
	return p
}

// conversations are those rows of which turns are chosen.
func (s *session) conversations() []datasets.Conversation {
	var list []datasets.Conversation
	for _, r := range s.data.Train {
		if r.Kind() == datasets.KindConversation {
			list = append(list, r.Conversation)
		}
	}
	return list
}

func (s *session) show(r pack.Row) Shown {
	out := Shown{Row: r.Source.ExampleID}
	trained := r.Trained
	if trained == nil { // all but the first, which nothing predicts
		trained = make([]bool, len(r.IDs))
		for i := range trained {
			trained[i] = i > 0
		}
	}
	for _, piece := range s.encoder.Pieces(r.IDs, trained) {
		out.Pieces = append(out.Pieces, Piece(piece))
	}
	return out
}

// warnings are what may surprise in this run, a sentence each.
func (s *session) warnings() []string {
	list := []string{}
	if s.templated() {
		list = append(list, s.encoder.Warnings()...)
	}
	return list
}

// warn tells them.
func (s *session) warn() {
	if s.Warn == nil {
		return
	}
	for _, w := range s.warnings() {
		s.Warn(w)
	}
}
