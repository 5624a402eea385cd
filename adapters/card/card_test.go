package card

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden card")

func full() Facts {
	return Facts{
		Name: "policy-qa", Version: "3", Summary: "Answers questions on records retention.", Digest: "sha256:aa", Tool: "cultivar 0.1.0",
		Created: time.Date(2026, 11, 24, 12, 30, 0, 0, time.FixedZone("", 3600)),
		Config: adapters.Config{Rank: 16, Alpha: 32, UseRSLoRA: true, BaseModel: "meta-llama/Llama-3.2-1B", Revision: "4e20de3",
			TargetModules: []string{"k_proj", "q_proj"}},
		Parameters: 1_703_936, BaseDigest: "sha256:bb", BaseLicense: "llama3.2", Objective: "sft",
		Datasets: []Dataset{{Name: "policies", Version: "7", Digest: "sha256:cc", Documents: 1200, Examples: 4800, Tokens: 2_400_000}, {Name: "faq", Version: "1"}},
		Training: []Setting{{"learning_rate", "2e-4"}, {"max_steps", "300"}},
		Metrics:  []Metric{{"mean_nll", "validation", 2.51, 1.8}, {"exact_match", "test", math.NaN(), 0.5}},
		Limits:   []string{"Trained on English text only."},
	}
}

func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "full.md")
	got := Markdown(full())
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want := testkit.Read(t, path); string(got) != string(want) {
		t.Errorf("got\n%s", got)
	}
}

func TestUnknownFactsAreLeftOut(t *testing.T) {
	const want = "---\nlibrary_name: peft\npipeline_tag: text-generation\ntags:\n- lora\n- cultivar\n---\n\n# LoRA adapter\n\n"
	if got := string(Markdown(Facts{})); got != want {
		t.Errorf("got\n%s", got)
	}
}

// Whatever is in names, they stay inside their cell, and the front matter says what they say.
func TestHostileNames(t *testing.T) {
	hostile := "a|b\n---\n# x `y` [z](http://e) <script>alert(1)</script> \x1b[0m \xff: *"
	f := full()
	plainLines := strings.Count(string(Markdown(f)), "\n")
	f.Name, f.Version, f.Summary, f.Digest, f.Tool, f.BaseDigest, f.BaseLicense, f.Objective = hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile
	f.Config.BaseModel, f.Config.Revision, f.Config.TargetModules = hostile, hostile, []string{hostile}
	f.Datasets[0] = Dataset{Name: hostile, Version: hostile, Digest: hostile, Documents: 1200, Examples: 4800, Tokens: 2_400_000}
	f.Training[0], f.Metrics[0].Name, f.Metrics[0].Split, f.Limits[0] = Setting{hostile, hostile}, hostile, hostile, hostile
	got := string(Markdown(f))
	if n := strings.Count(got, "\n"); n != plainLines {
		t.Errorf("%d lines, want %d:\n%s", n, plainLines, got)
	}
	_, body, _ := strings.Cut(got[4:], "\n---\n")
	prose, _, _ := strings.Cut(body, "```python")
	for _, bad := range []string{"\x1b", "\xff"} {
		if strings.Contains(got, bad) {
			t.Errorf("the card holds %q", bad)
		}
	}
	for _, line := range strings.Split(prose, "\n") {
		if !strings.HasPrefix(line, "|") && (strings.Contains(line, "<script") || strings.Contains(line, "[z](")) {
			t.Errorf("markup got through: %s", line)
		}
		if strings.HasPrefix(line, "|") && strings.Contains(strings.ReplaceAll(line, `\|`, ""), "a|b") {
			t.Errorf("a cell is split: %s", line)
		}
	}
	meta, _, _ := strings.Cut(got[4:], "\n---\n")
	var front struct {
		BaseModel string   `yaml:"base_model"`
		License   string   `yaml:"license"`
		Tags      []string `yaml:"tags"`
	}
	if err := yaml.Unmarshal([]byte(meta), &front); err != nil {
		t.Fatalf("%v\n%s", err, meta)
	}
	want := strings.ToValidUTF8(hostile, "\uFFFD")
	if front.BaseModel != want || front.License != want || len(front.Tags) != 3 || front.Tags[0] != "base_model:adapter:"+want {
		t.Errorf("front matter says %q", front)
	}
}

func TestYAMLStrings(t *testing.T) {
	for in, want := range map[string]string{
		"meta-llama/Llama-3.2-1B": "meta-llama/Llama-3.2-1B", "": `""`, "true": `"true"`, "No": `"No"`, "3.1": `"3.1"`, "a: b": `"a: b"`, "é": `"é"`, "-x": `"-x"`,
	} {
		if got := yamlString(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
