package training

// Trained is what a training made, for people and programs.
type Trained struct {
	Out             string   `json:"out"`
	Digest          string   `json:"digest"`         // as publish says it
	AdapterDigest   string   `json:"adapter_digest"` // of what the adapter computes
	Reused          bool     `json:"reused"`
	Steps           int      `json:"steps"`
	ResumedAt       int      `json:"resumed_at"`
	Tokens          int64    `json:"tokens"`
	TrainedTokens   int64    `json:"trained_tokens"`
	TokensPerSecond float64  `json:"tokens_per_second"`
	Trainable       int      `json:"trainable_parameters"`
	TrainLoss       float64  `json:"train_loss"`
	EvalLossBefore  *float64 `json:"eval_loss_before"`
	EvalLossAfter   *float64 `json:"eval_loss_after"`
	Dropped         int      `json:"dropped_rows"`
	Windowed        int      `json:"windowed_rows"`
	Report          string   `json:"report,omitempty"` // file of the page about the run
}

// Trained sums up what a run left in its directory.
func (r Result) Trained(out string) Trained {
	return Trained{out, r.Digest, r.AdapterDigest, r.Reused, r.Steps, r.ResumedAt, r.Tokens, r.TrainedTokens, r.TokensPerSecond,
		r.Trainable, r.Loss, r.EvalBefore, r.EvalAfter, r.Dropped, r.Windowed, r.Report}
}
