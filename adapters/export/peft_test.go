package export

import (
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
)

func TestPEFT(t *testing.T) {
	a := adapterOn(rand.New(rand.NewPCG(9, 9)), false, qProj, kProj)
	a.Config.UseRSLoRA = true
	dir := filepath.Join(t.TempDir(), "deep", "adapter")
	if err := PEFT(a, dir, PEFTOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := peft.Read(dir)
	if err != nil || peft.Digest(got) != peft.Digest(a) {
		t.Errorf("another adapter came back: %v", err)
	}
	if err := PEFT(a, dir, PEFTOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a full directory was replaced: %v", err)
	}
	if err := PEFT(a, dir+"2", PEFTOptions{FoldRSLoRA: true}); err != nil {
		t.Fatal(err)
	}
	folded, err := peft.Read(dir + "2")
	if err != nil || folded.Config.UseRSLoRA || folded.Config.Alpha != 6*math.Sqrt(3) {
		t.Errorf("folded: %+v, %v", folded.Config, err)
	}
}

func TestFoldKeepsScalings(t *testing.T) {
	a := adapterOn(rand.New(rand.NewPCG(9, 9)), false, qProj, kProj, "model.layers.1.self_attn.q_proj")
	a.Config.UseRSLoRA = true
	a.Config.AlphaPattern = adapters.Patterns[float64]{{Name: "k_proj", Value: 10}}
	a.Config.Rank, a.Config.RankPattern = 16, adapters.Patterns[int]{{Name: "layers.0.self_attn.(q|k)_proj", Value: rank}, {Name: "layers.1.self_attn.q_proj", Value: rank}}
	folded, err := FoldRSLoRA(a)
	if err != nil || folded.Config.UseRSLoRA || !a.Config.UseRSLoRA {
		t.Fatalf("folded %+v, %v", folded, err)
	}
	if err := peft.Check(folded); err != nil {
		t.Error(err)
	}
	for _, name := range []string{qProj, kProj, "model.layers.1.self_attn.q_proj"} {
		got, want := folded.Config.ScalingOf(name, rank), a.Config.ScalingOf(name, rank)
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: scaling %g, want %g", name, got, want)
		}
	}
}
