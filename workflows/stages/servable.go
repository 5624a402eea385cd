package stages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
)

// AdapterInfo is what can be said about an adapter.
type AdapterInfo struct {
	Kind       string            `json:"kind"` // "adapter"
	Name       string            `json:"name"` // "name@3", or the directory
	Digest     string            `json:"digest"`
	Rank       int               `json:"r"`
	Alpha      float64           `json:"lora_alpha"`
	UseRSLoRA  bool              `json:"use_rslora"`
	UseDoRA    bool              `json:"use_dora"`
	Targets    []string          `json:"target_modules"`
	Weights    []string          `json:"target_parameters,omitempty"`
	Modules    int               `json:"modules"`
	Parameters int64             `json:"parameters"`
	Bytes      int64             `json:"bytes"` // of its tensors, as float32
	BaseName   string            `json:"base_model_name_or_path"`
	Lineage    *adapters.Lineage `json:"lineage"` // null when it has none
	Servers    []Verdict         `json:"servers"`
}

// Verdict says whether a serving engine can load an adapter, and what it needs for that or what is
// in the way.
type Verdict struct {
	Server string `json:"server"`
	OK     bool   `json:"ok"`
	Note   string `json:"note"`
}

// InspectAdapter describes an adapter.
func InspectAdapter(f FoundAdapter) (AdapterInfo, error) {
	modules, err := peft.Modules(f.Adapter)
	if err != nil {
		return AdapterInfo{}, err
	}
	c := f.Adapter.Config
	return AdapterInfo{
		Kind: "adapter", Name: f.Name, Digest: peft.Digest(f.Adapter), Rank: c.Rank, Alpha: c.Alpha,
		UseRSLoRA: c.UseRSLoRA, UseDoRA: c.UseDoRA, Targets: c.TargetModules, Weights: c.TargetParameters, Modules: len(modules),
		Parameters: f.Size / 4, Bytes: f.Size, BaseName: c.BaseModel, Lineage: f.Lineage, Servers: Servable(f.Adapter),
	}, nil
}

// vllmRanks are the values of vLLM's --max-lora-rank (vllm/config/lora.py).
var vllmRanks = []int{1, 8, 16, 32, 64, 128, 256, 320, 512}

// served are the modules that engines serve LoRA on in every family of decoders.
var served = []string{"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj"}

// Servable gives the verdicts on an adapter. The rules are those of vLLM (vllm/lora/peft_helper.py,
// lora_model.py), SGLang (--max-lora-rank, --lora-target-modules) and llama.cpp (src/llama-adapter.cpp;
// what its converter leaves out, one alpha and use_rslora, our export folds in).
func Servable(a *adapters.Adapter) []Verdict {
	return []Verdict{vllm(a), sglang(a), llamaCPP(a)}
}

func vllm(a *adapters.Adapter) Verdict {
	v := Verdict{Server: "vLLM"}
	rank := maxRank(a)
	i, _ := slices.BinarySearch(vllmRanks, rank)
	switch why := refusedByEngines(a); {
	case why != "":
		v.Note = why
	case i == len(vllmRanks):
		v.Note = fmt.Sprintf("rank %d is above the most it takes, %d", rank, vllmRanks[len(vllmRanks)-1])
	default:
		v.OK, v.Note = true, fmt.Sprintf("needs --enable-lora --max-lora-rank %d", vllmRanks[i])
	}
	return v
}

func sglang(a *adapters.Adapter) Verdict {
	if why := refusedByEngines(a); why != "" {
		return Verdict{Server: "SGLang", Note: why}
	}
	return Verdict{"SGLang", true, fmt.Sprintf("needs --enable-lora --max-lora-rank %d --lora-target-modules all", maxRank(a))}
}

func llamaCPP(a *adapters.Adapter) Verdict {
	if a.Config.UseDoRA {
		return Verdict{Server: "llama.cpp", Note: "DoRA is not supported: export --format merged-gguf"}
	}
	if other := otherModules(a, "gate", "router"); len(other) > 0 { // it does have routers
		return Verdict{Server: "llama.cpp", Note: strings.Join(other, ", ") + " are of no family that is written for it: export --format merged"}
	}
	return Verdict{"llama.cpp", true, "needs export --format gguf"}
}

// refusedByEngines is what vLLM and SGLang have in common, "" when nothing is in the way.
func refusedByEngines(a *adapters.Adapter) string {
	c := a.Config
	switch {
	case c.UseDoRA:
		return "DoRA is refused: export --format merged"
	case len(c.TargetParameters) > 0:
		return "target_parameters are served for some families, and dropped without an error for others: export --format merged"
	case len(c.RankPattern)+len(c.AlphaPattern) > 0:
		return "one scaling is applied to all modules, rank_pattern and alpha_pattern are not: export --format merged"
	}
	if other := otherModules(a); len(other) > 0 {
		return strings.Join(other, ", ") + " may not be among the modules that it serves LoRA on"
	}
	return ""
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
