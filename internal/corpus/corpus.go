// Package corpus writes the texts that the embedded base model is pretrained on: plain business
// English of invented companies, from a grammar. Style, form and the shapes of questions repeat;
// names, numbers, places and periods vary, so that a model learns to write such documents and to
// answer such questions, and knows the facts of none that it has not been shown.
//
// Everything is a function of the seed: document i is the same text on every machine and however
// many were read before it. The text is ASCII.
package corpus

import (
	"iter"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Documents yields Markdown and plain-text documents without end.
func Documents(seed uint64) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := uint64(0); yield(document(seed, roll(seed, "document", i))); i++ {
		}
	}
}

// Conversations yields chats without end; each ends with the assistant's turn.
func Conversations(seed uint64) iter.Seq[[]datasets.Message] {
	return func(yield func([]datasets.Message) bool) {
		for i := uint64(0); yield(conversation(seed, roll(seed, "conversation", i))); i++ {
		}
	}
}

// writer is a document in the making.
type writer struct {
	*scope
	world *world
	text  strings.Builder
}

// genres are the kinds of documents with their weights.
var genres = []struct {
	weight int
	write  func(*writer)
}{
	{18, policy}, {20, faq}, {9, handbook}, {9, product}, {8, meeting}, {7, runbook},
	{7, incident}, {6, contract}, {5, memo}, {5, procedure}, {3, glossary},
}

func document(seed uint64, d dice) string {
	total := 0
	for _, g := range genres {
		total += g.weight
	}
	w := &writer{world: newWorld(seed, d)}
	w.scope = newScope(d, &scope{dice: d, names: w.world.names})
	x := d.below(total)
	for _, g := range genres {
		if x -= g.weight; x < 0 {
			g.write(w)
			break
		}
	}
	return strings.TrimRight(w.text.String(), "\n") + "\n"
}

// block writes a paragraph, heading or list and the empty line after it.
func (w *writer) block(text string) {
	w.text.WriteString(text)
	w.text.WriteString("\n\n")
}

// title writes an expansion of symbol as the heading of the document. It names the companies
// that come up again, whose facts are to be learnt.
func (w *writer) title(symbol string) {
	title, company := capital(w.say(symbol)), w.say("company")
	if w.world.known && !strings.Contains(title, company) {
		title = company + ": " + title
	}
	w.block("# " + title)
}

func (w *writer) heading(text string) { w.block("## " + capital(text)) }

// sentences returns n expansions of a symbol as one paragraph.
func (w *writer) sentences(symbol string, n int) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = w.say(symbol)
	}
	return strings.Join(lines, " ")
}

// list writes n expansions of symbol as a list, numbered or not.
func (w *writer) list(symbol string, n int, numbered bool) {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = capital(w.say(symbol))
	}
	w.items(lines, numbered)
}

func (w *writer) items(lines []string, numbered bool) {
	for i, line := range lines {
		mark := "- "
		if numbered {
			mark = thousands(i+1) + ". "
		}
		w.text.WriteString(mark + line + "\n")
	}
	w.text.WriteString("\n")
}

// close writes the last lines of a document, more often than not.
func (w *writer) close() {
	if w.dice.chance(60) {
		w.block(w.say("closing"))
	}
	if w.dice.chance(20) {
		w.block(w.say("contact"))
	}
	if w.dice.chance(25) {
		w.block(w.say("footer"))
	}
}
