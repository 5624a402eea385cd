// Package trainer fits a LoRA adapter, or all parameters of a small model, to training rows. The
// root is the loop; sub-packages hold what it is composed of and never import it.
package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/trainer/optim"
)

// Config is a training configuration. Keys are those of transformers' TrainingArguments, TRL's
// SFTConfig and PEFT's LoraConfig.
type Config struct {
	// clm trains every token of a text, sft the assistant's turns of a conversation, dpo the preference for
	// one of two answers, kto answers that were judged good or bad.
	Objective string `yaml:"objective" json:"objective"`
	// The adapter that is trained, in PEFT's words.
	LoRA lora.Config `yaml:"lora" json:"lora"`
	// Quantise the base's linear weights as they are loaded, as bitsandbytes does; empty leaves them as they
	// are stored.
	Quantize string `yaml:"quantize" json:"quantize"`
	// PEFT directory of an adapter to go on from, instead of lora.
	InitAdapter string `yaml:"init_adapter" json:"init_adapter"`
	// Tokens in a sequence, at most; longer texts are cut into windows.
	MaxSeqLength int `yaml:"max_seq_length" json:"max_seq_length"`
	// Put several short rows into one sequence; they do not see each other.
	Packing bool `yaml:"packing" json:"packing"`
	// Draw the rows in random order, anew in each epoch.
	Shuffle bool `yaml:"shuffle" json:"shuffle"`
	// Of all random numbers. The same seed gives the same adapter, to the bit.
	Seed uint64 `yaml:"seed" json:"seed"`
	// End each text of objective clm with the end-of-sequence token.
	AppendEOS bool `yaml:"append_eos" json:"append_eos"`

	// Which of the assistant's turns are learned: every_turn makes a sequence of each, last_turn of the last
	// alone, all one of the conversation; auto is all where the template writes a turn the same whether or not
	// more follow, else every_turn.
	TrainOn string `yaml:"train_on" json:"train_on"`
	// File of a chat template to train with, instead of the base's.
	ChatTemplate string `yaml:"chat_template" json:"chat_template"`
	// Day, or time, that chat templates are told which write it: the same in every run, whenever it is.
	Clock string `yaml:"clock" json:"clock"`
	// How the keys of a file of rows are understood.
	Data Data `yaml:"data" json:"data"`

	objective.Config `yaml:",inline"`

	// Holding the adapter to the base on other text than it learns from, so that it keeps what the base can do.
	Replay Replay `yaml:"replay" json:"replay"`

	// Sequences in an optimizer step.
	BatchSize int `yaml:"batch_size" json:"batch_size"`
	// Sequences in memory at a time; changes memory and speed, never the result.
	MicroBatchSize int `yaml:"micro_batch_size" json:"micro_batch_size"`
	// Optimizer steps; 0 leaves it to num_epochs.
	MaxSteps int `yaml:"max_steps" json:"max_steps"`
	// Times that all rows are seen, when max_steps is 0.
	NumEpochs float64 `yaml:"num_epochs" json:"num_epochs"`

	// Peak of the learning rate.
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate"`
	// How the learning rate goes on after the warmup.
	LRSchedulerType string `yaml:"lr_scheduler_type" json:"lr_scheduler_type"`
	// Steps over which the learning rate rises from 0; 0 leaves it to warmup_ratio.
	WarmupSteps int `yaml:"warmup_steps" json:"warmup_steps"`
	// The same as a share of all steps.
	WarmupRatio float64 `yaml:"warmup_ratio" json:"warmup_ratio"`
	// Decoupled weight decay of AdamW.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	// Decay of AdamW's mean of gradients.
	AdamBeta1 float64 `yaml:"adam_beta1" json:"adam_beta1"`
	// Decay of AdamW's mean of their squares.
	AdamBeta2 float64 `yaml:"adam_beta2" json:"adam_beta2"`
	// Added to the denominator of AdamW's step.
	AdamEpsilon float64 `yaml:"adam_epsilon" json:"adam_epsilon"`
	// Gradients are scaled down to this norm; 0 leaves them as they are.
	MaxGradNorm float64 `yaml:"max_grad_norm" json:"max_grad_norm"`

	// Share of the rows of a plain file that is held out; datasets have a validation split.
	EvalFraction float64 `yaml:"eval_fraction" json:"eval_fraction"`
	// Measure the held-out loss every so many steps; 0 only at the end.
	EvalSteps int `yaml:"eval_steps" json:"eval_steps"`
	// Write a checkpoint every so many steps; 0 only at the end.
	SaveSteps int `yaml:"save_steps" json:"save_steps"`
	// Write a line of metrics.jsonl every so many steps.
	LoggingSteps int `yaml:"logging_steps" json:"logging_steps"`

	// Held-out rows that the report quotes, answered by the base and by the adapter; with 0 it has no text of the
	// data.
	ReportSamples int `yaml:"report_samples" json:"report_samples"`

	// Compute activations again in the backward pass: less memory, slower, the same result.
	GradientCheckpointing bool `yaml:"gradient_checkpointing" json:"gradient_checkpointing"`
}

