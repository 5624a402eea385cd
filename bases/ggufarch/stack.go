package ggufarch

import (
	"fmt"
	"slices"
)

// Stack is a published tensor that a file holds as other tensors: the matrices of all experts one below
// the other, of which the file has gate and up apart.
type Stack struct {
	Published string
	// Files are the tensors that it is made of. Where there are two, each expert's rows of the one
	// follow those of the other, or with Alternate every second row is of the one.
	Files     []string
	Alternate bool
	// Turned means that in a checkpoint of plain numbers each matrix has its outputs as columns. In a
	// file they are rows.
	Turned bool
}

// The tensors of experts within a layer.
const (
	gateExperts = "ffn_gate_exps"
	upExperts   = "ffn_up_exps"
	downExperts = "ffn_down_exps"
)

// GateAndUp are the files' tensors of that suffix that a stack of gate and up is made of, Down that of down.
func GateAndUp(suffix string) []string { return []string{gateExperts + suffix, upExperts + suffix} }

// Down is the file's tensor of that suffix that a stack of down is made of.
func Down(suffix string) []string { return []string{downExperts + suffix} }

// StackOf returns the published tensor that a tensor of a file is a part of, if it is of that kind.
func (a *Arch) StackOf(file string) (Stack, bool) {
	layer, part, ok := cutLayer(file, "blk.")
	if !ok {
		return Stack{}, false
	}
	return a.stack(layer, func(s Stack) bool { return slices.Contains(s.Files, part) })
}

// StackNamed returns the stack with a published name, if there is one.
func (a *Arch) StackNamed(hf string) (Stack, bool) {
	layer, part, ok := cutLayer(hf, "model.layers.")
	if !ok {
		return Stack{}, false
	}
	return a.stack(layer, func(s Stack) bool { return s.Published == part })
}

// stack returns the stack of a layer that is the one looked for, with whole names.
func (a *Arch) stack(layer int, is func(Stack) bool) (Stack, bool) {
	for _, s := range a.Stacks {
		if !is(s) {
			continue
		}
		s.Published = fmt.Sprintf("model.layers.%d.%s", layer, s.Published)
		s.Files = slices.Clone(s.Files)
		for i, name := range s.Files {
			s.Files[i] = fmt.Sprintf("blk.%d.%s", layer, name)
		}
		return s, true
	}
	return Stack{}, false
}

// Row is where row i of an expert is: in which of the files, and which of the expert's rows there. rows
// is how many rows an expert has in all of them.
func (s Stack) Row(i, rows int) (file, row int) {
	each := rows / len(s.Files)
	if s.Alternate {
		return i % len(s.Files), i / len(s.Files)
	}
	return i / each, i % each
}
