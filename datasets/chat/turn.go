package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
	"github.com/cultivar/cultivar/internal/humanize"
)

// span is a range of bytes of the rendered text.
type span struct{ start, end int }

// turn is one of the assistant's turns as at generation time: what the model reads, and what it is
// to write then.
type turn struct {
	prompt string
	answer string // all the template writes
	end    int    // of answer, up to which it is trained: behind the token that ends the turn
	stop   *int32 // what is put after it where the template ends it with nothing
}

// plan is how a conversation is cut into turns.
type plan struct {
	e        *Encoder
	messages []datasets.Message
	tools    any
	learned  []int // the messages that are
	// Of all turns in one sequence:
	full  string
	spans []span // of learned
	stop  *int32 // of the last one
	part  error  // why the turns cannot be told apart there
}

// plan finds the turns of a conversation.
func (e *Encoder) plan(c datasets.Conversation) (*plan, error) {
	if e.Template == nil {
		return nil, ErrNoTemplate
	}
	if c.Kind() == datasets.KindPreference {
		return nil, errors.New("a pair of answers is there to be compared, not to be learned")
	}
	p := &plan{e: e, messages: slices.Concat(c.Messages, c.Completion)}
	var err error
	if p.tools, err = parseTools(c.Tools); err != nil {
		return nil, err
	}
	first := 0
	if len(c.Completion) > 0 {
		first = len(c.Messages)
	}
	for i := first; i < len(p.messages); i++ {
		learn, err := learned(p.messages[i])
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		if learn {
			p.learned = append(p.learned, i)
		}
	}
	if on := e.trainOn(); len(p.learned) > 0 && (on == Auto || on == All) {
		return p, p.join()
	}
	return p, nil
}

// learned reports whether a message is the assistant's and to be learned.
func learned(m datasets.Message) (bool, error) {
	if m.Role != assistant {
		if m.Train != nil && *m.Train {
			return false, errors.New("is marked to be learned, and only the assistant's messages are")
		}
		return false, nil
	}
	return m.Train == nil || *m.Train, nil
}

