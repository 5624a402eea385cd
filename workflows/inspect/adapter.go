package inspect

import (
	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/servable"
)

// Adapter is what can be said about an adapter.
type Adapter struct {
	Kind       string             `json:"kind"` // "adapter"
	Name       string             `json:"name"` // "name@3", or the directory
	Digest     string             `json:"digest"`
	Rank       int                `json:"r"`
	Alpha      float64            `json:"lora_alpha"`
	UseRSLoRA  bool               `json:"use_rslora"`
	UseDoRA    bool               `json:"use_dora"`
	Targets    []string           `json:"target_modules"`
	Weights    []string           `json:"target_parameters,omitempty"`
	Modules    int                `json:"modules"`
	Parameters int64              `json:"parameters"`
	Bytes      int64              `json:"bytes"` // of its tensors, as float32
	BaseName   string             `json:"base_model_name_or_path"`
	Lineage    *adapters.Lineage  `json:"lineage"` // null when it has none
	Servers    []servable.Verdict `json:"servers"`
}

// OfAdapter describes an adapter that is called name and has a lineage, or nil.
func OfAdapter(name string, a *adapters.Adapter, lineage *adapters.Lineage) (Adapter, error) {
	modules, err := peft.Modules(a)
	if err != nil {
		return Adapter{}, err
	}
	c := a.Config
	info := Adapter{
		Kind: "adapter", Name: name, Digest: peft.Digest(a), Rank: c.Rank, Alpha: c.Alpha,
		UseRSLoRA: c.UseRSLoRA, UseDoRA: c.UseDoRA, Targets: c.TargetModules, Weights: c.TargetParameters, Modules: len(modules),
		BaseName: c.BaseModel, Lineage: lineage, Servers: servable.By(a),
	}
	for _, t := range a.Tensors {
		info.Parameters += int64(len(t.Data))
	}
	info.Bytes = 4 * info.Parameters
	return info, nil
}
