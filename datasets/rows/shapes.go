package rows

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/strictjson"
)

// shape finds out what a row is, and reads it. Of a row that could be several things the earlier
// wins, and what the others would need remains as a key that does not belong there.
func (r *row) shape(e *datasets.Example) error {
	r.dropEmpty()
	c := &e.Conversation
	var err error
	switch turns := r.first("messages", "conversations", "conversation"); {
	case r.has("chosen") || r.has("rejected"):
		err = r.preference(c)
	case turns != "":
		err = r.conversation(c, turns)
	case r.first(prompts...) != "" && r.first(answers...) != "":
		err = r.answered(c)
	case r.has("text"):
		f := r.get("text")
		if e.Text, err = strictjson.Text(f.raw); err != nil {
			err = fmt.Errorf("%q is %w, want a text", f.key, err)
		}
		return err
	case r.first(prompts...) != "":
		return r.lacks(fmt.Sprintf("has a %q and no answer to it: no \"completion\", \"response\", \"answer\" or \"output\"", r.first(prompts...)))
	default:
		return r.lacks(`has none of the keys "text", "messages", "conversations", "prompt" with "completion", or "chosen" with "rejected"`)
	}
	if err != nil {
		return err
	}
	return r.around(c)
}

var (
	prompts = []string{"prompt", "question", "query", "instruction"}
	answers = []string{"completion", "response", "answer", "output"}
)

// dropEmpty takes away a text or a list of messages that is empty beside the other, as a table with
// rows of both kinds has them, and the empty keys of Alpaca's format.
func (r *row) dropEmpty() {
	empty := func(f *field) bool { s := strictjson.Compact(f.raw); return s == `""` || s == "[]" }
	content := slices.ContainsFunc(r.fields, func(f field) bool {
		return !empty(&f) && !strictjson.IsNull(f.raw) && (f.name == "text" || slices.Contains(decisive, f.name))
	})
	for i := range r.fields {
		f := &r.fields[i]
		optional := slices.Contains([]string{"system", "input", "history", "tools", "functions", "privileged_context"}, f.name)
		if empty(f) && (optional || content && (f.name == "text" || f.name == "messages")) {
			f.raw = []byte("null")
		}
	}
}

func (r *row) conversation(c *datasets.Conversation, name string) (err error) {
	f := r.get(name)
	if c.Messages, err = r.messages(f); err != nil {
		return err
	}
	if !slices.ContainsFunc(c.Messages, isAssistant) {
		return fmt.Errorf("%q has no message of the assistant: there is no answer to learn", f.key)
	}
	if c.Label, err = r.label(); err != nil || c.Label == nil {
		return err
	}
	last := len(c.Messages) - 1
	if last == 0 || !isAssistant(c.Messages[last]) {
		return fmt.Errorf("%q does not end with a question and the answer that the label is about", f.key)
	}
	c.Messages, c.Completion = c.Messages[:last], c.Messages[last:]
	if unlearned(c.Completion[0]) {
		return fmt.Errorf("%q ends with a message with a weight of 0: it is the answer that is judged", f.key)
	}
	return nil
}

func isAssistant(m datasets.Message) bool { return m.Role == "assistant" }

// answered reads a prompt with its answer, and Alpaca's instructions.
func (r *row) answered(c *datasets.Conversation) error {
	f := r.get(r.first(answers...))
	answer, err := r.turns(f, "assistant")
	if err != nil {
		return err
	}
	if !isAssistant(answer[0]) || !isAssistant(answer[len(answer)-1]) {
		return fmt.Errorf("%q is not an answer of the assistant", f.key)
	}
	if c.Messages, err = r.prompt(); err != nil {
		return err
	}
	if c.Label, err = r.label(); err != nil {
		return err
	}
	history, err := r.history()
	if err != nil {
		return err
	}
	if len(history) > 0 { // its answers are learned too
		if c.Label != nil {
			return errors.New(`"history" does not go with a label`)
		}
		c.Messages = slices.Concat(history, c.Messages, answer)
		return nil
	}
	if c.Label != nil && slices.ContainsFunc(answer, unlearned) {
		return fmt.Errorf("%q has a message with a weight of 0: what is judged is the whole answer", f.key)
	}
	c.Completion = answer
	return nil
}

