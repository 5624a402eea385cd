package split

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
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

func examples(list ...datasets.Example) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestLeakageCheck(t *testing.T) {
	example := func(id, doc string, split datasets.Split, text string) datasets.Example {
		return datasets.Example{ExampleID: id, DocID: doc, Split: split, Text: text}
	}
	chat := datasets.Example{ExampleID: "9", DocID: "z", Split: test, Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user", Content: "Hello\n"}, {Role: "assistant", Content: "World"}}}}
	for name, c := range map[string]struct {
		examples []datasets.Example
		want     []Leak
	}{
		"none":     {[]datasets.Example{example("1", "a", train, "x"), example("2", "a", train, "x"), example("3", "b", test, "y")}, nil},
		"document": {[]datasets.Example{example("1", "a", train, "x"), example("2", "a", test, "y")}, []Leak{{DocumentLeak, "a", []datasets.Split{test, train}}}},
		"cluster":  {[]datasets.Example{example("1", "w", train, "x"), example("2", "loser", validation, "y")}, []Leak{{ClusterLeak, "w", []datasets.Split{train, validation}}}},
		"content":  {[]datasets.Example{example("1", "a", train, "hello  world"), chat}, []Leak{{ContentLeak, "1", []datasets.Split{test, train}}}},
		"no text":  {[]datasets.Example{example("1", "a", train, " "), example("2", "b", test, "\n")}, nil},
	} {
		got, err := LeakageCheck(examples(c.examples...), func(id string) string {
			return map[string]string{"loser": "w"}[id]
		})
		if err != nil || !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestLeakageCheckPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken shard")
	_, err := LeakageCheck(func(yield func(datasets.Example, error) bool) { yield(datasets.Example{}, broken) }, nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
