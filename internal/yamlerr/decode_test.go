package yamlerr

import (
	"strings"
	"testing"
)

type section struct {
	Rank int `yaml:"rank"`
}

// Inlined holds keys of the section it is in.
type Inlined struct {
	Beta float64 `yaml:"beta"`
}

type sample struct {
	Whole   int               `yaml:"whole"`
	Natural uint64            `yaml:"natural"`
	Real    float64           `yaml:"real"`
	Text    string            `yaml:"text"`
	On      bool              `yaml:"on"`
	List    []string          `yaml:"list"`
	Map     map[string]string `yaml:"map"`
	Section section           `yaml:"section"`
	Inlined `yaml:",inline"`
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want func(sample) bool
	}{
		{"", func(s sample) bool { return s.Whole == 7 }},
		{"# nothing\n", func(s sample) bool { return s.Whole == 7 }},
		{"whole: 3", func(s sample) bool { return s.Whole == 3 }},
		{"\ufeffwhole: 3", func(s sample) bool { return s.Whole == 3 }},
		{"\ufeff", func(s sample) bool { return s.Whole == 7 }},
		{"whole: -1_000", func(s sample) bool { return s.Whole == -1000 }},
		{"whole: 1e3", func(s sample) bool { return s.Whole == 1000 }},
		{"whole: 2.0", func(s sample) bool { return s.Whole == 2 }},
		{"natural: 18446744073709551615", func(s sample) bool { return s.Natural == 1<<64-1 }},
		{"real: 3", func(s sample) bool { return s.Real == 3 }},
		{"real: 1e-5", func(s sample) bool { return s.Real == 1e-5 }},
		{"real: 0.1 # a share", func(s sample) bool { return s.Real == 0.1 }},
		{"text: 2024-07-26", func(s sample) bool { return s.Text == "2024-07-26" }},
		{"text:", func(s sample) bool { return s.Text == "" }},
		{"on: true", func(s sample) bool { return s.On }},
		{"list: [a, 1]", func(s sample) bool { return len(s.List) == 2 && s.List[1] == "1" }},
		{"map: {a: b}", func(s sample) bool { return s.Map["a"] == "b" }},
		{"section: {rank: 4}", func(s sample) bool { return s.Section.Rank == 4 }},
		{"section:\n  rank: 4\nbeta: 0.5", func(s sample) bool { return s.Section.Rank == 4 && s.Beta == 0.5 }},
		{"whole: &a 3\nnatural: *a", func(s sample) bool { return s.Whole == 3 && s.Natural == 3 }},
	} {
		s := sample{Whole: 7}
		if err := Decode([]byte(tt.in), &s); err != nil || !tt.want(s) {
			t.Errorf("%q: %v, %+v", tt.in, err, s)
		}
	}
}

// Whoever reads an error knows YAML, and neither Go nor its types.
func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"text: x\nwhole: 2.5", "line 2: whole is 2.5, want a whole number"},
		{"whole: 1e-1", "line 1: whole is 1e-1, want a whole number"},
		{"whole: many", `line 1: whole is "many", want a whole number`},
		{"whole: 99999999999999999999", "line 1: whole is 99999999999999999999, which is too large a number"},
		{"whole: 1e30", "line 1: whole is 1e30, which is too large a number"},
		{"whole: 010", "line 1: whole is 010, want a whole number"},
		{"whole:", "line 1: whole has no value, want a whole number"},
		{"whole: [1]", "line 1: whole is a list, want a whole number"},
		{"natural: -3", "line 1: natural is -3, want 0 or more"},
		{"natural: 2.5", "line 1: natural is 2.5, want a whole number"},
		{"real: .nan", `line 1: real is ".nan", want a number`},
		{"real: .inf", `line 1: real is ".inf", want a number`},
		{"real: 1e400", "line 1: real is 1e400, want a number"},
		{"real: fast", `line 1: real is "fast", want a number`},
		{"on: yes", `line 1: on is "yes", want true or false`},
		{"on: 1", "line 1: on is 1, want true or false"},
		{"text: {a: 1}", "line 1: text is a section of keys, want a text"},
		{"list: a", `line 1: list is "a", want a list`},
		{"list: [[a]]", "line 1: list[0] is a list, want a text"},
		{"map: [a]", "line 1: map is a list, want a section of keys"},
		{"map: {a: {b: 1}}", "line 1: map.a is a section of keys, want a text"},
		{"section: 3", "line 1: section is 3, want a section of keys"},
		{"section: {rank: 2.5}", "line 1: section.rank is 2.5, want a whole number"},
		{"section: {ranks: 2}", `line 1: unknown key "ranks"; did you mean "rank"?`},
		{"whol: 2", `line 1: unknown key "whol"; did you mean "whole"?`},
		{"whole: 1\nwhole: 2", `line 2: duplicate key: "whole" stands twice, first in line 1`},
		{`{"section": {"rank": 1, "r\u0061nk": 2}}`, `line 1: duplicate key: "rank" stands twice, first in line 1`},
		{"whole: 1\n\treal: 2", "line 2: a tab, where YAML wants spaces"},
		{"text: \xe9", "not UTF-8"},
		{"whole: 1\n---\nwhole: 2", "line 3: a second document"},
		{"- whole", "line 1: the configuration is a list, want a section of keys"},
		{"map: &m {a: b}\nsection: *m", "line 2: section: an alias that stands for no single value"},
		{"whole: !!str 3", "line 1: whole: a tag"},
		{"whole: *no", "line 1: "},
		{"map: " + strings.Repeat("[", 20_000), "line 1: nested more than 64 deep"},
		{strings.Repeat("- ", 20_000), "line 1: nested more than 64 deep"},
		{strings.Repeat("#", 1<<20), "larger than 64 KB"},
		{"text: \"\x1b[2J", "line 1: "},
	} {
		var s sample
		err := Decode([]byte(tt.in), &s)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.40q: error is %v, want %q", tt.in, err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"whole: 3", "section: {rank: 2}", "map: {a: b}\n", "list: [a, *b]", "a: &a [*a]", "? - : -", "text: |\n  x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s sample
		if err := Decode([]byte(text), &s); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %q", err)
		}
	})
}
