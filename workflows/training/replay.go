package training

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/workflows/recital"
)

// openReplay turns the texts on which the adapter is held to the base into sequences. Those that the base
// writes itself it writes when the run starts: see [session.writeReplay].
func (s *session) openReplay(ctx context.Context) error {
	r := s.Config.Replay
	if r.Weight == 0 || r.Data == "" {
		return nil
	}
	data, err := OpenData(ctx, s.Home, r.Data, trainer.Data{}, 0, s.Config.Seed)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	texts, err := objective.ByName(objective.Default, s.Config.Config)
	if err != nil {
		return err
	}
	for _, row := range data.Train {
		if kind := row.Kind(); kind != datasets.KindText {
			return fmt.Errorf("replay: %s holds texts, but %s is a %s", r.Data, row.ExampleID, objective.Describe(kind))
		}
	}
	tokens, err := encode(ctx, texts, s.encoder, data.Train)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	s.replayed = []adapters.DatasetRef{data.Ref}
	return s.packReplay(tokens)
}

func (s *session) packReplay(rows []pack.Row) (err error) {
	texts, err := objective.ByName(objective.Default, s.Config.Config)
	if err != nil {
		return err
	}
	if s.replay, err = pack.New(rows, layout(texts.Facts(), s.Config, s.base)); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if len(s.replay.Sequences) == 0 {
		return fmt.Errorf("replay: %s holds no text", s.Config.Replay.Data)
	}
	return nil
}

// likeReplay stands for texts that the base has yet to write, in a plan: they are as long as they may get.
func (s *session) likeReplay() error {
	r := s.Config.Replay
	if r.Weight == 0 || r.Data != "" {
		return nil
	}
	rows := make([]pack.Row, r.Rows)
	for i := range rows {
		rows[i] = pack.Row{IDs: make([]int32, s.recital().Length)}
	}
	return s.packReplay(rows)
}

// recital is what the base writes for the run.
func (s *session) recital() recital.Recital {
	r := s.Config.Replay
	return recital.Recital{Base: s.lineage.Base.Digest, Seed: s.Config.Seed, Rows: r.Rows, Length: min(r.Length, s.Config.MaxSeqLength)}
}

// writeReplay has the base write the texts on which the adapter is held to it.
func (s *session) writeReplay(ctx context.Context) error {
	r := s.Config.Replay
	if r.Weight == 0 || r.Data != "" {
		return nil
	}
	ids, err := s.recital().Write(ctx, s.base, s.Hooks.OnReplay)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	rows := make([]pack.Row, len(ids))
	for i, row := range ids {
		rows[i] = pack.Row{IDs: row}
	}
	return s.packReplay(rows)
}
