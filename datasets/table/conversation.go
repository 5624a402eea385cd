package table

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/cultivar/cultivar/datasets"
	"github.com/parquet-go/parquet-go"
)

// Conversations, the columns that documents and examples have in common. A content is null where it
// is a list of parts, or where there are only calls.

type messageRow struct {
	Role       string    `parquet:"role,dict"`
	Content    *string   `parquet:"content,optional"`
	Parts      []string  `parquet:"parts,list"`
	Reasoning  string    `parquet:"reasoning_content"`
	Name       string    `parquet:"name,dict"`
	ToolCalls  []callRow `parquet:"tool_calls,list"`
	ToolCallID string    `parquet:"tool_call_id"`
	Train      *bool     `parquet:"train,optional"`
}

type callRow struct {
	ID        string `parquet:"id"`
	Name      string `parquet:"name,dict"`
	Arguments string `parquet:"arguments"`
}

// sides are the columns that hold messages.
var sides = []string{"messages", "completion", "chosen", "rejected"}

// unbounded leaves the bounds of these columns out: they would be sentences of a private document in
// the footer.
func unbounded() (options []parquet.WriterOption) {
	for _, path := range privateColumns() {
		options = append(options, parquet.SkipPageBounds(path...), parquet.SkipPageStatistics(path...))
	}
	return options
}

func privateColumns() [][]string {
	paths := [][]string{{"text"}, {"tools"}, {"privileged_context"}, {"metadata", "key_value", "value"}}
	for _, side := range sides {
		message := []string{side, "list", "element"}
		for _, leaf := range [][]string{
			{"role"}, {"content"}, {"parts", "list", "element"}, {"reasoning_content"}, {"name"}, {"tool_call_id"}, {"train"},
			{"tool_calls", "list", "element", "id"}, {"tool_calls", "list", "element", "name"}, {"tool_calls", "list", "element", "arguments"},
		} {
			paths = append(paths, append(message[:3:3], leaf...))
		}
	}
	return paths
}

func storeMessages(column string, list []datasets.Message, m *meter) []messageRow {
	if len(list) == 0 {
		return nil
	}
	rows := make([]messageRow, len(list))
	for i, message := range list {
		rows[i] = storeMessage(column, message, m)
	}
	return rows
}

func storeMessage(column string, t datasets.Message, m *meter) messageRow {
	r := messageRow{
		Role: m.str(column, t.Role), Parts: t.Parts, Reasoning: m.str(column, t.Reasoning), Name: m.str(column, t.Name),
		ToolCallID: m.str(column, t.ToolCallID), Train: t.Train,
	}
	if !t.Null && len(t.Parts) == 0 {
		m.str(column, t.Content)
		r.Content = &t.Content
	}
	for _, part := range t.Parts {
		m.str(column, part)
	}
	for _, c := range t.ToolCalls {
		r.ToolCalls = append(r.ToolCalls, callRow{m.str(column, c.ID), m.str(column, c.Name), m.str(column, c.Arguments)})
	}
	return r
}

func loadMessages(rows []messageRow) []datasets.Message {
	var list []datasets.Message
	for _, r := range rows {
		t := datasets.Message{
			Role: r.Role, Parts: noneIsNil(r.Parts), Reasoning: r.Reasoning, Name: r.Name, ToolCallID: r.ToolCallID, Train: r.Train,
			Null: r.Content == nil && len(r.Parts) == 0,
		}
		if r.Content != nil {
			t.Content = *r.Content
		}
		for _, c := range r.ToolCalls {
			t.ToolCalls = append(t.ToolCalls, datasets.ToolCall(c))
		}
		list = append(list, t)
	}
	return list
}

// The same columns in Arrow.

var (
	arrowCall    = arrow.StructOf(field("id", arrowText), field("name", arrowText), field("arguments", arrowText))
	arrowMessage = arrow.StructOf(
		field("role", arrowText), nullable("content", arrowText), field("parts", arrow.ListOfNonNullable(arrowText)),
		field("reasoning_content", arrowText), field("name", arrowText), field("tool_calls", arrow.ListOfNonNullable(arrowCall)),
		field("tool_call_id", arrowText), nullable("train", arrow.FixedWidthTypes.Boolean),
	)
	arrowTurns        = arrow.ListOfNonNullable(arrowMessage)
	arrowConversation = []arrow.Field{
		field("messages", arrowTurns), field("tools", arrowText), field("completion", arrowTurns), field("chosen", arrowTurns),
		field("rejected", arrowTurns), nullable("label", arrow.FixedWidthTypes.Boolean), field("privileged_context", arrowText),
	}
)

func (c *columns) conversation(x datasets.Conversation) {
	c.messages(x.Messages)
	c.text(x.Tools)
	c.messages(x.Completion)
	c.messages(x.Chosen)
	c.messages(x.Rejected)
	appendBool(c.field().(*array.BooleanBuilder), x.Label)
	c.text(x.PrivilegedContext)
}

func appendBool(b *array.BooleanBuilder, yes *bool) {
	if yes == nil {
		b.AppendNull()
	} else {
		b.Append(*yes)
	}
}

func (c *columns) messages(messages []datasets.Message) {
	b := c.field().(*array.ListBuilder)
	b.Append(true)
	turn := b.ValueBuilder().(*array.StructBuilder)
	text := func(i int, s string) { turn.FieldBuilder(i).(*array.StringBuilder).Append(s) }
	for _, m := range messages {
		turn.Append(true)
		text(0, m.Role)
		if m.Null || len(m.Parts) > 0 {
			turn.FieldBuilder(1).AppendNull()
		} else {
			text(1, m.Content)
		}
		parts := turn.FieldBuilder(2).(*array.ListBuilder)
		parts.Append(true)
		parts.ValueBuilder().(*array.StringBuilder).AppendValues(m.Parts, nil)
		text(3, m.Reasoning)
		text(4, m.Name)
		appendCalls(turn.FieldBuilder(5).(*array.ListBuilder), m.ToolCalls)
		text(6, m.ToolCallID)
		appendBool(turn.FieldBuilder(7).(*array.BooleanBuilder), m.Train)
	}
}

func appendCalls(b *array.ListBuilder, calls []datasets.ToolCall) {
	b.Append(true)
	call := b.ValueBuilder().(*array.StructBuilder)
	for _, c := range calls {
		call.Append(true)
		for i, s := range []string{c.ID, c.Name, c.Arguments} {
			call.FieldBuilder(i).(*array.StringBuilder).Append(s)
		}
	}
}
