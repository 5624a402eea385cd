package publication

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/rng"
)

// adapterOf is an adapter of one module, 3×4.
func adapterOf(seed uint64, rank int, change func(*adapters.Config)) *adapters.Adapter {
	a := &adapters.Adapter{Config: adapters.Config{Rank: rank, Alpha: 4, TargetModules: []string{"q_proj"}, TaskType: "CAUSAL_LM"}}
	for _, f := range []struct {
		name       string
		rows, cols int
	}{{"lora_A", rank, 4}, {"lora_B", 3, rank}} {
		t := adapters.Tensor{Name: "base_model.model.model.layers.0.self_attn.q_proj." + f.name + ".weight", Shape: []int{f.rows, f.cols}}
		draw := rng.New(seed, f.name).At(0, 0)
		for range f.rows * f.cols {
			t.Data = append(t.Data, draw.Normal())
		}
		a.Tensors = append(a.Tensors, t)
	}
	if change != nil {
		change(&a.Config)
	}
	return a
}

func TestPublishPullCheck(t *testing.T) {
	ctx, home, dir := context.Background(), t.TempDir(), t.TempDir()
	if err := peft.Write(dir, adapterOf(1, 2, nil)); err != nil {
		t.Fatal(err)
	}
	r, err := Publish(ctx, PublishOptions{Home: home, Dir: dir, Name: "a", Alias: "prod", Who: "ann"})
	if err != nil || !r.Created {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := CheckPublished(ctx, home, "a@1", "prod", r.Manifest.Digest); err != nil {
		t.Error(err)
	}
	for _, bad := range [][3]string{{"a@1", "prod", "sha256:0"}, {"a@2", "prod", r.Manifest.Digest}, {"a@1", "test", r.Manifest.Digest}} {
		if err := CheckPublished(ctx, home, bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%v passes", bad)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	if _, err := Pull(ctx, PullOptions{Home: home, Ref: "a:prod", Out: out}); err != nil {
		t.Fatal(err)
	}
	// Another adapter makes room when asked to; what is no adapter never does.
	if err := peft.Write(dir, adapterOf(2, 2, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(ctx, PublishOptions{Home: home, Dir: dir, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Pull(ctx, PullOptions{Home: home, Ref: "a@2", Out: out}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("pull over another adapter: %v", err)
	}
	if _, err := Pull(ctx, PullOptions{Home: home, Ref: "a@2", Out: out, Replace: true}); err != nil {
		t.Error(err)
	}
	if a, err := peft.Read(out); err != nil || peft.Digest(a) != peft.Digest(adapterOf(2, 2, nil)) {
		t.Errorf("pulled another adapter: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
		t.Errorf("left %v beside it, %v", entries, err)
	}
	if err := os.RemoveAll(filepath.Join(home, "registry", "blobs.d")); err != nil {
		t.Fatal(err)
	}
	if err := CheckPublished(ctx, home, "a@1", "prod", r.Manifest.Digest); err == nil {
		t.Error("a version without its files passes")
	}
}
