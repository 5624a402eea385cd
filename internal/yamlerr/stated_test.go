package yamlerr

import (
	"slices"
	"testing"
)

func TestStated(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil,
		"seed: 1\nlora:\n  r: 8\n  target_modules: [a, b]\n": {"lora.r", "lora.target_modules", "seed"},
		"lora: &x {r: 8}\n": {"lora.r"},
		"empty: {}\n":       {"empty"},
		"- a\n":             nil,
	} {
		if got := Stated([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q states %q, want %q", text, got, want)
		}
	}
}
