package training

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cultivar/cultivar/trainer/objective"
)

// EvaluatedRow is how one row scores.
type EvaluatedRow struct {
	MeanNLL  *float64  `json:"mean_nll"` // null when nothing of the row was scored
	Logprobs []float64 `json:"token_logprobs,omitempty"`
}

// Evaluated is how rows score, for people and programs; what was not measured is null or not there.
type Evaluated struct {
	Objective string         `json:"objective"`
	MeanNLL   *float64       `json:"mean_nll,omitempty"` // where the loss is one
	Loss      *float64       `json:"loss"`
	Tokens    int            `json:"tokens"`
	Windowed  int            `json:"windowed_rows"`
	Rows      []EvaluatedRow `json:"rows"`
	Report    string         `json:"report,omitempty"` // file of the page about the result

	metrics objective.Metrics
}

// MarshalJSON puts the objective's metrics beside the rest.
func (j Evaluated) MarshalJSON() ([]byte, error) {
	type plain Evaluated
	data, err := json.Marshal(plain(j))
	if err != nil {
		return nil, err
	}
	return j.metrics.Append(data)
}

// Digest identifies the figures, those of each row included; a loss may be NaN, which JSON has no word for.
func (r EvalResult) Digest() string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, r.Objective, r.Tokens, r.Metrics)
	if r.Loss != nil {
		_, _ = fmt.Fprintln(h, *r.Loss)
	}
	for _, row := range r.Rows {
		_, _ = fmt.Fprintln(h, row.Logprobs)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Evaluated sums the result up, with the log-probability of every token where they are asked for.
func (r EvalResult) Evaluated(logprobs bool) Evaluated {
	out := Evaluated{Objective: r.Objective, Loss: r.Loss, Tokens: r.Tokens, Windowed: r.Windowed, Rows: []EvaluatedRow{}, Report: r.Report, metrics: r.Metrics}
	if r.Rows != nil {
		out.MeanNLL = r.Loss
	}
	for _, row := range r.Rows {
		var j EvaluatedRow
		if len(row.Logprobs) > 0 {
			mean := row.MeanNLL()
			j.MeanNLL = &mean
		}
		if logprobs {
			j.Logprobs = row.Logprobs
		}
		out.Rows = append(out.Rows, j)
	}
	return out
}
