package corpus

import (
	"fmt"
	"strconv"
	"strings"
)

// scope expands text: its dice choose, its names remember what {x=…} bound. Names of the outer
// scope are seen through.
type scope struct {
	dice  dice
	names map[string]string
	outer *scope
}

func newScope(d dice, outer *scope) *scope {
	return &scope{dice: d, names: make(map[string]string), outer: outer}
}

// say expands one line of symbol.
func (s *scope) say(symbol string) string { return s.expand("{" + symbol + "}") }

// expand replaces the slots of text.
func (s *scope) expand(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		slot, after, closed := strings.Cut(rest, "}")
		if !closed {
			panic(fmt.Sprintf("corpus: open slot in %q", text))
		}
		out.WriteString(s.slot(slot))
		text = after
	}
}

func (s *scope) slot(slot string) string {
	if slot[0] == '#' {
		return s.number(slot[1:])
	}
	if form, name, ok := strings.Cut(slot, " "); ok {
		return inflect(form, s.slot(name))
	}
	name := strings.ToLower(slot)
	value := ""
	if variable, symbol, ok := strings.Cut(name, "="); ok {
		value = s.lookup(symbol)
		s.names[variable] = value
	} else {
		value = s.lookup(name)
	}
	if name[0] != slot[0] {
		return capital(value)
	}
	return value
}

func (s *scope) lookup(name string) string {
	for at := s; at != nil; at = at.outer {
		if value, ok := at.names[name]; ok {
			return value
		}
	}
	r, ok := language.rules[name]
	if !ok {
		panic("corpus: no symbol " + name)
	}
	return s.expand(r.pick(s.dice))
}

// number expands "low-high" or "low-high/step".
func (s *scope) number(form string) string {
	span, by, stepped := strings.Cut(form, "/")
	from, to, _ := strings.Cut(span, "-")
	step := 1
	if stepped {
		step = atoi(by)
	}
	low, high := atoi(from), atoi(to)
	return thousands(low + step*s.dice.between(0, (high-low)/step))
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("corpus: " + err.Error())
	}
	return n
}

// thousands writes n in digits with a comma from 1,000 upwards.
func thousands(n int) string {
	s := strconv.Itoa(n)
	if n < 1000 {
		return s
	}
	return thousands(n/1000) + "," + s[len(s)-3:]
}

// inflect applies the form of a slot; see grammar.
func inflect(form, word string) string {
	switch form {
	case "a":
		return article(word)
	case "A":
		return capital(article(word))
	case "s":
		return plural(word)
	case "S":
		return capital(plural(word))
	case "3":
		return onVerb(word, withS)
	case "ed":
		return onVerb(word, past)
	case "en":
		return onVerb(word, participle)
	case "ing":
		return onVerb(word, gerund)
	case "Ing":
		return capital(onVerb(word, gerund))
	}
	panic("corpus: no form " + form)
}
