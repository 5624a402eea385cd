package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
)

// Of renders the card of an adapter that has the digest and was made as its lineage says. Name is the
// adapter's, "" where it has none yet.
func Of(name string, a *adapters.Adapter, digest string, l adapters.Lineage) []byte {
	f := Facts{
		Name: name, Digest: digest, Tool: l.Tool, Config: a.Config, BaseDigest: l.Base.Digest,
		Objective: objective(l.Config), Training: settings(l.Config),
	}
	if f.Config.BaseModel == "" {
		f.Config.BaseModel = l.Base.Name
	}
	for _, t := range a.Tensors {
		f.Parameters += int64(len(t.Data))
	}
	for _, d := range l.Datasets {
		set := Dataset{Name: d.Name, Digest: d.Digest}
		if d.Version > 0 {
			set.Version = fmt.Sprint(d.Version)
		}
		f.Datasets = append(f.Datasets, set)
	}
	if m := l.Metrics; m.EvalLossBefore != nil && m.EvalLossAfter != nil {
		name := "loss"
		if f.Objective == "clm" || f.Objective == "sft" {
			name = "mean_nll"
		}
		f.Metrics = []Metric{{name, "validation", *m.EvalLossBefore, *m.EvalLossAfter}}
	}
	return Markdown(f)
}

// objective is what was trained for, "" where the configuration does not say.
func objective(config json.RawMessage) string {
	var c struct {
		Objective string `json:"objective"`
	}
	if json.Unmarshal(config, &c) != nil {
		return ""
	}
	return c.Objective
}

// told are keys of a configuration that the card tells in a place of their own, or that change no result.
var told = []string{"objective", "lora", "init_adapter", "micro_batch_size", "gradient_checkpointing", "logging_steps", "save_steps", "eval_steps"}

// settings are the plain values of a configuration in the order of its keys. A configuration that cannot
// be read has none.
func settings(config json.RawMessage) []Setting {
	d := json.NewDecoder(bytes.NewReader(config))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var list []Setting
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil
		}
		name, text := fmt.Sprint(key), strings.Trim(string(value), `"`)
		if slices.Contains(told, name) || text == "" || text == "null" || strings.ContainsAny(text[:1], "{[") {
			continue
		}
		list = append(list, Setting{name, text})
	}
	return list
}
