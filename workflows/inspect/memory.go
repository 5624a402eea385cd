package inspect

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// Memory estimates what a base needs, in bytes.
type Memory struct {
	Serve       int64 `json:"serve"`         // weights, as stored: they are mapped and never widened whole
	CacheToken  int64 `json:"cache_token"`   // keys and values of a token, float32
	Train       int64 `json:"train"`         // with the default configuration
	TrainLess   int64 `json:"train_less"`    // the same with gradient_checkpointing
	TrainTokens int   `json:"train_tokens"`  // tokens in memory at a time, which Train is for
	AdapterRank int   `json:"train_rank"`    // of the adapter that Train is for
	AdapterSize int64 `json:"adapter_bytes"` // of that adapter's file
}

// optimizerBytes is what a trained parameter takes: value, gradient and AdamW's two moments, float32.
const optimizerBytes = 16

// memoryOf is what training with a configuration takes, as the trainer itself predicts it for factors of
// which only the shapes are known; a plan of the run adds the program and the data.
func memoryOf(b *bases.Base, info Base, cfg trainer.Config) (Memory, error) {
	c := b.Config()
	tokens := cfg.MicroBatchSize * cfg.MaxSeqLength
	if c.MaxPositionEmbeddings > 0 {
		tokens = cfg.MicroBatchSize * min(cfg.MaxSeqLength, c.MaxPositionEmbeddings)
	}
	m := Memory{Serve: info.WeightBytes, TrainTokens: tokens, AdapterRank: cfg.LoRA.Rank}
	attending, err := model.Attending(c)
	if err != nil { // an unknown family: as most are
		attending = c.NumHiddenLayers
	}
	m.CacheToken = 4 * int64(2*c.NumKeyValueHeads*c.HeadDim*attending)
	if info.Unsupported != "" {
		return m, nil
	}
	modules, err := model.Modules(c, b)
	if err != nil {
		return m, err
	}
	factors, err := lora.Sketch(cfg.LoRA, modules)
	if err != nil {
		return m, err
	}
	trained := factors.Count()
	m.AdapterSize = 4 * trained
	bound, err := model.New(c, b, factors.Attachment())
	if err != nil {
		return m, err
	}
	fixed := bound.WeightBytes() + optimizerBytes*trained
	for recompute, to := range map[int]*int64{0: &m.Train, c.NumHiddenLayers: &m.TrainLess} {
		activations, err := bound.Footprint(recompute, tokens, tokens)
		if err != nil {
			return m, err
		}
		*to = fixed + activations
	}
	return m, nil
}
