package peft

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
)

func TestTargeted(t *testing.T) {
	const q0, q1, v1 = "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"
	for _, tt := range []struct {
		name   string
		config adapters.Config
		want   string // of q0, q1 and v1
	}{
		{"names", adapters.Config{TargetModules: []string{"q_proj"}}, "q0 q1"},
		{"expression", adapters.Config{TargetModules: []string{`.*\.1\..*`}}, "q1 v1"},
		{"all", adapters.Config{TargetModules: []string{"all-linear"}}, "q0 q1 v1"},
		{"without some", adapters.Config{TargetModules: []string{"q_proj", "v_proj"}, ExcludeModules: []string{"layers.1.self_attn.q_proj"}}, "q0 v1"},
		{"without what matches", adapters.Config{TargetModules: []string{"q_proj", "v_proj"}, ExcludeModules: []string{`.*\.1\..*`}}, "q0"},
		{"of a layer", adapters.Config{TargetModules: []string{"q_proj", "v_proj"}, LayersToTransform: []int{1}}, "q1 v1"},
		{"of a layer by its list", adapters.Config{TargetModules: []string{"q_proj"}, LayersToTransform: []int{0}, LayersPattern: []string{"h", "layers"}}, "q0"},
		{"of no layer", adapters.Config{TargetModules: []string{"q_proj"}, LayersToTransform: []int{0}, LayersPattern: []string{"h"}}, ""},
		{"only Python's", adapters.Config{TargetModules: []string{`(?!.*vision).*q_proj`}}, "unknown"},
		{"nobody's", adapters.Config{TargetModules: []string{`q_proj(`}}, "broken"},
	} {
		targeted, err := Targeted(tt.config)
		if targeted == nil {
			if got := map[bool]string{true: "unknown", false: "broken"}[err == nil]; tt.want != got {
				t.Errorf("%s: %s, %v", tt.name, got, err)
			}
			continue
		}
		var got []string
		for _, m := range [][2]string{{"q0", q0}, {"q1", q1}, {"v1", v1}} {
			if targeted(m[1]) {
				got = append(got, m[0])
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

// The first pattern of the file that matches counts, also after the file was written again.
func TestPatternOrder(t *testing.T) {
	c, err := ParseConfig([]byte(`{"peft_type":"LORA","target_modules":["q_proj"],"layers_to_transform":3,"exclude_modules":"x.*",
		"alpha_pattern":{"q_proj":16,"layers.0.self_attn.q_proj":1,"q_proj":32},"rank_pattern":{"b":2,"a":3}}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s := c.ScalingOf("model.layers.0.self_attn.q_proj", 8); s != 4 || c.RankPattern[0].Name != "b" || len(c.AlphaPattern) != 2 || c.LayersToTransform[0] != 3 || c.ExcludeModules[0] != "x.*" {
			t.Fatalf("scaling %g of %+v", s, c)
		}
		if c, err = ParseConfig(FormatConfig(c)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompileSpeaksPlainly(t *testing.T) {
	for pattern, want := range map[string]string{
		`(?!vision).*`: `"(?!" is not supported`, `^(?:(q_proj)$`: "missing closing )", `(q)\1`: `"\\1" is not supported`, `.*(?<!vision)\.q`: `is not supported`, `(?P<a>q)(?P=a)`: `is not supported`,
	} {
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "regexp") {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}
