package pipeline

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cultivar/cultivar/pipeline/clean"
	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/extract"
	"github.com/cultivar/cultivar/pipeline/filter"
	"github.com/cultivar/cultivar/pipeline/redact"
	"github.com/cultivar/cultivar/pipeline/source"
)

// Config is the settings of a run. The nested ones belong to the stage of that name.
type Config struct {
	// Which files are taken.
	Source source.Config `yaml:"source" json:"source"`
	// How text is got out of files.
	Extract extract.Config `yaml:"extract" json:"extract"`
	// How text is brought into one form.
	Clean clean.Config `yaml:"clean" json:"clean"`
	// What makes a document unfit. A rule called min_x is broken by values below its threshold, max_x by
	// values above.
	Filter filter.Config `yaml:"filter" json:"filter"`
	// What is replaced by its name, as [EMAIL].
	Redact redact.Config `yaml:"redact" json:"redact"`
	// Which documents say the same thing; the best of each group is kept.
	Dedup dedup.Config `yaml:"dedup" json:"dedup"`
	// Fail when more than this share of the documents could not be read; 1 never fails.
	MaxUnreadableShare float64 `yaml:"max_unreadable_share" json:"max_unreadable_share"`
	// Documents in work at once; 0 is one for each core. No effect on the rows.
	Workers int `yaml:"workers" json:"workers"`
	// What duplicates and boilerplate hold in memory; the rest goes to scratch files. No effect on the rows.
	MemoryBytes int64 `yaml:"memory_bytes" json:"-"`
	// Folder for scratch files; empty is the system's own (TMPDIR). No effect on the rows.
	ScratchDir string `yaml:"scratch_dir" json:"-"`
	// IngestedAt is written to every row. Leave it zero to get the same bytes tomorrow.
	IngestedAt time.Time `yaml:"-" json:"-"`
	// Progress, when not nil, is called now and then from the goroutine of Run.
	Progress func(Stats) `yaml:"-" json:"-"`
}

// DefaultConfig keeps all that may be of use to its owner, and redacts.
func DefaultConfig() Config {
	return Config{
		Source:             source.DefaultConfig(),
		Extract:            extract.DefaultConfig(),
		Clean:              clean.DefaultConfig(),
		Filter:             filter.DefaultConfig(),
		Redact:             redact.DefaultConfig(),
		Dedup:              dedup.DefaultConfig(),
		MaxUnreadableShare: 1,
		MemoryBytes:        256 << 20,
	}
}

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	var errs []error
	if !(c.MaxUnreadableShare >= 0 && c.MaxUnreadableShare <= 1) {
		errs = append(errs, fmt.Errorf("max_unreadable_share: %v is not between 0 and 1", c.MaxUnreadableShare))
	}
	if c.Workers < 0 {
		errs = append(errs, fmt.Errorf("workers: %d is negative", c.Workers))
	}
	if c.MemoryBytes < 1 {
		errs = append(errs, fmt.Errorf("memory_bytes: %d is not positive", c.MemoryBytes))
	}
	return errors.Join(append(errs,
		under("source", c.Source.Validate()),
		under("extract", c.Extract.Validate()),
		under("clean", c.Clean.Validate()),
		under("filter", c.Filter.Validate()),
		under("redact", c.Redact.Validate()),
		under("dedup", c.Dedup.Validate()),
	)...)
}

// under prefixes each line of a joined error with the path of the settings it is about.
func under(path string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(path + "." + strings.ReplaceAll(err.Error(), "\n", "\n"+path+"."))
}

// Digest identifies the settings that have an effect on the rows, as "sha256:…" of their JSON.
func (c Config) Digest() string {
	c.Workers = 0
	text, err := json.Marshal(c)
	if err != nil {
		panic("pipeline: encode config: " + err.Error()) // plain data, always encodes
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(text))
}
