package split

import (
	"fmt"
	"math"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

const (
	train      = datasets.Train
	validation = datasets.Validation
	test       = datasets.Test
)

// The assignment is part of the format: a change would move documents of every dataset out there.
func TestAssignIsStable(t *testing.T) {
	c := Config{Validation: 0.25, Test: 0.25, Seed: 17}
	got := ""
	for i := range 24 {
		got += string(c.Assign(fmt.Sprintf("doc-%d", i), "")[1])
	}
	const want = "erareaaerrrrareearraaaer"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFractions(t *testing.T) {
	const n = 20000
	c := Config{Validation: 0.05, Test: 0.1, Seed: 1}
	counts := map[datasets.Split]float64{}
	for i := range n {
		counts[c.Assign(fmt.Sprint(i), "")]++
	}
	for split, fraction := range map[datasets.Split]float64{train: 0.85, validation: 0.05, test: 0.1} {
		// Five standard deviations of a binomial share.
		if tolerance := 5 * math.Sqrt(fraction*(1-fraction)/n); math.Abs(counts[split]/n-fraction) > tolerance {
			t.Errorf("%s: %v of the documents, want %v", split, counts[split]/n, fraction)
		}
	}
}

func TestExtremes(t *testing.T) {
	for split, c := range map[datasets.Split]Config{train: {}, validation: {Validation: 1}, test: {Test: 1}} {
		for i := range 100 {
			if got := c.Assign(fmt.Sprint(i), ""); got != split {
				t.Fatalf("%+v: document %d in %s", c, i, got)
			}
		}
	}
}

func TestSeedMatters(t *testing.T) {
	moved := 0
	for i := range 1000 {
		a, b := Config{Test: 0.5, Seed: 1}, Config{Test: 0.5, Seed: 2}
		if a.Assign(fmt.Sprint(i), "") != b.Assign(fmt.Sprint(i), "") {
			moved++
		}
	}
	if moved < 400 || moved > 600 {
		t.Errorf("%d of 1000 documents move with another seed", moved)
	}
}

func TestChangesMoveLittle(t *testing.T) {
	before := Config{Validation: 0.1, Test: 0.1}
	for i := range 2000 {
		id := fmt.Sprint(i)
		if got := (Config{Validation: 0.3, Test: 0.1}).Assign(id, ""); (got == test) != (before.Assign(id, "") == test) {
			t.Fatalf("document %d: another validation fraction changes the test set", i)
		}
		if got := (Config{Validation: 0.1, Test: 0.2}).Assign(id, ""); before.Assign(id, "") == test && got != test {
			t.Fatalf("document %d leaves a growing test set", i)
		}
	}
}

func TestClustersStayTogether(t *testing.T) {
	c := Config{Validation: 0.3, Test: 0.3}
	for i := range 300 {
		winner := fmt.Sprintf("winner-%d", i)
		want := c.Assign(winner, "")
		for _, member := range []string{winner, "x", "y"} {
			if got := c.Assign(member, winner); got != want {
				t.Fatalf("cluster %d: %s in %s, winner in %s", i, member, got, want)
			}
		}
	}
}

// Rows that answer one prompt are one cluster, whatever the white space of it.
func TestPromptKey(t *testing.T) {
	ask := func(role, text string) []datasets.Message { return []datasets.Message{{Role: role, Content: text}} }
	if PromptKey(ask("user", "a b")) != PromptKey(ask("user", " a\nb ")) {
		t.Error("white space counts")
	}
	keys := map[string]bool{}
	for _, p := range [][]datasets.Message{ask("user", "a b"), ask("system", "a b"), ask("user", "ab"), append(ask("user", "a"), ask("user", "b")...), {{Role: "user", Parts: []string{"a", "b"}}}} {
		keys[PromptKey(p)] = true
	}
	if len(keys) != 5 {
		t.Errorf("%d keys for 5 prompts", len(keys))
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{Validation: -0.1}, {Test: 1.1}, {Validation: 0.6, Test: 0.6}, {Test: math.NaN()}} {
		if c.Validate() == nil {
			t.Errorf("accepted %+v", c)
		}
	}
	if err := (Config{Validation: 0.5, Test: 0.5}).Validate(); err != nil {
		t.Error(err)
	}
}
