package filter

import (
	"errors"
	"fmt"
	"math"
)

// Mode says what breaking a rule does.
type Mode string

// The modes.
const (
	Drop   Mode = "drop"   // the document is excluded
	Signal Mode = "signal" // the document is kept, and counted as flagged
	Off    Mode = "off"    // the rule is not looked at; its signal is still measured
)

// Rule is a threshold and what breaking it does.
type Rule struct {
	// What breaking the rule does: drop the document, keep and count it, or nothing.
	Mode Mode `yaml:"mode" json:"mode"`
	// The limit.
	Threshold float64 `yaml:"threshold" json:"threshold"`
}

// Config holds every rule. A rule called min_x is broken by values below its threshold, one called
// max_x by values above. Ratios are from 0 to 1.
type Config struct {
	// Characters.
	MinChars Rule `yaml:"min_chars" json:"min_chars"`
	// Characters.
	MaxChars Rule `yaml:"max_chars" json:"max_chars"`
	// Share of characters that could not be decoded.
	MaxReplacementChars Rule `yaml:"max_replacement_chars" json:"max_replacement_chars"`
	// Words.
	MinWords Rule `yaml:"min_words" json:"min_words"`
	// Mean length of the words, in characters.
	MinMeanWordLength Rule `yaml:"min_mean_word_length" json:"min_mean_word_length"`
	// Mean length of the words, in characters.
	MaxMeanWordLength Rule `yaml:"max_mean_word_length" json:"max_mean_word_length"`
	// Share of words that have a letter.
	MinAlphaWords Rule `yaml:"min_alpha_words" json:"min_alpha_words"`
	// Common English words that occur.
	MinStopWords Rule `yaml:"min_stop_words" json:"min_stop_words"`
	// Number signs for each word.
	MaxHashRatio Rule `yaml:"max_hash_ratio" json:"max_hash_ratio"`
	// Ellipses for each word.
	MaxEllipsisRatio Rule `yaml:"max_ellipsis_ratio" json:"max_ellipsis_ratio"`
	// Share of characters that are symbols.
	MaxSymbolChars Rule `yaml:"max_symbol_chars" json:"max_symbol_chars"`
	// Share of lines that are bullets.
	MaxBulletLines Rule `yaml:"max_bullet_lines" json:"max_bullet_lines"`
	// Share of lines that end in an ellipsis.
	MaxEllipsisLines Rule `yaml:"max_ellipsis_lines" json:"max_ellipsis_lines"`
	// Share of lines that are short.
	MaxShortLines Rule `yaml:"max_short_lines" json:"max_short_lines"`
	// Share of lines that end a sentence.
	MinTerminalLines Rule `yaml:"min_terminal_lines" json:"min_terminal_lines"`
	// Lines for each word.
	MaxLinesPerWord Rule `yaml:"max_lines_per_word" json:"max_lines_per_word"`
	// Share of lines that are repeated.
	MaxDuplicateLines Rule `yaml:"max_duplicate_lines" json:"max_duplicate_lines"`
	// Share of characters in repeated lines.
	MaxDuplicateLineChars Rule `yaml:"max_duplicate_line_chars" json:"max_duplicate_line_chars"`
	// Share of paragraphs that are repeated.
	MaxDuplicateParagraphs Rule `yaml:"max_duplicate_paragraphs" json:"max_duplicate_paragraphs"`
	// Share of characters in repeated paragraphs.
	MaxDuplicateParagraphChars Rule `yaml:"max_duplicate_paragraph_chars" json:"max_duplicate_paragraph_chars"`
	// Share of characters in the commonest pair of words.
	MaxTop2GramChars Rule `yaml:"max_top_2gram_chars" json:"max_top_2gram_chars"`
	// Share of characters in the commonest three words in a row.
	MaxTop3GramChars Rule `yaml:"max_top_3gram_chars" json:"max_top_3gram_chars"`
	// Share of characters in the commonest four words in a row.
	MaxTop4GramChars Rule `yaml:"max_top_4gram_chars" json:"max_top_4gram_chars"`
	// Share of characters in repeated runs of 5 words.
	MaxDuplicate5GramChars Rule `yaml:"max_duplicate_5gram_chars" json:"max_duplicate_5gram_chars"`
	// Share of characters in repeated runs of 6 words.
	MaxDuplicate6GramChars Rule `yaml:"max_duplicate_6gram_chars" json:"max_duplicate_6gram_chars"`
	// Share of characters in repeated runs of 7 words.
	MaxDuplicate7GramChars Rule `yaml:"max_duplicate_7gram_chars" json:"max_duplicate_7gram_chars"`
	// Share of characters in repeated runs of 8 words.
	MaxDuplicate8GramChars Rule `yaml:"max_duplicate_8gram_chars" json:"max_duplicate_8gram_chars"`
	// Share of characters in repeated runs of 9 words.
	MaxDuplicate9GramChars Rule `yaml:"max_duplicate_9gram_chars" json:"max_duplicate_9gram_chars"`
	// Share of characters in repeated runs of 10 words.
	MaxDuplicate10GramChars Rule `yaml:"max_duplicate_10gram_chars" json:"max_duplicate_10gram_chars"`

	// Lines that most of the corpus repeats, which are cut out of documents.
	Boilerplate Boilerplate `yaml:"boilerplate" json:"boilerplate"`
}

