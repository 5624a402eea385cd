package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/training"
)

// trainArgs say what a training side trains. Config is YAML as `cultivar train --config` takes it.
type trainArgs struct {
	Base   string `json:"base"`
	Data   string `json:"data"`
	Config string `json:"config"`
	Memory int64  `json:"memory"` // bytes, as --memory takes it; 0 leaves it to the program
}

// gradientArgs say the same to the peer.
type gradientArgs struct {
	Base          string `json:"base"`
	Steps         string `json:"steps"` // file of rows as ids
	DType         string `json:"dtype"` // in which the base is held
	Checkpointing bool   `json:"checkpointing"`
	Rank          int    `json:"rank"`
	MicroBatch    int    `json:"micro_batch"` // rows, padded to the longest
}

// configFor is the configuration of all training rows.
func configFor(d dataset) string {
	return fmt.Sprintf(`objective: %s
lora: {r: %d, lora_alpha: %d, target_modules: all-linear, lora_dropout: 0.0}
max_seq_length: %d
packing: true
shuffle: false
append_eos: false
batch_size: %d
micro_batch_size: %d
max_steps: 1000000
learning_rate: 2.0e-4
lr_scheduler_type: constant
weight_decay: 0.01
max_grad_norm: 1.0
eval_fraction: 0
eval_steps: 0
save_steps: 0
`, d.objective, rank, 2*rank, sequence, batch, batch)
}

// A trainWorker is `cultivar train` that stops after every step until it is asked for the next.
type trainWorker struct {
	next  chan struct{} // a request for a step
	steps chan trainer.Step
	ended chan error
	last  trainer.Step
}

func newTrainWorker(text json.RawMessage) (runner, error) {
	var args trainArgs
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
func (w *trainWorker) step(string) (sample, error) {
	w.next <- struct{}{}
	select {
	case s := <-w.steps:
		tokens := float64(s.Tokens - w.last.Tokens)
		w.last = s
		return sample{Seconds: tokens / s.TokensPerSecond, Work: tokens, Loss: s.Loss}, nil
	case err := <-w.ended:
		return sample{}, errors.Join(errors.New("training ended"), err)
	}
}
