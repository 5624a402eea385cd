package inspect

import (
	"github.com/cultivar/cultivar/bases/open"
	"github.com/cultivar/cultivar/datasets/chat"
)

// Template is what a base's chat template does with conversations that are tried on it.
type Template struct {
	Names      []string `json:"names"`      // of several; one alone is "default"
	Digest     string   `json:"digest"`     // of its text and the special tokens it may write
	System     bool     `json:"system"`     // takes a system message
	Tools      bool     `json:"tools"`      // writes the tools that it is given
	Generation bool     `json:"generation"` // marks what the assistant says
	Masks      bool     `json:"masks"`      // trains the assistant's turns of a plain conversation
	Ends       bool     `json:"ends"`       // ends them with a token that ends generation
}

// try tries the template.
func (info *Base) try(b *open.Base) {
	e := b.Chat(chat.Auto)
	a := e.Ability()
	if b.Template.Err() == nil && !a.Tools {
		info.odd("the template has no branch for tools: conversations with tools are refused")
	}
	info.Oddities = append(info.Oddities, e.Warnings()...)
	if b.Template.Err() != nil {
		return
	}
	info.Template = true
	info.Chat = &Template{
		Names: b.Template.Names(), Digest: "sha256:" + b.Template.Digest(),
		System: a.System, Tools: a.Tools, Generation: a.Generation, Masks: a.Trains, Ends: a.Ends,
	}
	if len(info.Chat.Names) == 0 {
		info.Chat.Names = []string{"default"}
	}
}
