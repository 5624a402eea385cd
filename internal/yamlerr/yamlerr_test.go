package yamlerr

import (
	"testing"

	"github.com/goccy/go-yaml"
)

type config struct {
	Rate  float64 `yaml:"learning_rate"`
	Steps int     `yaml:"max_steps"`
	On    bool    `yaml:"on"`
	Inner struct {
		Rank int `yaml:"rank"`
	} `yaml:"inner"`
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"max_steps: 1\nlearning_rte: 2", `line 2: unknown key "learning_rte"; did you mean "learning_rate"?`},
		{"\ncompletely_else: 2", `line 2: unknown key "completely_else"`},
		{"inner:\n  ranks: 2", `line 2: unknown key "ranks"; did you mean "rank"?`},
		{"max_steps: many", "line 1: want a whole number"},
		{"on: 3", "line 1: want true or false"},
		{"a: [", "line 1: "},
	} {
		var c config
		err := yaml.UnmarshalWithOptions([]byte(tt.in), &c, yaml.Strict())
		if err == nil {
			t.Errorf("%q is accepted", tt.in)
			continue
		}
		got := Explain(err, c).Error()
		if got != tt.want && (tt.want != "line 1: " || len(got) < 10 || got[:8] != tt.want) {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
