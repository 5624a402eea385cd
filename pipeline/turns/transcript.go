package turns

import (
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Transcript writes a conversation as Markdown, one heading a turn. Tools are left out: many rows
// share them, and they say nothing of what a row is about.
func Transcript(c datasets.Conversation) string { return transcript(c, false) }

// Comparable is the transcript without what the system says and without a privileged context, by which
// near-duplicates are found: what many rows share would make all of them alike.
func Comparable(c datasets.Conversation) string { return transcript(c, true) }

func transcript(c datasets.Conversation, comparable bool) string {
	var out strings.Builder
	write := func(list []datasets.Message, as string) {
		for _, m := range list {
			if comparable && (m.Role == "system" || m.Role == "developer") {
				continue
			}
			turn(&out, m, as)
		}
	}
	write(c.Messages, "")
	write(c.Completion, "")
	write(c.Chosen, "chosen ")
	write(c.Rejected, "rejected ")
	if c.PrivilegedContext != "" && !comparable {
		out.WriteString("## privileged context\n\n" + c.PrivilegedContext + "\n\n")
	}
	return strings.TrimRight(out.String(), "\n")
}

func turn(out *strings.Builder, m datasets.Message, as string) {
	out.WriteString("## " + as + m.Role)
	if m.Name != "" {
		out.WriteString(" (" + m.Name + ")")
	}
	out.WriteString("\n\n")
	if m.Reasoning != "" {
		out.WriteString("> " + strings.ReplaceAll(m.Reasoning, "\n", "\n> ") + "\n\n")
	}
	for _, text := range append([]string{m.Content}, m.Parts...) {
		if text != "" {
			out.WriteString(text + "\n\n")
		}
	}
	for _, call := range m.ToolCalls {
		out.WriteString("`" + call.Name + "` " + call.Arguments + "\n\n")
	}
}
