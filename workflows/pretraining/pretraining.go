// Package pretraining trains a small base from nothing on generated text: the base that the program
// carries is made by its default recipe.
package pretraining

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/datasets/tokenizer/train"
	"github.com/cultivar/cultivar/internal/corpus"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/optim"
	"github.com/cultivar/cultivar/trainer/scratch"
	"github.com/cultivar/cultivar/workflows/training"
)

// Recipe says how a small base is pretrained on the generated corpus.
type Recipe struct {
	Name             string `yaml:"name" json:"name"`
	HiddenSize       int    `yaml:"hidden_size" json:"hidden_size"`
	IntermediateSize int    `yaml:"intermediate_size" json:"intermediate_size"`
	Layers           int    `yaml:"num_hidden_layers" json:"num_hidden_layers"`
	Heads            int    `yaml:"num_attention_heads" json:"num_attention_heads"`
	KVHeads          int    `yaml:"num_key_value_heads" json:"num_key_value_heads"`
	VocabSize        int    `yaml:"vocab_size" json:"vocab_size"`

	CorpusSeed       uint64 `yaml:"corpus_seed" json:"corpus_seed"`
	CorpusTokens     int    `yaml:"corpus_tokens" json:"corpus_tokens"` // how much to train on
	ChatsPerDocument int    `yaml:"chats_per_document" json:"chats_per_document"`

	Seed         uint64  `yaml:"seed" json:"seed"`
	SequenceLen  int     `yaml:"max_seq_length" json:"max_seq_length"`
	BatchSize    int     `yaml:"batch_size" json:"batch_size"` // sequences in a step
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate"`
	WarmupSteps  int     `yaml:"warmup_steps" json:"warmup_steps"`
	WeightDecay  float64 `yaml:"weight_decay" json:"weight_decay"`
	SaveSteps    int     `yaml:"save_steps" json:"save_steps"`
	EvalSteps    int     `yaml:"eval_steps" json:"eval_steps"`
}

// DefaultRecipe made the base that the program carries.
func DefaultRecipe() Recipe {
	return Recipe{
		Name: "seedling", HiddenSize: 160, IntermediateSize: 432, Layers: 5, Heads: 5, KVHeads: 5, VocabSize: 2048,
		CorpusSeed: 1, CorpusTokens: 6_000_000, ChatsPerDocument: 2,
		Seed: 1, SequenceLen: 512, BatchSize: 16, LearningRate: 3e-3, WarmupSteps: 40, WeightDecay: 0.1,
		SaveSteps: 100, EvalSteps: 100,
	}
}

// config is the model's config.json.
func (r Recipe) config() map[string]any {
	return map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama",
		"hidden_size": r.HiddenSize, "intermediate_size": r.IntermediateSize, "num_hidden_layers": r.Layers,
		"num_attention_heads": r.Heads, "num_key_value_heads": r.KVHeads, "head_dim": r.HiddenSize / r.Heads,
		"vocab_size": r.VocabSize, "max_position_embeddings": r.SequenceLen, "rms_norm_eps": 1e-5,
		"hidden_act": "silu", "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false,
		"rope_parameters":   map[string]any{"rope_type": "default", "rope_theta": 10000.0},
		"initializer_range": 0.02, "bos_token_id": 0, "eos_token_id": []int{1, 4}, "pad_token_id": 5, "dtype": "bfloat16",
	}
}

// The special tokens and the chat template of Llama 3.
const (
	textEnd  = "<|end_of_text|>"
	turnEnd  = "<|eot_id|>"
	template = `{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}`
)

// conversation is a chat as the template renders it, without the first token.
func conversation(messages []datasets.Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<|start_header_id|>" + m.Role + "<|end_header_id|>\n\n" + strings.TrimSpace(m.Content) + turnEnd)
	}
	return b.String()
}

// texts yields the corpus: documents with conversations in between.
func (r Recipe) texts(seed uint64) iter.Seq[string] {
	return func(yield func(string) bool) {
		next, stop := iter.Pull(corpus.Conversations(seed))
		defer stop()
		for d := range corpus.Documents(seed) {
			if !yield(d + textEnd) {
				return
			}
			for range r.ChatsPerDocument {
				if c, ok := next(); !ok || !yield(conversation(c)) {
					return
				}
			}
		}
	}
}

// vocabularyBytes is how much of the corpus the vocabulary is learned from.
const vocabularyBytes = 2 << 20

func (r Recipe) vocabulary() ([]byte, error) {
	v, err := train.Train(func(yield func(string) bool) {
		n := 0
		for t := range r.texts(r.CorpusSeed) {
			for _, s := range train.Specials {
				t = strings.ReplaceAll(t, s, "\n")
			}
			if n += len(t); n > vocabularyBytes || !yield(t) {
				return
			}
		}
	}, train.Config{VocabSize: r.VocabSize})
	if err != nil {
		return nil, err
	}
	return v.JSON()
}

