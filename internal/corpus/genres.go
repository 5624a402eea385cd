package corpus

import (
	"fmt"
	"strings"
)

// areas of facts and what a heading calls them.
var areas = []struct{ name, word string }{
	{"records", "records"}, {"quality", "quality"}, {"support", "customer support"}, {"travel", "travel"},
	{"hr", "working hours and leave"}, {"security", "information security"}, {"it", "systems"},
	{"product", "products"}, {"finance", "purchasing and payment"}, {"facilities", "buildings and rooms"},
	{"legal", "contracts"},
}

// subject binds the document's area and returns its name.
func (w *writer) subject() string {
	a := areas[w.dice.below(len(areas))]
	w.names["area.word"] = a.word
	return a.name
}

// told returns statements of facts with rules between them, as one paragraph.
func (w *writer) told(facts []*fact) string {
	var out []string
	for _, f := range facts {
		out = append(out, f.statement(w.scope))
		if w.dice.chance(45) {
			out = append(out, w.say("rule"))
		}
	}
	return strings.Join(out, " ")
}

func policy(w *writer) {
	area := w.subject()
	w.title("title.policy")
	w.block(w.sentences("purpose", w.dice.between(1, 2)))
	facts := w.world.facts(w.dice, area, w.dice.between(2, 5))
	half := (len(facts) + 1) / 2
	w.heading(w.names["area.word"])
	w.block(w.told(facts[:half]))
	if w.dice.chance(50) {
		w.list("rule", w.dice.between(2, 4), false)
	}
	w.heading(w.say("agenda"))
	w.block(w.told(facts[half:]) + " " + w.say("rule"))
	if w.dice.chance(55) {
		w.heading("Questions")
		w.answers(facts)
	}
	w.close()
}

// The forms of a question and its answer in a document; the first is the one the sample
// documents have, and the most frequent.
var faqForms = []string{
	"**Q: %s**\n\nA: %s", "**Q: %s**\n\nA: %s", "**Q: %s**\n\nA: %s", "### %s\n\n%s", "Q: %s\nA: %s", "**%s** %s",
}

// answers writes questions and answers about facts, all in one form.
func (w *writer) answers(facts []*fact) {
	form := faqForms[w.dice.below(len(faqForms))]
	for _, f := range facts {
		answer := f.answer(w.scope)
		if w.dice.chance(10) {
			answer += " " + w.say("rule")
		}
		w.block(fmt.Sprintf(form, f.question(w.scope), answer))
	}
}

func faq(w *writer) {
	area := ""
	if w.subject(); w.dice.chance(50) {
		area = w.subject()
	}
	w.title("title.faq")
	if w.dice.chance(40) {
		w.block(w.say("purpose"))
	}
	w.answers(w.world.facts(w.dice, area, w.dice.between(3, 8)))
	w.close()
}

func handbook(w *writer) {
	w.subject()
	w.title("title.handbook")
	w.block(w.say("purpose") + " " + w.say("rule"))
	for range w.dice.between(2, 3) {
		area := w.subject()
		w.heading(w.names["area.word"])
		w.block(w.told(w.world.facts(w.dice, area, w.dice.between(1, 3))))
		w.block(w.sentences("rule", w.dice.between(1, 3)))
	}
	w.close()
}

func product(w *writer) {
	w.title("title.product")
	w.block(w.sentences("feature", w.dice.between(2, 4)))
	facts := w.world.facts(w.dice, "product", w.dice.between(2, 5))
	lines := make([]string, len(facts))
	for i, f := range facts {
		lines[i] = f.statement(w.scope)
	}
	switch w.dice.below(4) {
	case 0:
		w.block(strings.Join(lines, " "))
	case 1:
		w.block(strings.Join(lines, " "))
		w.table()
	default:
		w.heading("Data")
		w.items(lines, false)
	}
	w.heading("Care")
	w.block(w.sentences("care", w.dice.between(2, 4)))
	if w.dice.chance(45) {
		w.answers(facts)
	}
	w.close()
}

