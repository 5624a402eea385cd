package datasets

// Conversation is what a row holds beside a plain text, or instead of it: turns to learn from, or a
// prompt with the answers to it. Which fields are set says which Kind it is.
type Conversation struct {
	// Messages are all turns of a conversation; of the other kinds, the prompt.
	Messages []Message
	// Tools is the JSON list of tool schemas that the model may call, as it was written: templates show
	// the order of keys. "" when there are none.
	Tools string
	// Completion is the answer that is learned (prompt and completion), or that was judged (Label).
	Completion []Message
	// Chosen and Rejected are two answers to one prompt, of which the first is preferred.
	Chosen, Rejected []Message
	// Label says whether Completion is a good answer (KTO); nil where nobody judged.
	Label *bool
	// PrivilegedContext is a passage that whoever teaches the answers sees and the learner does not
	// (context distillation; the name is TRL's). "" when there is none.
	PrivilegedContext string
}

// Message is one turn of a conversation, in the fields of OpenAI's chat format.
type Message struct {
	Role    string
	Content string
	// Parts are the texts of a content that was written as a list of parts; Content is "" then.
	Parts []string
	// Null tells that there is no content at all, which only a turn with calls may lack.
	Null bool
	// Reasoning is what the model thought before it said Content ("reasoning_content", "thinking").
	Reasoning string
	// Name of the speaker, or of the function that answers.
	Name       string
	ToolCalls  []ToolCall
	ToolCallID string // of the call that a tool's message answers
	// Train says whether a turn is learned from; nil leaves that to the objective. It is OpenAI's
	// "weight", 0 or 1, and the "train" of others.
	Train *bool
}

// ToolCall is a function that the assistant asks to be called.
type ToolCall struct {
	ID   string
	Name string
	// Arguments is a JSON value as it was written: an object, or a string that holds one. Templates
	// show which of them it was.
	Arguments string
}

// Kind says what a row teaches.
type Kind string

// The kinds of rows.
const (
	KindText         Kind = "text"         // a text: every token
	KindConversation Kind = "conversation" // the assistant's turns
	KindCompletion   Kind = "completion"   // the answer to a prompt
	KindGrounded     Kind = "grounded"     // answers that were given with a passage at hand
	KindPreference   Kind = "preference"   // which of two answers is better
	KindJudged       Kind = "judged"       // whether an answer is good
)

// Kind returns what the conversation is; KindText when it holds nothing.
func (c Conversation) Kind() Kind {
	switch {
	case len(c.Chosen) > 0 || len(c.Rejected) > 0:
		return KindPreference
	case c.Label != nil:
		return KindJudged
	case c.PrivilegedContext != "":
		return KindGrounded
	case len(c.Completion) > 0:
		return KindCompletion
	case len(c.Messages) > 0:
		return KindConversation
	}
	return KindText
}
