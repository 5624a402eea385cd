package corpus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is a kind of fact, such as how long a class of records is kept. Its lines in the grammar
// are "area word" (facts of one area go together in a document), "weight n" (how often it comes
// up, 1 when not said), "let x = text" (bound once per fact), "q question", "a answer" and
// "s statement" (several each, with weights).
type kind struct {
	name       string
	area       string
	weight     int
	lets       [][2]string
	questions  rule
	answers    rule
	statements rule
}

func (k *kind) add(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "area":
		k.area = rest
	case "weight":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		k.weight = n
	case "let":
		name, text, ok := strings.Cut(rest, " = ")
		if !ok {
			return fmt.Errorf("let without a value: %q", line)
		}
		k.lets = append(k.lets, [2]string{name, text})
	case "q":
		k.questions.add(rest)
	case "a":
		k.answers.add(rest)
	case "s":
		k.statements.add(rest)
	default:
		return fmt.Errorf("no such line in a fact: %q", line)
	}
	return nil
}

// fact is one fact of one company: its names are fixed, its wording is not.
type fact struct {
	kind  *kind
	names map[string]string
}

func (f *fact) line(s *scope, r *rule) string {
	in := newScope(s.dice, &scope{names: f.names, outer: s})
	return in.expand(r.pick(s.dice))
}

func (f *fact) question(s *scope) string  { return f.line(s, &f.kind.questions) }
func (f *fact) answer(s *scope) string    { return f.line(s, &f.kind.answers) }
func (f *fact) statement(s *scope) string { return f.line(s, &f.kind.statements) }

// world is a company: its facts stay the same in whatever is written about it.
type world struct {
	seed  uint64
	names map[string]string
	known bool // one of the companies that come up again and again
}

// regulars is the number of companies that come up again and again. A model can learn the facts
// of these by heart, from any genre; those of the others it can only read in the context.
const regulars = 40

// newWorld returns the company of a document or conversation.
func newWorld(seed uint64, d dice) *world {
	w := &world{known: d.chance(30)}
	if w.known {
		w.seed = roll(seed, "company", uint64(d.below(regulars))).Uint64()
	} else {
		w.seed = d.Uint64()
	}
	s := newScope(roll(w.seed, "name", 0), nil)
	w.names = s.names
	for _, name := range []string{"company", "town", "code"} {
		s.names[name] = s.say(name)
	}
	return w
}

// fact returns the company's fact of the kind at index. A company has two of each kind, about
// different things where the kind has different things; which one is n.
func (w *world) fact(index, n int) *fact {
	k := language.facts[index]
	s := newScope(roll(w.seed, "fact "+k.name, uint64(n)), &scope{names: w.names})
	for _, let := range k.lets {
		s.names[let[0]] = s.expand(let[1])
	}
	return &fact{kind: k, names: s.names}
}

// facts returns up to n facts of different kinds, all of one area when area is not empty.
func (w *world) facts(d dice, area string, n int) []*fact {
	var left []int // indices of kinds, each as often as it weighs
	for i, k := range language.facts {
		if area != "" && k.area != area {
			continue
		}
		for range k.weight {
			left = append(left, i)
		}
	}
	var out []*fact
	for len(out) < n && len(left) > 0 {
		index := left[d.below(len(left))]
		out = append(out, w.fact(index, d.below(2)))
		left = slices.DeleteFunc(left, func(i int) bool { return i == index })
	}
	return out
}