// DefaultConfig drops what is surely of no use: next to nothing, broken decodings, and one line over
// and over. The other rules carry the thresholds of Gopher (arXiv:2112.11446, table A1) and FineWeb
// (arXiv:2406.17557, §3.5) as signals only: on private documents they hit minutes, runbooks, tickets,
// tables and code, which the web pipelines are glad to lose and their owner is not.
func DefaultConfig() Config {
	drop := func(t float64) Rule { return Rule{Drop, t} }
	signal := func(t float64) Rule { return Rule{Signal, t} }
	return Config{
		MinChars:                   drop(16),
		MaxChars:                   drop(10e6),
		MaxReplacementChars:        drop(0.05),
		MinWords:                   signal(50),
		MinMeanWordLength:          signal(3),
		MaxMeanWordLength:          signal(10),
		MinAlphaWords:              signal(0.8),
		MinStopWords:               signal(2),
		MaxHashRatio:               signal(0.1),
		MaxEllipsisRatio:           signal(0.1),
		MaxSymbolChars:             signal(0.25),
		MaxBulletLines:             signal(0.9),
		MaxEllipsisLines:           signal(0.3),
		MaxShortLines:              signal(0.67),
		MinTerminalLines:           signal(0.12),
		MaxLinesPerWord:            signal(0.3),
		MaxDuplicateLines:          signal(0.3),
		MaxDuplicateLineChars:      drop(0.8), // Gopher: 0.2
		MaxDuplicateParagraphs:     signal(0.3),
		MaxDuplicateParagraphChars: signal(0.2),
		MaxTop2GramChars:           signal(0.20),
		MaxTop3GramChars:           signal(0.18),
		MaxTop4GramChars:           signal(0.16),
		MaxDuplicate5GramChars:     signal(0.15),
		MaxDuplicate6GramChars:     signal(0.14),
		MaxDuplicate7GramChars:     signal(0.13),
		MaxDuplicate8GramChars:     signal(0.12),
		MaxDuplicate9GramChars:     signal(0.11),
		MaxDuplicate10GramChars:    drop(0.8), // Gopher: 0.1
		Boilerplate:                defaultBoilerplate(),
	}
}

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	var errs []error
	for _, r := range c.rules() {
		switch r.Mode {
		case Drop, Signal, Off:
		default:
			errs = append(errs, fmt.Errorf("%s.mode: %q is none of drop, signal, off", r.name, r.Mode))
		}
		if math.IsNaN(r.Threshold) || r.Threshold < 0 {
			errs = append(errs, fmt.Errorf("%s.threshold: %v is not a limit", r.name, r.Threshold))
		}
	}
	return errors.Join(append(errs, c.Boilerplate.validate())...)
}