// prompt reads what the answer is to. Alpaca's input stands on a line of its own below the
// instruction, as LLaMA-Factory has it.
func (r *row) prompt() ([]datasets.Message, error) {
	f := r.get(r.first(prompts...))
	list, err := r.turns(f, "user")
	if err != nil || f.name != "instruction" {
		return list, err
	}
	if in := r.get("input"); in != nil {
		s, err := strictjson.Text(in.raw)
		if err != nil || strictjson.Kind(f.raw) != "a text" {
			return nil, fmt.Errorf("%q and %q are not both texts", f.key, in.key)
		}
		list[0].Content += "\n" + s
	}
	return list, nil
}

// history reads Alpaca's earlier turns: a list of pairs of question and answer.
func (r *row) history() ([]datasets.Message, error) {
	f := r.get("history")
	if f == nil {
		return nil, nil
	}
	raw, err := embedded(f)
	if err != nil {
		return nil, err
	}
	if k := strictjson.Kind(raw); k != "a list" {
		return nil, fmt.Errorf("%q is %w, want a list of questions and answers", f.key, k)
	}
	var list []datasets.Message
	for i, pair := range strictjson.Values(raw) {
		sides := strictjson.Values(pair)
		if len(sides) != 2 {
			return nil, fmt.Errorf("turn %d of %q is not a question and an answer", i+1, f.key)
		}
		for side, role := range []string{"user", "assistant"} {
			s, err := strictjson.Text(sides[side])
			if err != nil || strings.TrimSpace(s) == "" {
				return nil, fmt.Errorf("turn %d of %q: the content of the %s is empty or no text", i+1, f.key, role)
			}
			list = append(list, datasets.Message{Role: role, Content: s})
		}
	}
	return list, nil
}

// label reads KTO's judgement: true and false, or 1 and 0.
func (r *row) label() (*bool, error) {
	name := r.first("label", "kto_tag")
	if name == "" {
		return nil, nil
	}
	f := r.get(name)
	yes := false
	switch strings.ToLower(strings.Trim(strictjson.Compact(f.raw), `"`)) {
	case "true", "1", "1.0":
		yes = true
	case "false", "0", "0.0":
	default:
		return nil, fmt.Errorf("%q is neither true nor false", f.key)
	}
	return &yes, nil
}

// preference reads two answers to one prompt. Without a prompt, or with one that both repeat, the
// answers are whole conversations, and the prompt is what they have in common (TRL's implicit prompt).
func (r *row) preference(c *datasets.Conversation) error {
	chosen, rejected := r.get("chosen"), r.get("rejected")
	if chosen == nil || rejected == nil {
		return r.lacks(`has only one of "chosen" and "rejected"`)
	}
	var err error
	if c.Chosen, err = r.turns(chosen, "assistant"); err != nil {
		return err
	}
	if c.Rejected, err = r.turns(rejected, "assistant"); err != nil {
		return err
	}
	prompt, err := r.asked(c.Chosen)
	if err != nil {
		return err
	}
	at, same := 0, common(c.Chosen, c.Rejected)
	switch {
	case prompt == nil:
		at = same
		prompt = c.Chosen[:at]
	case !isAssistant(c.Chosen[0]) || !isAssistant(c.Rejected[0]):
		if at = repeated(prompt, c.Chosen[:same]); at == 0 {
			return errors.New(`"chosen" and "rejected" begin with another prompt than the row has`)
		}
		prompt = c.Chosen[:at]
	}
	if len(prompt) == 0 {
		return errors.New("has no prompt")
	}
	c.Messages, c.Chosen, c.Rejected = prompt, c.Chosen[at:], c.Rejected[at:]
	for _, side := range []struct {
		key    string
		answer []datasets.Message
	}{{chosen.key, c.Chosen}, {rejected.key, c.Rejected}} {
		if !isAssistant(side.answer[0]) || !isAssistant(side.answer[len(side.answer)-1]) {
			return fmt.Errorf("%q is not an answer of the assistant to the prompt", side.key)
		}
		if slices.ContainsFunc(side.answer, unlearned) {
			return fmt.Errorf("%q has a message with a weight of 0: what is compared is the whole answer", side.key)
		}
	}
	if reflect.DeepEqual(c.Chosen, c.Rejected) {
		return fmt.Errorf("%q and %q are the same answer: neither is to be preferred", chosen.key, rejected.key)
	}
	return nil
}

