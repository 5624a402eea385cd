package worker

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/training"
)

// TrainArgs say what a training side trains. Config is YAML as `cultivar train --config` takes it.
type TrainArgs struct {
	Base   string `json:"base"`
	Data   string `json:"data"`
	Config string `json:"config"`
	Memory int64  `json:"memory"` // bytes, as --memory takes it; 0 leaves it to the program
}

// A trainWorker is `cultivar train` that stops after every step until it is asked for the next.
type trainWorker struct {
	next  chan struct{} // a request for a step
	steps chan trainer.Step
	ended chan error
	last  trainer.Step
}

func newTrain(text json.RawMessage) (contest.Runner, error) {
	var args TrainArgs
	if err := json.Unmarshal(text, &args); err != nil {
		return nil, err
	}
	cfg, err := trainer.ParseConfig([]byte(args.Config))
	if err != nil {
		return nil, err
	}
	out, err := os.MkdirTemp("", "bench-train-")
	if err != nil {
		return nil, err
	}
	w := &trainWorker{next: make(chan struct{}), steps: make(chan trainer.Step), ended: make(chan error, 1)}
	started := make(chan struct{})
	go func() {
		_, err := training.Train(context.Background(), training.Options{
			Base: args.Base, Data: args.Data, Config: cfg, OutDir: out, Memory: args.Memory,
			Hooks: trainer.Hooks{
				OnStart: func(int, int) { close(started); <-w.next },
				OnStep:  func(s trainer.Step) { w.steps <- s; <-w.next },
			},
		})
		w.ended <- errors.Join(err, os.RemoveAll(out))
	}()
	select {
	case <-started:
		// The directory is in use until the process ends, which it does without another word.
		return w.step, nil
	case err := <-w.ended:
		return nil, errors.Join(errors.New("training ended before its first step"), err)
	}
}

// step has training do one step and returns what the trainer measured.
func (w *trainWorker) step(string) (contest.Sample, error) {
	w.next <- struct{}{}
	select {
	case s := <-w.steps:
		tokens := float64(s.Tokens - w.last.Tokens)
		w.last = s
		return contest.Sample{Seconds: tokens / s.TokensPerSecond, Work: tokens, Loss: s.Loss}, nil
	case err := <-w.ended:
		return contest.Sample{}, errors.Join(errors.New("training ended"), err)
	}
}