// join finds the turns in the rendering of the whole conversation: what the template marks, or where
// it writes each turn as at generation time.
func (p *plan) join() error {
	out, err := p.e.Template.render(p.input(len(p.messages), false))
	if err != nil {
		return p.refusal(len(p.messages)-1, err)
	}
	p.full = out.Text
	if p.e.Template.forTools(p.tools).Generation() {
		p.spans, p.part = p.marked(out.Generation)
		for _, i := range p.learned {
			if err := p.shown(i, turn{prompt: p.full, answer: p.full}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, i := range p.learned {
		t, err := p.turn(i)
		if err != nil {
			return err
		}
		if p.part = p.fits(i, t); p.part != nil {
			return nil
		}
		p.stop = t.stop
		p.spans = append(p.spans, span{len(t.prompt), len(t.prompt) + t.end})
	}
	return nil
}

// marked picks what the template marks of the turns that are learned.
func (p *plan) marked(marks []jinja.Span) ([]span, error) {
	var turns []int
	for i, m := range p.messages {
		if m.Role == assistant {
			turns = append(turns, i)
		}
	}
	if len(turns) != len(p.learned) && len(turns) != len(marks) {
		return nil, errors.New("the template's marks do not say which turns are to be left out" + wayOut)
	}
	var spans []span
	for k, g := range marks {
		if len(turns) == len(p.learned) || slices.Contains(p.learned, turns[k]) {
			spans = append(spans, span{g.Start, g.End})
		}
	}
	if len(spans) == 0 {
		return nil, fmt.Errorf("%w%s", ErrNothingTrained, p.outline())
	}
	return spans, nil
}

// wayOut names the option that trains conversations whose turns cannot be told apart in one sequence.
const wayOut = " (train_on: every_turn trains each in a sequence of its own)"

// fits says why a turn does not stand in the whole conversation as at generation time.
func (p *plan) fits(i int, t turn) error {
	switch {
	case !strings.HasPrefix(p.full, t.prompt):
		return fmt.Errorf("message %d: the template writes what comes before it differently when more messages follow%s%s", i+1, wayOut, p.outline())
	case !strings.HasPrefix(p.full[len(t.prompt):], t.answer[:t.end]):
		return fmt.Errorf("message %d: the template writes it differently when more messages follow%s%s", i+1, wayOut, p.outline())
	case t.stop != nil && p.e.trainOn() == Auto && len(p.learned) > 1:
		return fmt.Errorf("message %d: the template ends it with nothing%s", i+1, wayOut)
	}
	return nil
}

func (p *plan) input(n int, prompt bool) Input {
	return Input{Messages: p.messages[:n], Tools: p.tools, AddGenerationPrompt: prompt}
}

// turn renders a turn as at generation time.
func (p *plan) turn(i int) (turn, error) {
	before, err := p.e.Template.Render(p.input(i, true))
	if err != nil {
		return turn{}, p.refusal(i, err)
	}
	after, err := p.e.Template.render(p.input(i+1, false))
	if err != nil {
		return turn{}, p.refusal(i, err)
	}
	if p.e.Template.forTools(p.tools).Generation() {
		return p.markedTurn(i, before, after)
	}
	t := turn{prompt: before}
	if t.answer, err = p.answer(i, before, after.Text); err != nil {
		return turn{}, err
	}
	if err := p.shown(i, t); err != nil {
		return turn{}, err
	}
	return p.close(i, t)
}

// markedTurn is a turn of a template that marks what the assistant says.
func (p *plan) markedTurn(i int, before string, after jinja.Output) (turn, error) {
	if len(after.Generation) == 0 {
		return turn{}, fmt.Errorf("message %d: %w%s", i+1, ErrNothingTrained, p.outline())
	}
	last := after.Generation[len(after.Generation)-1]
	start := last.Start
	if strings.HasPrefix(after.Text, before) {
		// A template may mark the generation prompt as well.
		k := slices.IndexFunc(after.Generation, func(g jinja.Span) bool { return g.End > len(before) })
		if k < 0 {
			return turn{}, fmt.Errorf("message %d: %w%s", i+1, ErrNothingTrained, p.outline())
		}
		start = max(after.Generation[k].Start, len(before))
	}
	t := turn{prompt: after.Text[:start], answer: after.Text[start:], end: last.End - start}
	return t, p.shown(i, t)
}

// answer returns what the template writes of a message after its generation prompt. Where the prompt
// has begun the thoughts, of which the template then shows nothing, they come first: the message's
// own, or none, and what closes them. A template that writes what stands before the prompt
// differently than before a turn has the prompt there all the same, which then has to have a token
// that no message has.
func (p *plan) answer(i int, before, after string) (string, error) {
	if rest, ok := strings.CutPrefix(after, before); ok {
		return rest, nil
	}
	head, begun, ok := begunThoughts(before)
	if rest, fits := strings.CutPrefix(after, head); ok && fits {
		return begun.join(p.messages[i], rest), nil
	}
	prompt, err := p.prompt(i, before)
	if err != nil {
		return "", err
	}
	if at := strings.LastIndex(after, prompt); at >= 0 && slices.ContainsFunc(p.e.Tokenizer.Encode(prompt, false), p.e.Tokenizer.IsSpecial) {
		return after[at+len(prompt):], nil
	}
	return "", fmt.Errorf("message %d: the template's generation prompt%s is not how it begins an assistant's turn (they part at byte %d of %d): train with a chat_template of which it is%s",
		i+1, p.shownPrompt(i), common(before, after), len(before), p.outline())
}

// prompt returns what the template adds to a conversation to have message i written.
func (p *plan) prompt(i int, before string) (string, error) {
	plain, err := p.e.Template.Render(p.input(i, false))
	if err != nil {
		return "", p.refusal(i, err)
	}
	prompt, _ := strings.CutPrefix(before, plain)
	if len(prompt) == len(before) && plain != "" {
		return "", nil
	}
	return prompt, nil
}

// shown refuses a message of which the template leaves out what is to be learned.
func (p *plan) shown(i int, t turn) error {
	m := p.messages[i]
	if r := strings.TrimSpace(m.Reasoning); r != "" && !strings.Contains(t.answer, r) {
		return fmt.Errorf("message %d: the template leaves out its reasoning, which may stand in its content, or train with another chat_template", i+1)
	}
	for _, c := range m.ToolCalls {
		if !strings.Contains(t.answer, c.Name) {
			return fmt.Errorf("message %d: the template leaves out its tool_calls", i+1)
		}
	}
	for _, name := range toolNames(p.tools) {
		if !strings.Contains(t.prompt, name) {
			return errors.New("the template leaves out the tools")
		}
	}
	return nil
}

// refusal is why the template does not render a conversation up to message i.
func (p *plan) refusal(i int, err error) error {
	var said *jinja.Exception
	if errors.As(err, &said) {
		return fmt.Errorf("message %d: the template refuses the conversation up to it: %w", i+1, err)
	}
	return fmt.Errorf("message %d: %w", i+1, err)
}

// outline shows what a template makes of a conversation, for errors: the text with a number in place
// of each message's words, which belong into no error. It is "" when the template refuses that.
func (p *plan) outline() string {
	const most = 6 // messages: what is wrong shows in the first turns
	text, err := p.e.Template.Render(Input{Messages: p.numbered(most)})
	if err != nil || text == "" {
		return ""
	}
	return fmt.Sprintf("; it renders %q", humanize.Excerpt(text, 400))
}

// shownPrompt is the generation prompt before message i for errors, "" when the template gives none to an outline.
func (p *plan) shownPrompt(i int) string {
	in := Input{Messages: p.numbered(i)}
	before, err := p.e.Template.Render(in)
	in.AddGenerationPrompt = true
	after, err2 := p.e.Template.Render(in)
	prompt, ok := strings.CutPrefix(after, before)
	if err != nil || err2 != nil || !ok {
		return ""
	}
	return fmt.Sprintf(" %q", humanize.Excerpt(prompt, 80))
}

// numbered are the first n messages with a number in place of their words.
func (p *plan) numbered(n int) []datasets.Message {
	list := make([]datasets.Message, min(len(p.messages), n))
	for i := range list {
		list[i] = datasets.Message{Role: p.messages[i].Role, Content: fmt.Sprintf("[message %d]", i+1)}
	}
	return list
}

// common returns how many bytes a and b have in common at the start.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