// unlearned tells whether a message is marked as one to leave out of the training.
func unlearned(m datasets.Message) bool { return m.Train != nil && !*m.Train }

// common counts the messages with which both begin; of each at least one remains.
func common(a, b []datasets.Message) int {
	n := 0
	for n < min(len(a), len(b))-1 && reflect.DeepEqual(a[n], b[n]) {
		n++
	}
	return n
}

// repeated returns where the prompt ends in what two conversations have in common; 0 when it is not
// there. A message of the system may stand before it.
func repeated(prompt, shared []datasets.Message) int {
	for end := len(prompt); end <= len(shared); end++ {
		if reflect.DeepEqual(prompt, shared[end-len(prompt):end]) {
			return end
		}
	}
	return 0
}

// asked returns the prompt that stands beside two answers; nil when there is none. Messages that
// repeat the whole chosen conversation are none.
func (r *row) asked(chosen []datasets.Message) ([]datasets.Message, error) {
	if name := r.first("messages", "conversations", "conversation"); name != "" {
		list, err := r.messages(r.get(name))
		if err != nil || !reflect.DeepEqual(list, chosen) {
			return list, err
		}
	}
	if r.first(prompts...) == "" {
		return nil, nil
	}
	return r.prompt()
}

// around reads what stands beside a conversation of any shape: the system's message and the tools.
func (r *row) around(c *datasets.Conversation) (err error) {
	if f := r.get("system"); f != nil {
		s, err := strictjson.Text(f.raw)
		if err != nil {
			return fmt.Errorf("%q is %w, want a text", f.key, err)
		}
		first := datasets.Message{Role: "system", Content: s}
		if len(c.Messages) == 0 || c.Messages[0].Role != "system" {
			c.Messages = slices.Concat([]datasets.Message{first}, c.Messages)
		} else if !reflect.DeepEqual(c.Messages[0], first) {
			return fmt.Errorf("%q is another than the message of the system", f.key)
		}
	}
	if c.PrivilegedContext, err = r.privileged(c); err != nil {
		return err
	}
	c.Tools, err = r.tools()
	return err
}

// privileged reads the passage that only a teacher sees.
func (r *row) privileged(c *datasets.Conversation) (string, error) {
	f := r.get("privileged_context")
	if f == nil {
		return "", nil
	}
	if k := c.Kind(); k != datasets.KindConversation && k != datasets.KindCompletion {
		return "", fmt.Errorf("%q does not go with the other keys, which make %s", f.key, article(k))
	}
	if !slices.ContainsFunc(c.Messages, func(m datasets.Message) bool { return m.Role == "user" }) {
		return "", fmt.Errorf("%q goes with a question of the user's, and there is none", f.key)
	}
	s, err := strictjson.Text(f.raw)
	if err != nil {
		return "", fmt.Errorf("%q is %w, want a text", f.key, err)
	}
	if strings.TrimSpace(s) == "" {
		return "", fmt.Errorf("%q is empty", f.key)
	}
	return s, nil
}

// tools returns the list of schemas as it was written, without white space around its parts. The
// elder "functions" become tools of type function, as OpenAI defines them.
func (r *row) tools() (string, error) {
	name := r.first("tools", "functions")
	if name == "" {
		return "", nil
	}
	f := r.get(name)
	raw, err := embedded(f)
	if err != nil {
		return "", err
	}
	if k := strictjson.Kind(raw); k != "a list" {
		return "", fmt.Errorf("%q is %w, want a list of schemas", f.key, k)
	}
	list := strictjson.Values(raw)
	out := make([]string, len(list))
	for i, raw := range list {
		if k := strictjson.Kind(raw); k != "an object" {
			return "", fmt.Errorf("tool %d of %q is %w, want an object", i+1, f.key, k)
		}
		out[i] = strictjson.Compact(raw)
		if name == "functions" {
			out[i] = `{"type":"function","function":` + out[i] + `}`
		}
	}
	if len(out) == 0 {
		return "", nil
	}
	return "[" + strings.Join(out, ",") + "]", nil
}
