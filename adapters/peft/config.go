package peft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/nearest"
)

// fileConfig is what is read of adapter_config.json.
type fileConfig struct {
	PeftType      *string           `json:"peft_type"`
	R             *int              `json:"r"`
	Alpha         *float64          `json:"lora_alpha"`
	Dropout       float64           `json:"lora_dropout"`
	TargetModules targets           `json:"target_modules"`
	UseRSLoRA     bool              `json:"use_rslora"`
	UseDoRA       bool              `json:"use_dora"`
	RankPattern   patterns[int]     `json:"rank_pattern"`
	AlphaPattern  patterns[float64] `json:"alpha_pattern"`
	BaseModel     string            `json:"base_model_name_or_path"`
	Revision      string            `json:"revision"`
	TaskType      string            `json:"task_type"`

	TargetParameters  []string `json:"target_parameters"`
	ExcludeModules    targets  `json:"exclude_modules"`
	LayersToTransform numbers  `json:"layers_to_transform"`
	LayersPattern     targets  `json:"layers_pattern"`
}

// targets is a list of names or one string.
type targets []string

func (t *targets) UnmarshalJSON(text []byte) error {
	var one *string
	if json.Unmarshal(text, &one) == nil {
		if one != nil {
			*t = targets{*one}
		}
		return nil
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return errors.New("target_modules is neither a list of names nor a string")
	}
	*t = list
	return nil
}

// numbers is a list of whole numbers or one.
type numbers []int

func (n *numbers) UnmarshalJSON(text []byte) error {
	var one *int
	if json.Unmarshal(text, &one) == nil {
		if one != nil {
			*n = numbers{*one}
		}
		return nil
	}
	var list []int
	if err := json.Unmarshal(text, &list); err != nil {
		return errors.New("layers_to_transform is neither a list of whole numbers nor one")
	}
	*n = list
	return nil
}

// maxPatterns bounds the patterns of a configuration, each of which is tried on every module.
const maxPatterns = 4096

// patterns is an object whose order counts.
type patterns[V any] adapters.Patterns[V]