// Data says how the keys of files of rows are understood.
type Data struct {
	// From what a row may have to the file's key for it, {prompt: question, completion: answer}.
	Mapping map[string]string `yaml:"mapping" json:"mapping"`
	// Take keys that mean nothing here, instead of refusing them.
	KeepUnknown bool `yaml:"keep_unknown" json:"keep_unknown"`
}

// Replay are texts beside the rows that are learned, on which the adapter is held to the base: each step
// adds weight times the divergence of the adapter from the base, the mean over the texts' tokens.
type Replay struct {
	// What the divergence counts beside the loss; 0 is no replay.
	Weight float64 `yaml:"weight" json:"weight"`
	// File or dataset of texts; without one the base writes them itself, from a seed.
	Data string `yaml:"data" json:"data"`
	// Texts that the base writes.
	Rows int `yaml:"rows" json:"rows"`
	// Tokens of each of them, at most.
	Length int `yaml:"length" json:"length"`
	// Texts in an optimizer step.
	BatchSize int `yaml:"batch_size" json:"batch_size"`
	// How many of the base's likeliest tokens count one by one; the others count as one.
	TopK int `yaml:"topk" json:"topk"`
}

func defaultReplay() Replay { return Replay{Rows: 256, Length: 256, BatchSize: 4, TopK: 100} }

func (r Replay) validate() error {
	var errs []error
	if !(r.Weight >= 0) || math.IsInf(r.Weight, 0) {
		errs = append(errs, fmt.Errorf("replay.weight is %g, want 0 or more", r.Weight))
	}
	for _, k := range []struct {
		name     string
		n, least int
	}{{"rows", r.Rows, 1}, {"length", r.Length, 2}, {"batch_size", r.BatchSize, 1}, {"topk", r.TopK, 1}} {
		if k.n < k.least {
			errs = append(errs, fmt.Errorf("replay.%s is %d, want at least %d", k.name, k.n, k.least))
		}
	}
	return errors.Join(errs...)
}

// DefaultClock is the day that Llama's templates name where nobody tells them the day. Any day would do
// that is the same every day: the same command gives the same adapter tomorrow.
const DefaultClock = "2024-07-26"

// DefaultConfig is the recipe for a small adapter: LoRA on all linear modules.
func DefaultConfig() Config {
	return Config{
		Objective:       objective.Default,
		LoRA:            lora.DefaultConfig(),
		MaxSeqLength:    1024,
		Packing:         true,
		Shuffle:         true,
		Seed:            17,
		AppendEOS:       true,
		TrainOn:         string(chat.Auto),
		Clock:           DefaultClock,
		Config:          objective.DefaultConfig(),
		Replay:          defaultReplay(),
		BatchSize:       16,
		MicroBatchSize:  4,
		NumEpochs:       3,
		LearningRate:    2e-4,
		LRSchedulerType: "cosine",
		WarmupRatio:     0.03,
		WeightDecay:     0.01,
		AdamBeta1:       0.9,
		AdamBeta2:       0.999,
		AdamEpsilon:     1e-8,
		MaxGradNorm:     1,
		EvalFraction:    0.05,
		EvalSteps:       50,
		SaveSteps:       50,
		LoggingSteps:    1,
		ReportSamples:   3,
	}
}

