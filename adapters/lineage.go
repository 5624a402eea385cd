package adapters

import "encoding/json"

// LineageFile is the name of the lineage beside an adapter's files.
const LineageFile = "lineage.json"

// Lineage says what an adapter was made from. It holds nothing that differs between two equal runs:
// no times, no speeds, no paths.
type Lineage struct {
	SchemaVersion int             `json:"schema_version"`
	Base          BaseRef         `json:"base"`
	Datasets      []DatasetRef    `json:"datasets"`
	InitAdapter   string          `json:"init_adapter,omitempty"` // digest of the adapter it went on from
	Config        json.RawMessage `json:"config"`                 // of the training, as far as it changes a result
	ConfigDigest  string          `json:"config_digest"`
	RunDigest     string          `json:"run_digest"`              // of base, data, start and configuration together
	ChatTemplate  string          `json:"chat_template,omitempty"` // digest of the one that was given instead of the base's
	Tool          string          `json:"tool"`
	Metrics       Metrics         `json:"metrics"`
}

// BaseRef names a base; the digest is what binds.
type BaseRef struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// DatasetRef names training data; version is 0 for a plain file.
type DatasetRef struct {
	Name    string `json:"name"`
	Version int    `json:"version,omitempty"`
	Digest  string `json:"digest"`
}

// Metrics of a training run. Losses are the objective's, mean negative log-likelihoods in nats per token
// mostly; those on held-out rows are nil when there were none.
type Metrics struct {
	Steps          int      `json:"steps"`
	Tokens         int64    `json:"tokens"`
	TrainedTokens  int64    `json:"trained_tokens"`
	TrainLoss      float64  `json:"train_loss"`
	EvalLossBefore *float64 `json:"eval_loss_before,omitempty"`
	EvalLossAfter  *float64 `json:"eval_loss_after,omitempty"`
}
