// Package turns lets the stages of a run work on a conversation as they work on a text: it visits
// every text that stands in one, those in the JSON of tools and arguments among them, and writes a
// conversation as Markdown for people, signals and comparisons.
package turns

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets"
)

// Edit is called for each text: where it stands, as messages[1].content; the key it has in a JSON
// value, "" elsewhere; and the text. It returns what is to stand there.
type Edit func(where, key, text string) string

// Walk edits all texts of a conversation in place. Roles of the format, and the ids by which calls
// and answers find one another, are left.
func Walk(c *datasets.Conversation, edit Edit) {
	for _, side := range []struct {
		name string
		list []datasets.Message
	}{{"messages", c.Messages}, {"completion", c.Completion}, {"chosen", c.Chosen}, {"rejected", c.Rejected}} {
		for i := range side.list {
			message(&side.list[i], fmt.Sprintf("%s[%d]", side.name, i), edit)
		}
	}
	if c.PrivilegedContext != "" {
		c.PrivilegedContext = edit("privileged_context", "", c.PrivilegedContext)
	}
	if c.Tools != "" {
		c.Tools = editJSON(c.Tools, func(key, text string) string { return edit("tools", key, text) })
	}
}

// roles are words of the format; any other could be anything.
var roles = map[string]bool{"system": true, "developer": true, "user": true, "assistant": true, "tool": true}

func message(m *datasets.Message, where string, edit Edit) {
	put := func(field string, to *string) {
		if *to != "" {
			*to = edit(where+"."+field, "", *to)
		}
	}
	if !roles[m.Role] {
		put("role", &m.Role)
	}
	put("content", &m.Content)
	for i := range m.Parts {
		put(fmt.Sprintf("content[%d]", i), &m.Parts[i])
	}
	put("reasoning_content", &m.Reasoning)
	put("name", &m.Name)
	for i := range m.ToolCalls {
		call, field := &m.ToolCalls[i], fmt.Sprintf("tool_calls[%d]", i)
		put(field+".name", &call.Name)
		at := where + "." + field + ".arguments"
		call.Arguments = editJSON(call.Arguments, func(key, text string) string { return edit(at, key, text) })
	}
}

// Clone returns a copy that Walk may edit.
func Clone(c datasets.Conversation) datasets.Conversation {
	c.Messages, c.Completion = clone(c.Messages), clone(c.Completion)
	c.Chosen, c.Rejected = clone(c.Chosen), clone(c.Rejected)
	return c
}

func clone(list []datasets.Message) []datasets.Message {
	if list == nil {
		return nil
	}
	out := append([]datasets.Message(nil), list...)
	for i := range out {
		out[i].Parts = append([]string(nil), out[i].Parts...)
		out[i].ToolCalls = append([]datasets.ToolCall(nil), out[i].ToolCalls...)
	}
	return out
}