// Validate joins everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	o, err := objective.ByName(c.Objective, c.Config)
	errs = append(errs, err, c.Config.Validate(), c.Replay.validate())
	bad(err == nil && o.Facts().Compares && c.BatchSize == 1, "batch_size is 1, but %s compares the rows of a step: want at least 2", c.Objective)
	bad(!slices.Contains(chat.TrainOns(), chat.TrainOn(c.TrainOn)), "train_on is %q, want one of %s", c.TrainOn, trainOns())
	if _, err := c.Time(); err != nil {
		errs = append(errs, err)
	}
	bad(c.Quantize != "" && !slices.Contains(bases.QuantiseMethods(), c.Quantize), "quantize is %q, want one of %s", c.Quantize, strings.Join(bases.QuantiseMethods(), ", "))
	if c.InitAdapter == "" {
		errs = append(errs, c.LoRA.Validate())
	}
	bad(c.MaxSeqLength < 2, "max_seq_length is %d, want at least 2", c.MaxSeqLength)
	bad(c.BatchSize < 1, "batch_size is %d, want at least 1", c.BatchSize)
	bad(c.MicroBatchSize < 1, "micro_batch_size is %d, want at least 1", c.MicroBatchSize)
	bad(c.MaxSteps < 0, "max_steps is %d, want 0 or more", c.MaxSteps)
	bad(!(c.NumEpochs >= 0), "num_epochs is %g, want 0 or more", c.NumEpochs)
	bad(c.MaxSteps == 0 && !(c.NumEpochs > 0), "max_steps and num_epochs are both 0: nothing to train")
	bad(!(c.LearningRate > 0), "learning_rate is %g, want more than 0", c.LearningRate)
	bad(!slices.Contains(optim.ScheduleTypes, c.LRSchedulerType), "lr_scheduler_type is %q, want one of %s", c.LRSchedulerType, strings.Join(optim.ScheduleTypes, ", "))
	bad(c.WarmupSteps < 0, "warmup_steps is %d, want 0 or more", c.WarmupSteps)
	bad(c.WarmupRatio < 0 || c.WarmupRatio > 1, "warmup_ratio is %g, want 0…1", c.WarmupRatio)
	bad(c.WeightDecay < 0, "weight_decay is %g, want 0 or more", c.WeightDecay)
	bad(c.AdamBeta1 < 0 || c.AdamBeta1 >= 1, "adam_beta1 is %g, want 0 ≤ β < 1", c.AdamBeta1)
	bad(c.AdamBeta2 < 0 || c.AdamBeta2 >= 1, "adam_beta2 is %g, want 0 ≤ β < 1", c.AdamBeta2)
	bad(!(c.AdamEpsilon > 0), "adam_epsilon is %g, want more than 0", c.AdamEpsilon)
	bad(c.MaxGradNorm < 0, "max_grad_norm is %g, want 0 or more", c.MaxGradNorm)
	bad(c.EvalFraction < 0 || c.EvalFraction >= 1, "eval_fraction is %g, want 0 ≤ f < 1", c.EvalFraction)
	bad(c.EvalSteps < 0, "eval_steps is %d, want 0 or more", c.EvalSteps)
	bad(c.SaveSteps < 0, "save_steps is %d, want 0 or more", c.SaveSteps)
	bad(c.LoggingSteps < 1, "logging_steps is %d, want at least 1", c.LoggingSteps)
	bad(c.ReportSamples < 0 || c.ReportSamples > maxSamples, "report_samples is %d, want 0 to %d", c.ReportSamples, maxSamples)
	return errors.Join(errs...)
}

// maxSamples keeps a report a page.
const maxSamples = 16

func trainOns() string {
	var names []string
	for _, on := range chat.TrainOns() {
		names = append(names, string(on))
	}
	return strings.Join(names, ", ")
}

// Time is the clock.
func (c Config) Time() (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, c.Clock); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("clock is %q, want a date such as %s, or %sT09:30:00Z", c.Clock, DefaultClock, DefaultClock)
}

// Effect is the configuration by what it computes, as JSON with sorted keys: those that change no result
// are left out, and so are files, which are known by their digests.
func (c Config) Effect() json.RawMessage {
	data, err := json.Marshal(c)
	if err != nil {
		panic("trainer: marshal config: " + err.Error())
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		panic("trainer: read config: " + err.Error())
	}
	for _, key := range c.withoutEffect() {
		delete(keys, key)
	}
	if data, err = json.Marshal(keys); err != nil {
		panic("trainer: marshal config: " + err.Error())
	}
	return data
}

// withoutEffect lists the keys that change no result.
func (c Config) withoutEffect() []string {
	keys := []string{
		"micro_batch_size", "save_steps", "logging_steps", "eval_steps", "gradient_checkpointing",
		"report_samples",
		"init_adapter", "chat_template",
	}
	if c.Clock == "" {
		keys = append(keys, "clock")
	}
	if len(c.Data.Mapping) == 0 && !c.Data.KeepUnknown {
		keys = append(keys, "data")
	}
	if c.Replay.Weight == 0 {
		keys = append(keys, "replay")
	}
	if c.InitAdapter != "" {
		keys = append(keys, "lora")
	}
	if c.MaxSteps > 0 {
		keys = append(keys, "num_epochs")
	}
	if c.WarmupSteps > 0 {
		keys = append(keys, "warmup_ratio")
	}
	var own []string
	for _, o := range objective.List(c.Config) {
		if f := o.Facts(); f.Name == c.Objective {
			own = f.Keys
		} else {
			keys = append(keys, f.Keys...)
		}
	}
	return slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(own, key) })
}

// Digest identifies the configuration by what it computes.
func (c Config) Digest() string {
	sum := sha256.Sum256(c.Effect())
	return "sha256:" + hex.EncodeToString(sum[:])
}

// steps is the number of optimizer steps over rows sequences an epoch.
func (c Config) steps(sequences int) int {
	if c.MaxSteps > 0 {
		return c.MaxSteps
	}
	perEpoch := (sequences + c.BatchSize - 1) / c.BatchSize
	return max(1, int(c.NumEpochs*float64(perEpoch)+0.5))
}

// warmup is the number of warmup steps of a run of total steps.
func (c Config) warmup(total int) int {
	if c.WarmupSteps > 0 {
		return c.WarmupSteps
	}
	return int(c.WarmupRatio * float64(total))
}
