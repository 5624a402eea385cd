// Package redact finds personal data and secrets in text and puts typed placeholders in their place.
//
// A detector is a hand-written scanner with a validator: the structure is checked by code (Luhn,
// mod 97, numbering plans), not by a regular expression alone. It gives a score; a word of the
// entity's context within a few words on either side adds to it; at the threshold the match counts.
// This is Presidio's scheme with whole-word context, both sides, and a threshold that is not zero.
// Names of people are out of reach of rules and stay.
package redact

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The entities.
const (
	Email  = "EMAIL"
	Phone  = "PHONE"
	Card   = "CARD"
	IBAN   = "IBAN"
	Secret = "SECRET"
	IP     = "IP"
	SSN    = "SSN"
)

// allEntities is in the order of precedence between matches of equal score.
var allEntities = []string{Secret, IBAN, Card, SSN, Email, Phone, IP}

// Config says what is redacted.
type Config struct {
	// What is looked for; none turns redaction off.
	Entities []string `yaml:"entities" json:"entities"`
	// Score, from 0 to 1, from which a match counts.
	Threshold float64 `yaml:"threshold" json:"threshold"`
	// Distance, in words, within which context adds to a score.
	ContextWords int `yaml:"context_words" json:"context_words"`
	// What a context word adds.
	ContextBoost float64 `yaml:"context_boost" json:"context_boost"`
}

// DefaultConfig looks for everything but IP addresses, which in private documents are mostly
// infrastructure, and telling.
func DefaultConfig() Config {
	return Config{
		Entities:     []string{Email, Phone, Card, IBAN, Secret, SSN},
		Threshold:    0.5,
		ContextWords: 5,
		ContextBoost: 0.35,
	}
}

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	var errs []error
	for i, e := range c.Entities {
		if !slices.Contains(allEntities, e) {
			errs = append(errs, fmt.Errorf("entities[%d]: %q is none of %s", i, e, strings.Join(allEntities, ", ")))
		}
	}
	if !(c.Threshold > 0 && c.Threshold <= 1) {
		errs = append(errs, fmt.Errorf("threshold: %v is not in (0, 1]", c.Threshold))
	}
	if c.ContextWords < 0 {
		errs = append(errs, fmt.Errorf("context_words: %d is negative", c.ContextWords))
	}
	if !(c.ContextBoost >= 0 && c.ContextBoost <= 1) {
		errs = append(errs, fmt.Errorf("context_boost: %v is not between 0 and 1", c.ContextBoost))
	}
	return errors.Join(errs...)
}

// Finding is one replaced span. What stood there is not in it.
type Finding struct {
	Entity      string
	Detector    string // the rule that found it
	Score       float64
	Start, End  int64 // rune offsets in the text before redaction
	Replacement string
}

// detector finds one shape of an entity.
type detector struct {
	name    string
	entity  string
	context map[string]bool // lower-case words that make a match likelier
	// find emits byte spans. They lie on rune boundaries and may overlap.
	find func(text string, emit func(start, end int, score float64))
	// rule, when not nil, names the rule by the text from the match on, for detectors of many rules.
	rule func(text string) string
}

func (d *detector) ruleAt(text string) string {
	if d.rule != nil {
		return d.rule(text)
	}
	return d.name
}

// Redactor redacts texts. It is safe for concurrent use.
type Redactor struct {
	cfg       Config
	detectors []detector
}

// New returns a redactor.
func New(cfg Config) *Redactor {
	r := &Redactor{cfg: cfg}
	for _, d := range detectors() {
		if slices.Contains(cfg.Entities, d.entity) {
			r.detectors = append(r.detectors, d)
		}
	}
	return r
}

func detectors() []detector {
	var all []detector
	all = append(all, secretDetectors()...)
	all = append(all, ibanDetector(), cardDetector(), ssnDetector(), emailDetector())
	all = append(all, phoneDetectors()...)
	return append(all, ipDetector())
}

// Redact returns text with everything found replaced, and what was found, in order. Redacting its
// result again finds nothing: replacing one thing can bring another closer to its context, so it
// repeats until nothing is left to find.
func (r *Redactor) Redact(text string) (string, []Finding) {
	var taken []match // in text, in order, disjoint
	out := text
	for {
		found := r.scan(out)
		if len(found) == 0 {
			break
		}
		from := origin{taken: taken}
		for i := range found {
			found[i].start, found[i].end = from.at(found[i].start), from.at(found[i].end)
		}
		taken = append(taken, found...)
		slices.SortFunc(taken, func(a, b match) int { return a.start - b.start })
		out = render(text, taken)
	}
	return out, findings(text, taken)
}

// scan returns the disjoint matches in text, in order.
func (r *Redactor) scan(text string) []match {
	var matches []match
	var shields []span // found when first needed
	for rank := range r.detectors {
		d := &r.detectors[rank]
		d.find(text, func(start, end int, score float64) {
			if score < r.cfg.Threshold {
				if score+r.cfg.ContextBoost < r.cfg.Threshold || !r.hasContext(d, text, start, end) {
					return
				}
				score += r.cfg.ContextBoost
			}
			if shields == nil {
				shields = placeholders(text)
			}
			if !overlapsAny(shields, start, end) {
				matches = append(matches, match{span{start, end}, d, d.ruleAt(text[start:]), rank, min(score, 1)})
			}
		})
	}
	return resolve(matches)
}
