package corpus

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed grammar/*.txt
var grammarFiles embed.FS

// rule is what a symbol of the grammar expands to: one of its lines, by weight.
type rule struct {
	lines  []string
	limits []int // running sums of the lines' weights
}

func (r *rule) add(line string) {
	weight := 1
	if w, rest, ok := strings.Cut(line, "* "); ok {
		if n, err := strconv.Atoi(w); err == nil {
			weight, line = n, rest
		}
	}
	sum := weight
	if n := len(r.limits); n > 0 {
		sum += r.limits[n-1]
	}
	r.lines = append(r.lines, strings.ReplaceAll(line, `\n`, "\n"))
	r.limits = append(r.limits, sum)
}

func (r *rule) pick(d dice) string {
	x := d.below(r.limits[len(r.limits)-1])
	for i, limit := range r.limits {
		if x < limit {
			return r.lines[i]
		}
	}
	panic("corpus: weights do not add up")
}

// grammar holds the symbols and the kinds of facts of grammar/*.txt. The files have a section
// per symbol, "[name]", with one expansion a line; "3* " before a line is its weight. Facts are
// in sections "[[name]]"; see fact. In an expansion a slot stands in braces:
//
//	{name}      an expansion of name; {Name} with its first letter in upper case
//	{a name}    with its article, {A name} the same in upper case
//	{s name}    in the plural
//	{3 name}    a verb in the third person; {ed name} past, {en name} participle, {ing name}
//	{x=name}    an expansion that {x} repeats from then on in the same scope
//	{#2-9}      a number of that range; {#100-900/50} in steps of 50
type grammar struct {
	rules map[string]*rule
	facts []*kind
}

// language is parsed once; a mistake in the embedded files is a bug, which the tests find.
var language = mustParse()

func mustParse() *grammar {
	g := &grammar{rules: make(map[string]*rule)}
	files, err := grammarFiles.ReadDir("grammar")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		text, err := grammarFiles.ReadFile("grammar/" + f.Name())
		if err != nil {
			panic(err)
		}
		if err := g.parse(string(text)); err != nil {
			panic(fmt.Sprintf("corpus: %s: %v", f.Name(), err))
		}
	}
	return g
}

func (g *grammar) parse(text string) error {
	var symbol *rule
	var fact *kind
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case strings.HasPrefix(line, "[["):
			fact = &kind{name: strings.Trim(line, "[]"), weight: 1}
			g.facts = append(g.facts, fact)
		case strings.HasPrefix(line, "["):
			symbol, fact = &rule{}, nil
			g.rules[strings.Trim(line, "[]")] = symbol
		case fact != nil:
			if err := fact.add(line); err != nil {
				return fmt.Errorf("line %d: %w", n+1, err)
			}
		case symbol != nil:
			symbol.add(line)
		default:
			return fmt.Errorf("line %d: text before the first section", n+1)
		}
	}
	return nil
}
