package chat

import (
	"fmt"
	"iter"

	"github.com/cultivar/cultivar/datasets"
)

// resolved is how many conversations of several turns Resolve renders: a template is the same to all.
const resolved = 100

// Resolve says what Auto means for conversations, and why, in words for people. Another TrainOn is
// returned as it is. It looks at conversations in which more than one turn is learned, the first
// hundred of them; [Encoder.Conversation] decides for each.
func (e *Encoder) Resolve(rows iter.Seq[datasets.Conversation]) (TrainOn, string) {
	if on := e.trainOn(); on != Auto {
		return on, "as configured"
	}
	several, apart := 0, 0
	for c := range rows {
		if several == resolved {
			break
		}
		p, err := e.plan(c)
		if err != nil || len(p.learned) < 2 {
			continue
		}
		several++
		if p.part != nil {
			apart++
		}
	}
	switch {
	case several == 0:
		return All, "no conversation has several turns to learn"
	case apart == 0:
		return All, "the template writes a turn the same whether or not more follow"
	case apart == several:
		return EveryTurn, "the template writes a turn differently when more follow"
	}
	return EveryTurn, fmt.Sprintf("the template writes a turn differently when more follow, in %d of %d conversations looked at; the others are one sequence each", apart, several)
}
