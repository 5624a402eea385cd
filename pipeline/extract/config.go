package extract

import (
	"errors"
	"fmt"
	"time"
)

// Config is the settings of all formats.
type Config struct {
	// Longest time for parsing one file; meant for parsers gone astray.
	TimeBudgetSeconds float64 `yaml:"time_budget_seconds" json:"time_budget_seconds"`
	// Largest text of one document.
	MaxTextBytes int64 `yaml:"max_text_bytes" json:"max_text_bytes"`
	// Columns of CSV and JSON Lines rows that have a meaning, best first; all others become metadata.
	Fields Fields `yaml:"fields" json:"fields"`
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
	return errors.Join(errs...)
}

// Budget is the bounds for a Registry.
func (c Config) Budget() Budget {
	return Budget{Time: time.Duration(c.TimeBudgetSeconds * float64(time.Second)), TextBytes: c.MaxTextBytes}
}
