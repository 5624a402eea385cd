package adapters

import "regexp"

// Patterns gives modules that a regular expression matches a value of their own, as rank_pattern and
// alpha_pattern do. Of several that match the first counts, so that their order is kept.
type Patterns[V any] []Pattern[V]

// Pattern is one of [Patterns].
type Pattern[V any] struct {
	Name  string
	Value V
}

// Of is the value of the first pattern that matches a module, if there is one (PEFT's get_pattern_key).
func (p Patterns[V]) Of(module string) (value V, ok bool) {
	for _, one := range p {
		if matchesPattern(one.Name, module) {
			return one.Value, true
		}
	}
	return value, false
}

// With returns the patterns with one more at their end; one of that name gets the value where it is.
func (p Patterns[V]) With(name string, value V) Patterns[V] {
	out := make(Patterns[V], 0, len(p)+1)
	found := false
	for _, one := range p {
		if one.Name == name {
			one.Value, found = value, true
		}
		out = append(out, one)
	}
	if !found {
		out = append(out, Pattern[V]{name, value})
	}
	return out
}

// matchesPattern tells whether a pattern matches a module's name from its beginning or a dot on, to its
// end.
func matchesPattern(pattern, module string) bool {
	re, err := regexp.Compile(`^(?:.*\.)?(?:` + pattern + `)$`)
	return err == nil && re.MatchString(module)
}

// RankOf is the rank a module's factors have: rank_pattern may give it one of its own.
func (c Config) RankOf(module string) int {
	if rank, ok := c.RankPattern.Of(module); ok {
		return rank
	}
	return c.Rank
}
