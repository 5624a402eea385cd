package chat

import (
	"regexp"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// thoughtsTag is what begins a model's thoughts: <think> of most, [THINK] of Mistral's, and the white space after it.
type thoughtsTag struct{ open, shut, space string }

var begins = regexp.MustCompile(`(?:<(think|thinking|thought|reasoning)>|\[(THINK)\])(\s*)$`)

// begunThoughts divides a generation prompt that begins the thoughts.
func begunThoughts(prompt string) (head string, tag thoughtsTag, ok bool) {
	m := begins.FindStringSubmatchIndex(prompt)
	if m == nil {
		return "", thoughtsTag{}, false
	}
	tag.space = prompt[m[6]:m[7]]
	if m[2] >= 0 {
		name := prompt[m[2]:m[3]]
		tag.open, tag.shut = "<"+name+">", "</"+name+">"
	} else {
		tag.open, tag.shut = "[THINK]", "[/THINK]"
	}
	return prompt[:m[0]], tag, true
}

// close writes thoughts behind the tag that begins them, and what ends them. With white space after
// the tag that is as Qwen3 and DeepSeek-R1 write it: a line for the tag, and an empty one before the
// answer. Without thoughts they end at once: no token of the prompt becomes another one.
func (t thoughtsTag) close(thoughts string) string {
	switch {
	case t.space == "":
		return thoughts + t.shut
	case thoughts == "":
		return t.shut + "\n\n"
	}
	return thoughts + "\n" + t.shut + "\n\n"
}

// join returns an answer behind the tag: its thoughts, what ends them and what the template writes of
// the rest. A template that writes thoughts as well begins them with the tag once more.
func (t thoughtsTag) join(m datasets.Message, rest string) string {
	if inner, ok := strings.CutPrefix(rest, t.open); ok {
		return strings.TrimLeft(inner, "\n ")
	}
	said := thoughts(m, t)
	if said != "" {
		rest = strings.TrimLeft(rest, "\n")
	}
	return t.close(said) + rest
}

// thoughts returns those of a message, be they in its content or beside it.
func thoughts(m datasets.Message, tag thoughtsTag) string {
	if m.Reasoning != "" {
		return strings.Trim(m.Reasoning, "\n")
	}
	head, _, ok := strings.Cut(m.Content, tag.shut)
	if !ok {
		return ""
	}
	_, inner, ok := strings.Cut(head, tag.open)
	if !ok {
		inner = head
	}
	return strings.Trim(inner, "\n")
}