// namedRule is a rule with its name and the signal it is about.
type namedRule struct {
	Rule
	name   string
	signal signal
	min    bool
	reason string
}

// rules lists the rules in the order in which they are looked at: the first broken one drops.
func (c Config) rules() []namedRule {
	return []namedRule{
		{c.MinChars, "min_chars", sigChars, true, "the text is too short"},
		{c.MaxChars, "max_chars", sigChars, false, "the text is too long"},
		{c.MaxReplacementChars, "max_replacement_chars", sigReplacementChars, false, "too much of the text could not be decoded"},
		{c.MinWords, "min_words", sigWords, true, "the text has too few words"},
		{c.MinMeanWordLength, "min_mean_word_length", sigMeanWordLength, true, "the words are too short"},
		{c.MaxMeanWordLength, "max_mean_word_length", sigMeanWordLength, false, "the words are too long"},
		{c.MinAlphaWords, "min_alpha_words", sigAlphaWords, true, "too few words have a letter"},
		{c.MinStopWords, "min_stop_words", sigStopWords, true, "too few of the common English words occur"},
		{c.MaxHashRatio, "max_hash_ratio", sigHashRatio, false, "too many number signs for the words"},
		{c.MaxEllipsisRatio, "max_ellipsis_ratio", sigEllipsisRatio, false, "too many ellipses for the words"},
		{c.MaxSymbolChars, "max_symbol_chars", sigSymbolChars, false, "too many characters are symbols"},
		{c.MaxBulletLines, "max_bullet_lines", sigBulletLines, false, "too many lines are bullets"},
		{c.MaxEllipsisLines, "max_ellipsis_lines", sigEllipsisLines, false, "too many lines end in an ellipsis"},
		{c.MaxShortLines, "max_short_lines", sigShortLines, false, "too many lines are short"},
		{c.MinTerminalLines, "min_terminal_lines", sigTerminalLines, true, "too few lines end a sentence"},
		{c.MaxLinesPerWord, "max_lines_per_word", sigLinesPerWord, false, "too many lines for the words"},
		{c.MaxDuplicateLines, "max_duplicate_lines", sigDuplicateLines, false, "too many lines are repeated"},
		{c.MaxDuplicateLineChars, "max_duplicate_line_chars", sigDuplicateLineChars, false, "repeated lines are too much of the text"},
		{c.MaxDuplicateParagraphs, "max_duplicate_paragraphs", sigDuplicateParagraphs, false, "too many paragraphs are repeated"},
		{c.MaxDuplicateParagraphChars, "max_duplicate_paragraph_chars", sigDuplicateParagraphChars, false, "repeated paragraphs are too much of the text"},
		{c.MaxTop2GramChars, "max_top_2gram_chars", sigTop2Gram, false, "one pair of words is too much of the text"},
		{c.MaxTop3GramChars, "max_top_3gram_chars", sigTop3Gram, false, "three words in a row are too much of the text"},
		{c.MaxTop4GramChars, "max_top_4gram_chars", sigTop4Gram, false, "four words in a row are too much of the text"},
		{c.MaxDuplicate5GramChars, "max_duplicate_5gram_chars", sigDuplicate5Gram, false, "repeated runs of 5 words are too much of the text"},
		{c.MaxDuplicate6GramChars, "max_duplicate_6gram_chars", sigDuplicate6Gram, false, "repeated runs of 6 words are too much of the text"},
		{c.MaxDuplicate7GramChars, "max_duplicate_7gram_chars", sigDuplicate7Gram, false, "repeated runs of 7 words are too much of the text"},
		{c.MaxDuplicate8GramChars, "max_duplicate_8gram_chars", sigDuplicate8Gram, false, "repeated runs of 8 words are too much of the text"},
		{c.MaxDuplicate9GramChars, "max_duplicate_9gram_chars", sigDuplicate9Gram, false, "repeated runs of 9 words are too much of the text"},
		{c.MaxDuplicate10GramChars, "max_duplicate_10gram_chars", sigDuplicate10Gram, false, "repeated runs of 10 words are too much of the text"},
	}
}
