package stages

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
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

// TestDiffAdapters compares norms with those of the updates multiplied out.
func TestDiffAdapters(t *testing.T) {
	a, b := adapterOf(1, 2, nil), adapterOf(2, 3, func(c *adapters.Config) { c.UseRSLoRA = true })
	x, y := full(a), full(b)
	var want [3]float64
	for i := range x {
		want[0] += x[i] * x[i]
		want[1] += y[i] * y[i]
		want[2] += (x[i] - y[i]) * (x[i] - y[i])
	}
	d, err := DiffAdapters(FoundAdapter{Name: "a", Adapter: a}, FoundAdapter{Name: "b", Adapter: b})
	if err != nil || d.Same || len(d.Modules) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	m := d.Modules[0]
	for i, got := range []float64{m.A, m.B, m.Difference} {
		if w := math.Sqrt(want[i]); math.Abs(got-w) > 1e-9*w {
			t.Errorf("norm %d is %g, want %g", i, got, w)
		}
	}
	var keys []string
	for _, s := range d.Settings {
		keys = append(keys, s.Key+" "+s.A+" "+s.B)
	}
	if want := []string{"r 2 3", "use_rslora false true"}; !slices.Equal(keys, want) {
		t.Errorf("settings %q, want %q", keys, want)
	}
	// Factors that differ and multiply to the same: a scaled up, b scaled down.
	c := adapterOf(1, 2, nil)
	for i := range c.Tensors[0].Data {
		c.Tensors[0].Data[i] *= 4
	}
	for i := range c.Tensors[1].Data {
		c.Tensors[1].Data[i] /= 4
	}
	d, err = DiffAdapters(FoundAdapter{Adapter: a}, FoundAdapter{Adapter: c})
	if err != nil || d.Same || d.Modules[0].Difference > 1e-6*d.Modules[0].A {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err = DiffAdapters(FoundAdapter{Adapter: a}, FoundAdapter{Adapter: a}); err != nil || !d.Same || d.Modules[0].Difference != 0 {
		t.Errorf("with itself: %+v, %v", d, err)
	}
	other := adapterOf(3, 2, nil)
	for i := range other.Tensors {
		other.Tensors[i].Name = strings.Replace(other.Tensors[i].Name, "layers.0", "layers.1", 1)
	}
	d, err = DiffAdapters(FoundAdapter{Adapter: a}, FoundAdapter{Adapter: other})
	if err != nil || len(d.Modules) != 2 || d.Modules[0].B != 0 || d.Modules[1].A != 0 || d.Modules[0].Difference != d.Modules[0].A {
		t.Errorf("on other modules: %+v, %v", d, err)
	}
}

// full multiplies s·B·A out.
func full(a *adapters.Adapter) []float64 {
	ta, tb := a.Tensors[0], a.Tensors[1]
	rank, in, out := ta.Shape[0], ta.Shape[1], tb.Shape[0]
	s := a.Config.ScalingOf("model.layers.0.self_attn.q_proj", rank)
	w := make([]float64, out*in)
	for i := range out {
		for j := range in {
			for r := range rank {
				w[i*in+j] += s * float64(tb.Data[i*rank+r]) * float64(ta.Data[r*in+j])
			}
		}
	}
	return w
}

func TestServable(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rank   int
		change func(*adapters.Config)
		want   string // y or n for vLLM, SGLang, llama.cpp
		note   string // somewhere in the notes
	}{
		{"plain", 16, nil, "yyy", "--max-lora-rank 16"},
		{"odd rank", 20, nil, "yyy", "--max-lora-rank 32"},
		{"too large a rank", 513, nil, "nyy", "above the most it takes, 512"},
		{"rank-stabilised", 8, func(c *adapters.Config) { c.UseRSLoRA = true }, "yyy", "--format gguf"},
		{"DoRA", 8, func(c *adapters.Config) { c.UseDoRA = true }, "nnn", "--format merged"},
		{"alphas of their own", 8, func(c *adapters.Config) { c.AlphaPattern = adapters.Patterns[float64]{{Name: "q_proj", Value: 1}} }, "nny", "alpha_pattern"},
		{"ranks of their own", 8, func(c *adapters.Config) { c.RankPattern = adapters.Patterns[int]{{Name: "q_proj", Value: 9}} }, "nny", "rank_pattern"},
	} {
		got, notes := "", ""
		for _, v := range Servable(adapterOf(1, tt.rank, tt.change)) {
			got += map[bool]string{true: "y", false: "n"}[v.OK]
			notes += v.Note + "\n"
		}
		if got != tt.want || !strings.Contains(notes, tt.note) {
			t.Errorf("%s: %s, want %s; notes:\n%s", tt.name, got, tt.want, notes)
		}
	}
	odd := adapterOf(1, 8, nil)
	for i := range odd.Tensors {
		odd.Tensors[i].Name = strings.Replace(odd.Tensors[i].Name, "self_attn.q_proj", "mixer.in_proj", 1)
	}
	for _, v := range Servable(odd) {
		if v.OK || !strings.Contains(v.Note, "in_proj") {
			t.Errorf("an unusual module: %+v", v)
		}
	}
}

// TestMemory holds the estimate to what the trainer takes for a step, on a base where the terms are
// of like size.
func TestMemory(t *testing.T) {
	b, err := bases.Open(testkit.Shared(t, "goldens", "llama", "base"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	info, err := InspectBase(b.Dir())
	if err != nil {
		t.Fatal(err)
	}
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		t.Fatal(err)
	}
	cfg := trainer.DefaultConfig()
	f, err := lora.New(cfg.LoRA, modules, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(b.Config(), b, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	cfg.MicroBatchSize, cfg.MaxSeqLength = 2, 256
	want := memoryOf(b.Config(), info, cfg)
	other := info.WeightBytes
	for _, p := range f.Params() {
		other += 16 * int64(len(p.Value))
	}
	for _, memory := range []struct {
		recompute int
		want      int64
	}{{0, want.Train}, {b.Config().NumHiddenLayers, want.TrainLess}} {
		tr, err := m.NewTrainer(memory.recompute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Step(microBatch(2, 256)); err != nil {
			t.Fatal(err)
		}
		got := tr.Bytes() + other
		ratio := float64(memory.want) / float64(got)
		t.Logf("ratio %.2f", ratio)
		if ratio < 0.85 || ratio > 1.2 {
			t.Errorf("%d layers recomputed: estimated %d bytes, taken %d: ratio %.2f", memory.recompute, memory.want, got, ratio)
		}
	}
}

// microBatch is sequences of one length in which every row but the last has a label.
func microBatch(sequences, length int) *model.MicroBatch {
	mb := &model.MicroBatch{LossScale: 1}
	for s := range sequences {
		for i := range length {
			row := int32(s*length + i)
			mb.Tokens = append(mb.Tokens, row%100)
			mb.Layout.Positions = append(mb.Layout.Positions, int32(i))
			if i < length-1 {
				mb.Rows = append(mb.Rows, row)
				mb.Labels = append(mb.Labels, (row+1)%100)
			}
		}
		from, to := s*length, (s+1)*length
		mb.Layout.Segments = append(mb.Layout.Segments, attention.Segment{Q0: from, Q1: to, K0: from, K1: to})
	}
	return mb
}
