package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/workflows"
)

// flow is a workflow of two stages that records what is run.
type flow struct {
	ran    []string
	config [2]int
	fail   string
	broken string
}

func (f *flow) workflow() workflows.Workflow {
	do := func(name string, config int) func(context.Context, workflows.Inputs) (workflows.Output, error) {
		return func(_ context.Context, in workflows.Inputs) (workflows.Output, error) {
			f.ran = append(f.ran, name)
			if f.fail == name {
				return workflows.Output{}, errors.New("no luck")
			}
			// The first stage's result depends on its configuration only by halves.
			return workflows.Output{Digest: fmt.Sprint(name, config/2, in["one"].Digest)}, nil
		}
	}
	intact := func(name string) func(workflows.Output) error {
		return func(workflows.Output) error {
			if f.broken == name {
				return errors.New("damaged")
			}
			return nil
		}
	}
	return workflows.Workflow{Name: "test", Stages: []workflows.Stage{
		{Name: "one", Config: f.config[0], Do: do("one", f.config[0]), Intact: intact("one")},
		{Name: "two", Needs: []string{"one"}, Config: f.config[1], Do: do("two", f.config[1]), Intact: intact("two")},
	}}
}

func TestExecute(t *testing.T) {
	f := &flow{}
	e := New(t.TempDir(), time.Now, Hooks{})
	check := func(what string, want ...string) {
		t.Helper()
		f.ran = nil
		r, err := e.Execute(context.Background(), f.workflow())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !slices.Equal(f.ran, want) || len(r.Stages) != 2 || len(r.Reused) != 2-len(want) {
			t.Errorf("%s: ran %v, want %v; reused %v", what, f.ran, want, r.Reused)
		}
	}
	check("first", "one", "two")
	check("again")
	f.config[1] = 1
	check("second stage configured otherwise", "two")
	f.config[0] = 1
	check("first stage ends in the same result", "one")
	f.config[0] = 2
	check("first stage ends in another", "one", "two")
	f.config = [2]int{0, 0}
	check("back to the start")
	f.broken = "two"
	check("result damaged", "two")
}

func TestFailureKeepsWhatIsDone(t *testing.T) {
	f := &flow{fail: "two"}
	dir := t.TempDir()
	e := New(dir, time.Now, Hooks{})
	_, err := e.Execute(context.Background(), f.workflow())
	if err == nil || !strings.Contains(err.Error(), "two: no luck") {
		t.Errorf("error is %v", err)
	}
	f.fail, f.ran = "", nil
	if _, err := New(dir, time.Now, Hooks{}).Execute(context.Background(), f.workflow()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.ran, []string{"two"}) {
		t.Errorf("after a failure ran %v", f.ran)
	}
	runs, err := e.Runs()
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].State != Done || runs[1].State != Failed || runs[1].Error == "" || len(runs[1].Stages) != 1 {
		t.Errorf("history is %+v", runs)
	}
}
