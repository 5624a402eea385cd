package extract

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cultivar/cultivar/datasets/rows"
)

// Config is the settings of all formats.
type Config struct {
	// Longest time for parsing one file; meant for parsers gone astray.
	TimeBudgetSeconds float64 `yaml:"time_budget_seconds" json:"time_budget_seconds"`
	// Largest text of one document.
	MaxTextBytes int64 `yaml:"max_text_bytes" json:"max_text_bytes"`
	// Columns of CSV and JSON Lines rows that have a meaning, best first; all others become metadata.
	Fields Fields `yaml:"fields" json:"fields"`
	// How training rows are understood: conversations, prompts with answers, and the like.
	Rows RowsConfig `yaml:"rows" json:"rows"`
	// Leave navigation, sidebars and the like out of web pages.
	HTMLMainContent bool `yaml:"html_main_content" json:"html_main_content"`
}

// Fields names the columns that have a meaning, best first; matching ignores case. All other
// columns become metadata.
type Fields struct {
	// Columns that may hold the text.
	Text []string `yaml:"text" json:"text"`
	// Columns that may hold the title.
	Title []string `yaml:"title" json:"title"`
	// Columns that may hold the row's identity.
	ID []string `yaml:"id" json:"id"`
}

// RowsConfig says how the keys of training rows are understood.
type RowsConfig struct {
	// From the key of a training row to the one that the files have for it, as in {prompt: question}.
	Mapping map[string]string `yaml:"mapping" json:"mapping,omitempty"`
	// What becomes of a key that nobody knows: the row is left out and the key named, or the value is kept
	// beside the row.
	UnknownKeys string `yaml:"unknown_keys" json:"unknown_keys"`
}

// Options are what the reader of rows takes.
func (c RowsConfig) Options() rows.Options {
	return rows.Options{Mapping: c.Mapping, KeepUnknown: c.UnknownKeys == keepUnknown}
}

const (
	refuseUnknown = "refuse"
	keepUnknown   = "metadata"
)

func (c RowsConfig) validate() error {
	var errs []error
	if c.UnknownKeys != refuseUnknown && c.UnknownKeys != keepUnknown {
		errs = append(errs, fmt.Errorf("rows.unknown_keys: %q is neither %s nor %s", c.UnknownKeys, refuseUnknown, keepUnknown))
	}
	if len(c.Mapping) > 0 {
		// Every row would say it; an object without keys has nothing else to be said about.
		if _, err := rows.Parse([]byte("{}"), c.Options()); err != nil && strings.HasPrefix(err.Error(), "mapping: ") {
			errs = append(errs, fmt.Errorf("rows.%w", err))
		}
	}
	return errors.Join(errs...)
}

// DefaultConfig holds the names most exports use.
func DefaultConfig() Config {
	return Config{
		TimeBudgetSeconds: 60,
		MaxTextBytes:      16 << 20,
		Fields: Fields{
			Text:  []string{"text", "content", "body", "markdown"},
			Title: []string{"title", "subject", "name"},
			ID:    []string{"id", "_id", "doc_id", "uuid", "key"},
		},
		Rows:            RowsConfig{UnknownKeys: refuseUnknown},
		HTMLMainContent: true,
	}
}

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	var errs []error
	if !(c.TimeBudgetSeconds > 0 && c.TimeBudgetSeconds <= 86400) {
		errs = append(errs, fmt.Errorf("time_budget_seconds: %v is not between 0 and 86400", c.TimeBudgetSeconds))
	}
	if c.MaxTextBytes < 1 {
		errs = append(errs, fmt.Errorf("max_text_bytes: %d is not positive", c.MaxTextBytes))
	}
	if len(c.Fields.Text) == 0 {
		errs = append(errs, errors.New("fields.text: no column is named"))
	}
	return errors.Join(append(errs, c.Rows.validate())...)
}

// Budget is the bounds for a Registry.
func (c Config) Budget() Budget {
	return Budget{Time: time.Duration(c.TimeBudgetSeconds * float64(time.Second)), TextBytes: c.MaxTextBytes}
}
