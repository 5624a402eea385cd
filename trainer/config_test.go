package trainer

import (
	"strings"
	"testing"
)

// What changes no result changes no digest, and what does, does.
func TestDigestIsOfTheEffect(t *testing.T) {
	base := DefaultConfig()
	base.MaxSteps = 3
	for name, change := range map[string]func(*Config){
		"micro_batch_size":       func(c *Config) { c.MicroBatchSize++ },
		"gradient_checkpointing": func(c *Config) { c.GradientCheckpointing = true },
		"save_steps":             func(c *Config) { c.SaveSteps++ },
		"eval_steps":             func(c *Config) { c.EvalSteps++ },
		"logging_steps":          func(c *Config) { c.LoggingSteps++ },
		"num_epochs":             func(c *Config) { c.NumEpochs++ },
		"dpo_beta":               func(c *Config) { c.DPOBeta = 1 },
		"kto_beta":               func(c *Config) { c.KTOBeta = 1 },
		"train_on":               func(c *Config) { c.TrainOn = "last_turn" },
	} {
		c := base
		change(&c)
		if c.Digest() != base.Digest() {
			t.Errorf("%s changes the digest of clm", name)
		}
	}
	for name, change := range map[string]func(*Config){
		"seed":        func(c *Config) { c.Seed++ },
		"batch_size":  func(c *Config) { c.BatchSize++ },
		"append_eos":  func(c *Config) { c.AppendEOS = false },
		"lora.r":      func(c *Config) { c.LoRA.Rank++ },
		"max_steps":   func(c *Config) { c.MaxSteps++ },
		"data":        func(c *Config) { c.Data.Mapping = map[string]string{"text": "body"} },
		"eval":        func(c *Config) { c.EvalFraction = 0.3 },
		"clock":       func(c *Config) { c.Clock = "2025-01-01" },
		"objective":   func(c *Config) { c.Objective = "sft" },
		"weight":      func(c *Config) { c.WeightDecay = 0 },
		"max_seq_len": func(c *Config) { c.MaxSeqLength++ },
	} {
		c := base
		change(&c)
		if c.Digest() == base.Digest() {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if text := string(base.Effect()); strings.Contains(text, "micro_batch") || !strings.Contains(text, `"learning_rate"`) {
		t.Errorf("effect: %s", text)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"batch_size: 2.5":                "line 1: batch_size is 2.5, want a whole number",
		"objective: kto\nbatch_size: 1":  "batch_size is 1, but kto compares the rows of a step",
		"objective: rlhf":                `objective is "rlhf", want one of clm, sft, dpo, kto`,
		"train_on: some":                 `train_on is "some", want one of auto, every_turn, last_turn, all`,
		"clock: monday":                  `clock is "monday", want a date such as 2024-07-26`,
		"desirable_weight: -1":           "desirable_weight is -1",
		"data: {mapping: {a: [b]}}":      "line 1: data.mapping.a is a list, want a text",
		"lora: {r: 1.5}":                 "line 1: lora.r is 1.5, want a whole number",
		"lora: {target_modules: {a: b}}": "target_modules must be a list",
		"learning_rate: .nan":            "line 1: learning_rate",
		"max_steps: 2\nnum_epochs: -1":   "num_epochs is -1, want 0 or more",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
	}
	c, err := ParseConfig([]byte("objective: kto\nkto_beta: 0.3\nclock: 2026-11-30T09:00:00Z\ndata: {mapping: {prompt: question}}"))
	if err != nil || c.KTOBeta != 0.3 || c.Data.Mapping["prompt"] != "question" {
		t.Errorf("%+v, %v", c, err)
	}
}