// table writes a table of names and numbers.
func (w *writer) table() {
	rows := []string{"| Part | Number | Price |", "| --- | --- | --- |"}
	for range w.dice.between(2, 5) {
		rows = append(rows, w.expand("| {goods} | {code.new} | {#5-400} {currency} |"))
	}
	w.block(strings.Join(rows, "\n"))
}

func meeting(w *writer) {
	w.title("title.meeting")
	w.block(w.expand("Present: {person}, {person}, {person} and {person}. {apology}"))
	for range w.dice.between(2, 3) {
		w.heading(w.say("agenda"))
		text := w.sentences("story", w.dice.between(1, 3))
		if w.dice.chance(50) {
			text += " " + w.told(w.world.facts(w.dice, "", 1))
		}
		w.block(text + " " + w.say("decision"))
	}
	w.heading("Actions")
	w.list("action", w.dice.between(2, 4), false)
	if w.dice.chance(30) {
		w.block(w.say("next.meeting"))
	}
}

func runbook(w *writer) {
	w.title("title.runbook")
	w.block(w.told(w.world.facts(w.dice, "it", w.dice.between(1, 2))))
	w.heading("Steps")
	w.list("imperative", w.dice.between(4, 7), true)
	w.heading("If it does not help")
	w.block(w.told(w.world.facts(w.dice, "support", w.dice.between(1, 2))) + " " + w.say("rule"))
	w.close()
}

func incident(w *writer) {
	w.title("title.incident")
	w.block(w.sentences("impact", 2) + " " + w.say("cause"))
	w.heading("Timeline")
	hour, minute := w.dice.between(5, 20), w.dice.below(60)
	var lines []string
	for range w.dice.between(3, 6) {
		lines = append(lines, fmt.Sprintf("%02d:%02d %s", hour, minute, capital(w.say("timeline"))))
		minute += w.dice.between(1, 40)
		hour, minute = hour+minute/60, minute%60
	}
	w.items(lines, false)
	w.heading("What we change")
	w.block(w.sentences("rule", 2))
	w.list("action", w.dice.between(1, 3), false)
	if w.dice.chance(50) {
		w.block(w.told(w.world.facts(w.dice, "security", 1)))
	}
}

func contract(w *writer) {
	w.title("title.contract")
	w.block(w.expand("Between {company}, {town}, the buyer, and {company.new}, the supplier."))
	facts := w.world.facts(w.dice, "legal", w.dice.between(2, 4))
	for i, f := range facts {
		w.heading(fmt.Sprintf("%d. %s", i+1, w.say("clause.title")))
		w.block(w.sentences("clause", w.dice.between(1, 2)) + " " + f.statement(w.scope))
	}
	if w.dice.chance(30) {
		w.block(w.told(w.world.facts(w.dice, "finance", 1)))
	}
	w.block(w.expand("{Town}, {date}. Signed by {role} and by {person}."))
}

func memo(w *writer) {
	w.title("title.memo")
	w.block(w.say("greeting"))
	w.block(w.sentences("story", w.dice.between(2, 4)))
	w.block(w.told(w.world.facts(w.dice, "", w.dice.between(1, 2))) + " " + w.say("invite"))
	if w.dice.chance(50) {
		w.block(w.sentences("story", 2) + " " + w.say("invite"))
	}
	w.block(w.say("farewell"))
}

func procedure(w *writer) {
	w.title("title.procedure")
	w.block(w.say("purpose") + " " + w.told(w.world.facts(w.dice, "quality", 1)))
	w.list("imperative", w.dice.between(4, 8), true)
	w.block(w.told(w.world.facts(w.dice, "", w.dice.between(1, 2))))
	w.close()
}

func glossary(w *writer) {
	w.title("title.glossary")
	for range w.dice.between(4, 8) {
		w.block("**" + capital(w.say("term.word")) + "**: " + w.say("definition"))
	}
	w.close()
}
