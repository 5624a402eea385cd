// Package filter measures the quality of texts and judges them by rules. Every judgement names the
// rule, the measured value and the threshold; every value is kept as a signal beside the text, so a
// corpus can be judged again without reading it again.
package filter

import "sync"

// signal is a measured value of a text.
type signal int

const (
	sigChars signal = iota
	sigWords
	sigReplacementChars
	sigMeanWordLength
	sigAlphaWords
	sigStopWords
	sigHashRatio
	sigEllipsisRatio
	sigSymbolChars
	sigBulletLines
	sigEllipsisLines
	sigShortLines
	sigTerminalLines
	sigLinesPerWord
	sigDuplicateLines
	sigDuplicateLineChars
	sigDuplicateParagraphs
	sigDuplicateParagraphChars
	sigTop2Gram
	sigTop3Gram
	sigTop4Gram
	sigDuplicate5Gram
	sigDuplicate6Gram
	sigDuplicate7Gram
	sigDuplicate8Gram
	sigDuplicate9Gram
	sigDuplicate10Gram
	numSignals
)

var signalNames = [numSignals]string{
	"chars", "words", "replacement_chars", "mean_word_length", "alpha_words", "stop_words",
	"hash_ratio", "ellipsis_ratio", "symbol_chars", "bullet_lines", "ellipsis_lines", "short_lines",
	"terminal_lines", "lines_per_word", "duplicate_lines", "duplicate_line_chars",
	"duplicate_paragraphs", "duplicate_paragraph_chars", "top_2gram_chars", "top_3gram_chars",
	"top_4gram_chars", "duplicate_5gram_chars", "duplicate_6gram_chars", "duplicate_7gram_chars",
	"duplicate_8gram_chars", "duplicate_9gram_chars", "duplicate_10gram_chars",
}

// Verdict is a broken rule.
type Verdict struct {
	Rule      string
	Reason    string // one sentence for people
	Value     float64
	Threshold float64
}

// Judgement is what is to be said of a text.
type Judgement struct {
	Signals map[string]float64 // by name, all of them
	Flags   []string           // broken rules in signal mode
	Drop    *Verdict           // the first broken rule in drop mode, nil to keep the text
}

// Filter judges texts. It is safe for concurrent use.
type Filter struct {
	rules  []namedRule
	scales sync.Pool // of *scale: the buffers of one measurement
}

// New returns a filter with the rules of cfg.
func New(cfg Config) *Filter {
	f := &Filter{rules: cfg.rules()}
	f.scales.New = func() any { return new(scale) }
	return f
}

// Judge measures a text and holds it against the rules.
func (f *Filter) Judge(text string) Judgement {
	s := f.scales.Get().(*scale)
	values := s.measure(text)
	f.scales.Put(s)

	j := Judgement{Signals: make(map[string]float64, numSignals)}
	for i, v := range values {
		j.Signals[signalNames[i]] = v
	}
	for _, r := range f.rules {
		value := values[r.signal]
		if ok := r.Mode == Off || (r.min && value >= r.Threshold) || (!r.min && value <= r.Threshold); ok {
			continue
		}
		if r.Mode == Signal {
			j.Flags = append(j.Flags, r.name)
		} else if j.Drop == nil {
			j.Drop = &Verdict{Rule: r.name, Reason: r.reason, Value: value, Threshold: r.Threshold}
		}
	}
	return j
}
