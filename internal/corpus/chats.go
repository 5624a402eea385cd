package corpus

import (
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// chat is a conversation in the making.
type chat struct {
	*scope
	world    *world
	messages []datasets.Message
}

// kindsOfChat with their weights. Most are one plain question and its answer in one sentence.
var kindsOfChat = []struct {
	weight int
	hold   func(*chat)
}{
	{46, plainQuestion}, {22, questionWithText}, {12, severalQuestions}, {6, definitionChat},
	{5, stepsChat}, {5, writingChat}, {2, helloChat},
}

func conversation(seed uint64, d dice) []datasets.Message {
	total := 0
	for _, k := range kindsOfChat {
		total += k.weight
	}
	c := &chat{world: newWorld(seed, d)}
	c.scope = newScope(d, &scope{dice: d, names: c.world.names})
	if d.chance(12) {
		c.add("system", c.say("system"))
	}
	x := d.below(total)
	for _, k := range kindsOfChat {
		if x -= k.weight; x < 0 {
			k.hold(c)
			break
		}
	}
	return c.messages
}

func (c *chat) add(role, content string) {
	c.messages = append(c.messages, datasets.Message{Role: role, Content: content})
}

func (c *chat) turn(user, assistant string) {
	c.add("user", user)
	c.add("assistant", assistant)
}

// ask words a question about f. The companies that come up again are named, or else the
// question would have many answers.
func (c *chat) ask(f *fact) string {
	question := f.question(c.scope)
	c.names["question"] = question
	c.names["asked"] = strings.ToLower(question[:1]) + question[1:]
	if c.world.known && c.dice.chance(85) {
		return c.say("ask.named")
	}
	return c.say("polite")
}

func plainQuestion(c *chat) {
	f := c.world.facts(c.dice, "", 1)[0]
	c.turn(c.ask(f), f.answer(c.scope))
}

func severalQuestions(c *chat) {
	for _, f := range c.world.facts(c.dice, "", c.dice.between(2, 3)) {
		c.turn(c.ask(f), f.answer(c.scope))
	}
	if c.dice.chance(40) {
		c.turn(c.say("thanks"), c.say("welcome"))
	}
}

// questionWithText gives a text with a few facts and asks for one of them, or now and then for
// one that is not there.
func questionWithText(c *chat) {
	facts := c.world.facts(c.dice, "", c.dice.between(3, 5))
	asked, given := facts[0], facts
	answer := asked.answer(c.scope)
	if c.dice.chance(8) {
		given, answer = facts[1:], c.say("missing")
	}
	first := c.dice.below(len(given))
	var lines []string
	for i := range given {
		lines = append(lines, given[(first+i)%len(given)].statement(c.scope))
		if c.dice.chance(25) {
			lines = append(lines, c.say("rule"))
		}
	}
	c.names["text"] = strings.Join(lines, " ")
	c.names["question"] = asked.question(c.scope)
	c.turn(c.say("ask.context"), answer)
}

func definitionChat(c *chat) {
	c.names["term"] = c.say("term.word")
	c.turn(c.say("ask.define"), c.say("definition"))
}

func stepsChat(c *chat) {
	var steps []string
	for i := range c.dice.between(3, 5) {
		steps = append(steps, thousands(i+1)+". "+c.say("imperative"))
	}
	c.turn(c.say("ask.steps"), strings.Join(steps, "\n"))
}

func writingChat(c *chat) {
	c.turn(c.say("ask.write"), c.say("rule")+" "+c.say("story"))
}

func helloChat(c *chat) { c.turn(c.say("hello"), c.say("hello.reply")) }
