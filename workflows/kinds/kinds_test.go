package kinds_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/quickstart"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/cultivar/cultivar/workflows/spec"
)

// short is the quickstart with one step of training.
func short(t *testing.T) workflows.Workflow {
	t.Helper()
	w, err := quickstart.Workflow()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(w.Stages, func(s workflows.Stage) bool { return s.Kind == "train" })
	w.Stages[i].Config = json.RawMessage(`{"max_steps": 1, "batch_size": 1, "micro_batch_size": 1, "max_seq_length": 512, "eval_fraction": 0}`)
	return w
}

func environment(t *testing.T, location string) workflows.Env {
	t.Helper()
	h, err := home.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	return workflows.Env{Home: location, Bucket: h.Bucket, Scratch: t.TempDir(), Now: time.Now, Who: "ann"}
}

// digests are those of the results by stage.
func digests(r run.Run) map[string]string {
	all := make(map[string]string)
	for _, s := range r.Stages {
		for port, a := range s.Result.Outputs {
			if a.Type == workflows.Base || a.Type == workflows.Documents || a.Type == workflows.Dataset || a.Type == workflows.Adapter {
				all[s.Stage+"."+port] = a.Digest
			}
		}
	}
	return all
}

// TestContinue stops the workflow before every stage. Each time another engine, on a machine that has
// nothing but the home, goes on from the run's id; the results are those of a run without a stop.
func TestContinue(t *testing.T) {
	w := short(t)
	whole, err := run.New(kinds.All(kinds.Hooks{}), environment(t, t.TempDir()), run.Hooks{}).Execute(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	location := t.TempDir()
	text, err := spec.Save(w, kinds.All(kinds.Hooks{}))
	if err != nil {
		t.Fatal(err)
	}
	if w, err = spec.Load(text, kinds.All(kinds.Hooks{})); err != nil { // as another process has it from a file
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	hooks := run.Hooks{OnDone: func(workflows.Record) { cancel() }}
	last, err := run.New(kinds.All(kinds.Hooks{}), environment(t, location), hooks).Execute(ctx, w)
	for range w.Stages {
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || last.State != run.Interrupted {
			t.Fatalf("%s: %v", last.State, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		last, err = run.New(kinds.All(kinds.Hooks{}), environment(t, location), hooks).Continue(ctx, last.ID)
	}
	cancel()
	if err != nil {
		t.Fatal(err)
	}
	want, got := digests(whole), digests(last)
	for name, d := range want {
		if got[name] != d {
			t.Errorf("%s is %s, without a stop %s", name, got[name], d)
		}
	}
	if len(want) != 5 || len(last.Reused) != len(w.Stages)-1 {
		t.Errorf("%d results; reused %v", len(want), last.Reused)
	}
	nothingLocal(t, last)
}

// nothingLocal: no result is a path.
func nothingLocal(t *testing.T, r run.Run) {
	t.Helper()
	for _, s := range r.Stages {
		for port, a := range s.Result.Outputs {
			if strings.Contains(a.Ref, "/") || a.Digest == "" {
				t.Errorf("%s.%s is %+v", s.Stage, port, a)
			}
		}
	}
}

// TestDamage: what is gone or damaged is made again, and what depends on it is not, since it comes out the same.
func TestDamage(t *testing.T) {
	w := short(t)
	w.Stages = w.Stages[:4] // as far as training
	env := environment(t, t.TempDir())
	engine := run.New(kinds.All(kinds.Hooks{}), env, run.Hooks{})
	r, err := engine.Execute(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	_, tree, _ := strings.Cut(r.Stages[0].Result.Outputs["base"].Ref, "@")
	if err := env.Bucket.Delete(t.Context(), "trees/"+cas.Key(cas.Digest(tree))); err != nil {
		t.Fatal(err)
	}
	again, err := engine.Execute(t.Context(), w)
	if err != nil || !slices.Equal(again.Reused, []string{"unpack documents", "ingest", "train"}) {
		t.Errorf("reused %v (%v)", again.Reused, err)
	}
}

// TestKinds: every kind's defaults can be written, and no two have a name.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kinds.All(kinds.Hooks{}) {
		if seen[k.Name] || k.Do == nil || len(k.Outputs) == 0 {
			t.Errorf("kind %+v", k)
		}
		seen[k.Name] = true
		if _, err := workflows.Encode(k.Config()); err != nil {
			t.Error(err)
		}
	}
}