// Options say what to make and where.
type Options struct {
	Recipe  Recipe
	OutDir  string // the base directory to be
	WorkDir string // checkpoints and metrics; kept, so that a killed run goes on
	Hooks   trainer.Hooks
}

// Run trains a base from nothing on the generated corpus. The same recipe gives the same files
// to the bit.
func Run(ctx context.Context, o Options) (trainer.Result, error) {
	r := o.Recipe
	tokenizerJSON, err := r.vocabulary()
	if err != nil {
		return trainer.Result{}, fmt.Errorf("learn vocabulary: %w", err)
	}
	files, err := r.files(tokenizerJSON)
	if err != nil {
		return trainer.Result{}, err
	}
	tok, err := tokenizer.Parse(tokenizerJSON, files["tokenizer_config.json"])
	if err != nil {
		return trainer.Result{}, err
	}
	text, err := json.Marshal(r.config())
	if err != nil {
		return trainer.Result{}, err
	}
	cfg, err := bases.ParseConfig(text, model.Families())
	if err != nil {
		return trainer.Result{}, err
	}
	rows, err := pack.New(r.rows(tok, r.CorpusSeed, r.CorpusTokens), pack.Options{MaxLen: r.SequenceLen, Strategy: pack.BestFit})
	if err != nil {
		return trainer.Result{}, err
	}
	held, err := pack.New(r.rows(tok, r.CorpusSeed+1<<32, 20_000), pack.Options{MaxLen: r.SequenceLen})
	if err != nil {
		return trainer.Result{}, err
	}
	weights := scratch.New(cfg, r.Seed)
	m, err := model.New(cfg, weights, weights.Attachment())
	if err != nil {
		return trainer.Result{}, err
	}
	if err := os.MkdirAll(o.WorkDir, 0o777); err != nil {
		return trainer.Result{}, err
	}
	result, err := trainer.Run(ctx, trainer.Job{
		Config: r.training(), Model: m, Groups: optim.MatricesDecay(weights.Params(), r.WeightDecay), Train: rows, Eval: held.Rows,
		RunDigest: training.RunDigest(rows.Rows, r), OutDir: o.WorkDir, Hooks: o.Hooks,
	})
	if err != nil {
		return result, err
	}
	return result, weights.Save(o.OutDir, r.config(), files)
}

func (r Recipe) training() trainer.Config {
	c := trainer.DefaultConfig()
	c.MaxSeqLength, c.BatchSize, c.MicroBatchSize, c.NumEpochs, c.Seed = r.SequenceLen, r.BatchSize, 8, 1, r.Seed
	c.LearningRate, c.WarmupSteps, c.WeightDecay, c.AdamBeta2 = r.LearningRate, r.WarmupSteps, r.WeightDecay, 0.95
	c.SaveSteps, c.EvalSteps = r.SaveSteps, r.EvalSteps
	return c
}

// rows tokenises the corpus up to a number of tokens. What is longer than a sequence is cut, as running
// text is in pretraining: the pieces do not begin as texts do.
func (r Recipe) rows(tok *tokenizer.Tokenizer, seed uint64, tokens int) []pack.Row {
	var rows []pack.Row
	n := 0
	for t := range r.texts(seed) {
		ids := tok.Encode(t, true)
		if n += len(ids); n > tokens {
			break
		}
		for piece := range slices.Chunk(ids, r.SequenceLen) {
			rows = append(rows, pack.Row{IDs: piece})
		}
	}
	return rows
}

// files are what stands beside the weights.
func (r Recipe) files(tokenizerJSON []byte) (scratch.Files, error) {
	encode := func(v any) ([]byte, error) {
		data, err := json.MarshalIndent(v, "", "  ")
		return append(data, '\n'), err
	}
	tokenizerConfig, err := encode(map[string]any{
		"bos_token": "<|begin_of_text|>", "eos_token": textEnd, "pad_token": "<|pad|>",
		"model_max_length": r.SequenceLen, "tokenizer_class": "PreTrainedTokenizerFast",
	})
	if err != nil {
		return nil, err
	}
	generation, err := encode(map[string]any{"bos_token_id": 0, "eos_token_id": []int{1, 4}, "pad_token_id": 5})
	if err != nil {
		return nil, err
	}
	return scratch.Files{
		"tokenizer.json": tokenizerJSON, "tokenizer_config.json": tokenizerConfig,
		"chat_template.jinja": []byte(template), "generation_config.json": generation,
	}, nil
}
