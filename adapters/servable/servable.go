// Package servable knows what programs that serve adapters take.
package servable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
)

// Verdict says whether a serving engine can load an adapter, and what it needs for that or what is
// in the way.
type Verdict struct {
	Server string `json:"server"`
	OK     bool   `json:"ok"`
	Note   string `json:"note"`
	Format string `json:"format,omitempty"` // what to export instead, or for it
}

// vllmRanks are the values of vLLM's --max-lora-rank (vllm/config/lora.py).
var vllmRanks = []int{1, 8, 16, 32, 64, 128, 256, 320, 512}

// served are the modules that engines serve LoRA on in every family of decoders.
var served = []string{"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj"}

// By gives the verdicts on an adapter. The rules are those of vLLM (vllm/lora/peft_helper.py,
// lora_model.py), SGLang (--max-lora-rank, --lora-target-modules) and llama.cpp (src/llama-adapter.cpp;
// what its converter leaves out, one alpha and use_rslora, our export folds in).
func By(a *adapters.Adapter) []Verdict {
	return []Verdict{vllm(a), sglang(a), llamaCPP(a)}
}

func vllm(a *adapters.Adapter) Verdict {
	v := Verdict{Server: "vLLM"}
	rank := maxRank(a)
	i, _ := slices.BinarySearch(vllmRanks, rank)
	v.Note, v.Format = refusedByEngines(a)
	switch {
	case v.Note != "":
	case i == len(vllmRanks):
		v.Note = fmt.Sprintf("rank %d is above the most it takes, %d", rank, vllmRanks[len(vllmRanks)-1])
	default:
		v.OK, v.Note = true, fmt.Sprintf("needs --enable-lora --max-lora-rank %d", vllmRanks[i])
	}
	return v
}

func sglang(a *adapters.Adapter) Verdict {
	if why, format := refusedByEngines(a); why != "" {
		return Verdict{Server: "SGLang", Note: why, Format: format}
	}
	return Verdict{Server: "SGLang", OK: true, Note: fmt.Sprintf("needs --enable-lora --max-lora-rank %d --lora-target-modules all", maxRank(a))}
}

func llamaCPP(a *adapters.Adapter) Verdict {
	if a.Config.UseDoRA {
		return Verdict{Server: "llama.cpp", Note: "DoRA is not supported", Format: "merged-gguf"}
	}
	if other := otherModules(a, "gate", "router"); len(other) > 0 { // it does have routers
		return Verdict{Server: "llama.cpp", Note: strings.Join(other, ", ") + " are of no family that is written for it", Format: "merged"}
	}
	return Verdict{Server: "llama.cpp", OK: true, Note: "in a format of its own", Format: "gguf"}
}

// refusedByEngines is what vLLM and SGLang have in common, "" when nothing is in the way, and what to export
// then.
func refusedByEngines(a *adapters.Adapter) (why, format string) {
	c := a.Config
	switch {
	case c.UseDoRA:
		return "DoRA is refused", "merged"
	case len(c.TargetParameters) > 0:
		return "target_parameters are served for some families, and dropped without an error for others", "merged"
	case len(c.RankPattern)+len(c.AlphaPattern) > 0:
		return "one scaling is applied to all modules, rank_pattern and alpha_pattern are not", "merged"
	}
	if other := otherModules(a); len(other) > 0 {
		return strings.Join(other, ", ") + " may not be among the modules that it serves LoRA on", ""
	}
	return "", ""
}

// otherModules lists the modules' last names that are not served everywhere, nor among more.
func otherModules(a *adapters.Adapter, more ...string) []string {
	modules, err := peft.Modules(a)
	if err != nil {
		return nil // a checked adapter has none
	}
	var other []string
	for _, m := range modules {
		last := m.Name[strings.LastIndexByte(m.Name, '.')+1:]
		if !slices.Contains(served, last) && !slices.Contains(more, last) && !slices.Contains(other, last) {
			other = append(other, last)
		}
	}
	return other
}

// maxRank is the largest rank of all modules.
func maxRank(a *adapters.Adapter) int {
	rank := a.Config.Rank
	for _, p := range a.Config.RankPattern {
		rank = max(rank, p.Value)
	}
	return rank
}
