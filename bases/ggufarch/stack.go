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

const (
	gateExperts = "ffn_gate_exps"
	upExperts   = "ffn_up_exps"
	downExperts = "ffn_down_exps"
	weight      = ".weight"
	bias        = ".bias"
)

// The stacks of an architecture, by names within a layer (conversion/granite.py, conversion/gpt_oss.py).
var (
	graniteStacks = []Stack{
		{Published: "block_sparse_moe.input_linear.weight", Files: []string{gateExperts + weight, upExperts + weight}},
		{Published: "block_sparse_moe.output_linear.weight", Files: []string{downExperts + weight}},
	}
	gptOssStacks = []Stack{
		{Published: "mlp.experts.gate_up_proj", Files: []string{gateExperts + weight, upExperts + weight}, Alternate: true, Turned: true},
		{Published: "mlp.experts.gate_up_proj_bias", Files: []string{gateExperts + bias, upExperts + bias}, Alternate: true},
		{Published: "mlp.experts.down_proj", Files: []string{downExperts + weight}, Turned: true},
		{Published: "mlp.experts.down_proj_bias", Files: []string{downExperts + bias}},
		{Published: "self_attn.sinks", Files: []string{"attn_sinks" + weight}},
	}
)

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
	for _, s := range a.stacks {
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