func (p *patterns[V]) UnmarshalJSON(text []byte) error {
	var all map[string]V // also says what is wrong
	if err := json.Unmarshal(text, &all); err != nil || all == nil {
		return err
	}
	if len(all) > maxPatterns {
		return fmt.Errorf("rank_pattern or alpha_pattern has %d entries, more than %d", len(all), maxPatterns)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	list := adapters.Patterns[V]{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		name, _ := key.(string)
		list = list.With(name, all[name]) // of a name that is there twice the last value counts, as in Python
	}
	*p = patterns[V](list)
	return nil
}

// variants are the options that change what an adapter computes, or on what, in ways this project
// does not implement. Each must be absent, null, false, empty or one of the values given.
var variants = map[string][]string{
	"alora_invocation_tokens": nil, "arrow_config": nil, "bias": {`"none"`}, "corda_config": nil,
	"fan_in_fan_out": nil, "kasa_config": nil, "layer_replication": nil, "loftq_config": nil, "lora_bias": nil,
	"lora_ga_config": nil, "megatron_config": nil, "modules_to_save": nil, "monteclora_config": nil,
	"trainable_token_indices": nil, "use_bdlora": nil, "use_qalora": nil, "velora_config": nil,
	// PiSSA, OLoRA, CorDA and LoftQ start from a changed base; their adapters fit the plain base only
	// after conversion, which sets this to true.
	"init_lora_weights": {"true", `"gaussian"`, `"eva"`, `"orthogonal"`},
}

// ParseConfig reads the text of an adapter_config.json. Keys that are not known are dropped, as PEFT
// does; those that are known to change the computation are refused, and those that are almost one.
func ParseConfig(text []byte) (adapters.Config, error) {
	var raw map[string]json.RawMessage // of a key that is there twice the last value counts, whole, as in Python
	if err := json.Unmarshal(text, &raw); err != nil {
		return adapters.Config{}, fmt.Errorf("not a JSON object: %w", err)
	}
	f, err := known(raw)
	if err != nil {
		return adapters.Config{}, err
	}
	switch {
	case f.PeftType == nil && raw["fine_tune_type"] != nil:
		return adapters.Config{}, fmt.Errorf("%w but one of mlx-lm: convert it first", adapters.ErrNotAdapter)
	case f.PeftType == nil:
		return adapters.Config{}, fmt.Errorf("%w: peft_type is missing", adapters.ErrNotAdapter)
	case *f.PeftType != "LORA":
		return adapters.Config{}, fmt.Errorf("peft_type %.40q is not supported; LORA is", *f.PeftType)
	}
	for _, key := range slices.Sorted(maps.Keys(variants)) {
		if value := raw[key]; !isOff(value) && !slices.Contains(variants[key], string(value)) {
			return adapters.Config{}, fmt.Errorf("%s %.60s is not supported", key, value)
		}
	}
	c := adapters.Config{
		Rank: 8, Alpha: 8, // LoraConfig's defaults
		Dropout: f.Dropout, TargetModules: slices.Compact(slices.Sorted(slices.Values(f.TargetModules))),
		UseRSLoRA: f.UseRSLoRA, UseDoRA: f.UseDoRA,
		RankPattern: adapters.Patterns[int](f.RankPattern), AlphaPattern: adapters.Patterns[float64](f.AlphaPattern),
		BaseModel: f.BaseModel, Revision: f.Revision, TaskType: f.TaskType,
		TargetParameters: slices.Compact(slices.Sorted(slices.Values(f.TargetParameters))),
		ExcludeModules:   f.ExcludeModules, LayersToTransform: f.LayersToTransform, LayersPattern: f.LayersPattern,
	}
	if f.R != nil {
		c.Rank = *f.R
	}
	if f.Alpha != nil {
		c.Alpha = *f.Alpha
	}
	return c, checkConfig(c)
}

// known reads the keys that count. encoding/json would take one in other letters' case for them as well.
func known(raw map[string]json.RawMessage) (f fileConfig, err error) {
	keys := slices.Concat(slices.Collect(maps.Keys(written(adapters.Config{}))), others)
	exact := make(map[string]json.RawMessage, len(raw))
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if slices.Contains(keys, key) {
			exact[key] = raw[key]
			continue
		}
		lower := strings.ToLower(key)
		meant := nearest.Of(lower, keys, max(1, len(key)/5))
		if slices.Contains(keys, lower) {
			meant = lower
		}
		if meant != "" && !isOff(raw[key]) {
			return f, fmt.Errorf("unknown key %.40q, did you mean %q?", key, meant)
		}
	}
	text, err := json.Marshal(exact)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

// others are keys that PEFT wrote in other versions, or leaves to other programs.
var others = []string{"runtime_config", "ephemeral_gpu_offload"}

// isOff reports whether a value says that an option is not used.
func isOff(value json.RawMessage) bool {
	switch string(bytes.Join(bytes.Fields(value), nil)) {
	case "", "null", "false", "[]", "{}":
		return true
	}
	return false
}

// FormatConfig returns the adapter_config.json that PEFT writes for the adapter, to the byte, with
// one exception: PEFT writes target_modules in the order of a hash set and target_parameters in one that
// it is given, here they are sorted.
// Source: peft/config.py, save_pretrained; the keys are those of peft/tuners/lora/config.py.
func FormatConfig(c adapters.Config) []byte {
	var b strings.Builder
	dumps(&b, written(c), "\n")
	return []byte(b.String())
}

func written(c adapters.Config) map[string]any {
	return map[string]any{
		"alora_invocation_tokens": nil, "alpha_pattern": pattern(c.AlphaPattern, number), "arrow_config": nil, "auto_mapping": nil,
		"base_model_name_or_path": orNull(c.BaseModel), "bias": "none", "corda_config": nil, "ensure_weight_tying": false,
		"eva_config": nil, "exclude_modules": narrowing(c.ExcludeModules), "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
		"kasa_config": nil, "layer_replication": nil, "layers_pattern": narrowing(c.LayersPattern), "layers_to_transform": layersValue(c.LayersToTransform),
		"loftq_config": map[string]any{}, "lora_alpha": number(c.Alpha), "lora_bias": false, "lora_dropout": c.Dropout,
		"lora_ga_config": nil, "megatron_config": nil, "megatron_core": "megatron.core", "modules_to_save": nil,
		"monteclora_config": nil, "peft_type": "LORA", "peft_version": Version, "qalora_group_size": 16, "r": c.Rank,
		"rank_pattern": pattern(c.RankPattern, func(n int) any { return n }), "revision": orNull(c.Revision),
		"target_modules": targetsValue(c.TargetModules), "target_parameters": parametersValue(c.TargetParameters), "task_type": orNull(c.TaskType),
		"trainable_token_indices": nil, "use_bdlora": nil, "use_dora": c.UseDoRA, "use_qalora": false, "use_rslora": c.UseRSLoRA,
		"velora_config": nil,
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func targetsValue(list []string) any {
	if isPattern(list) {
		return list[0]
	}
	return slices.Sorted(slices.Values(list))
}

func parametersValue(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(list))
}

// number keeps whole alphas whole, as people write them and as int-typed readers want them.
func number(v float64) any {
	if n := int(v); float64(n) == v {
		return n
	}
	return v
}

// pattern keeps the order of patterns, of which the first that matches counts. PEFT sorts them when it
// writes, whatever that changes.
func pattern[V any](list adapters.Patterns[V], value func(V) any) ordered {
	out := ordered{}
	for _, p := range list {
		out = append(out, field{p.Name, value(p.Value)})
	}
	return out
}

// narrowing is exclude_modules or layers_pattern: null, a regular expression or a list.
func narrowing(list []string) any {
	switch {
	case len(list) == 0:
		return nil
	case isPattern(list):
		return list[0]
	}
	return list
}

func layersValue(list []int) any {
	if len(list) == 0 {
		return nil
	}
	out := []any{}
	for _, n := range list {
		out = append(out, n)
	}
	return out
}
