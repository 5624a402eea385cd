package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/fault"
)

// flow is a workflow of two stages that records what is run.
type flow struct {
	ran    []string
	config [2]int
	fail   string
	broken string
}

type number struct {
	N int `yaml:"n"`
}

func (f *flow) kinds() workflows.Kinds {
	do := func(_ context.Context, _ workflows.Env, t workflows.Task) (workflows.Result, error) {
		name := t.Kind.Name
		f.ran = append(f.ran, name)
		if f.fail == name {
			return workflows.Result{}, errors.New("no luck")
		}
		// A result depends on its configuration only by halves.
		digest := fmt.Sprint(name, t.Config.(*number).N/2, t.Inputs["in"].Digest)
		return workflows.Result{Outputs: workflows.Artefacts{"out": {Type: workflows.Dataset, Digest: digest}}}, nil
	}
	intact := func(_ context.Context, _ workflows.Env, t workflows.Task, _ workflows.Result) error {
		if f.broken == t.Kind.Name {
			return errors.New("damaged")
		}
		return nil
	}
	config, out := func() any { return &number{} }, []workflows.Port{{Name: "out", Type: workflows.Dataset}}
	return workflows.Kinds{
		{Name: "one", Config: config, Outputs: out, Do: do, Intact: intact},
		{Name: "two", Config: config, Inputs: []workflows.Port{{Name: "in", Type: workflows.Dataset}}, Outputs: out, Do: do, Intact: intact},
	}
}

func (f *flow) workflow() workflows.Workflow {
	config := func(n int) json.RawMessage { return json.RawMessage(fmt.Sprintf(`{"n": %d}`, n)) }
	return workflows.Workflow{Name: "test", Stages: []workflows.Stage{
		{Name: "first", Kind: "one", Config: config(f.config[0])},
		{Name: "second", Kind: "two", Inputs: map[string]string{"in": "first.out"}, Config: config(f.config[1])},
	}}
}

func home(t *testing.T) workflows.Env {
	t.Helper()
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return workflows.Env{Bucket: b, Now: time.Now, Who: "ann"}
}

func TestExecute(t *testing.T) {
	f := &flow{}
	e := New(f.kinds(), home(t), Hooks{})
	check := func(what string, want ...string) {
		t.Helper()
		f.ran = nil
		r, err := e.Execute(t.Context(), f.workflow())
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

// A run that failed is continued by another engine, which has only the bucket, from the run's id.
func TestContinue(t *testing.T) {
	f := &flow{fail: "two"}
	env := home(t)
	_, err := New(f.kinds(), env, Hooks{}).Execute(t.Context(), f.workflow())
	if err == nil || !strings.Contains(err.Error(), "second: no luck") {
		t.Errorf("error is %v", err)
	}
	runs := list(t, env)
	if len(runs) != 1 || runs[0].State != Failed || runs[0].Fault.Code != fault.Failed || len(runs[0].Stages) != 1 || runs[0].Who != "ann" {
		t.Fatalf("history is %+v", runs)
	}
	other := &flow{}
	r, err := New(other.kinds(), env, Hooks{}).Continue(t.Context(), runs[0].ID)
	if err != nil || !slices.Equal(other.ran, []string{"two"}) || r.State != Done {
		t.Errorf("after a failure ran %v, %v", other.ran, err)
	}
	if runs = list(t, env); len(runs) != 2 {
		t.Errorf("history has %d runs", len(runs))
	}
}

func list(t *testing.T, env workflows.Env) []Run {
	t.Helper()
	runs, err := NewHistory(env.Bucket, env.Now, "", func(err error) { t.Error(err) }).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func TestRecord(t *testing.T) {
	env := home(t)
	h := NewHistory(env.Bucket, env.Now, "bob", func(err error) { t.Error(err) })
	err := h.Record(t.Context(), "train", number{3}, func(ctx context.Context, l *Log) error {
		if runs := list(t, env); len(runs) != 1 || runs[0].State != Running {
			t.Errorf("while it runs, history is %+v", runs)
		}
		l.Input(workflows.Artefact{Type: workflows.Dataset, Ref: "d@1", Digest: "sha256:1"})
		l.Output(workflows.Artefact{Type: workflows.Adapter, Ref: "out", Digest: "sha256:2"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := h.Record(t.Context(), "publish", nil, func(context.Context, *Log) error { return fault.Mark(fault.Refused, refused) }); !errors.Is(err, refused) {
		t.Errorf("the error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_ = h.Record(ctx, "pull", nil, func(ctx context.Context, _ *Log) error { cancel(); return ctx.Err() })
	states := map[string]Run{}
	for _, r := range list(t, env) {
		states[r.Kind] = r
	}
	if r := states["train"]; r.State != Done || r.Inputs[0].Ref != "d@1" || r.Outputs[0].Digest != "sha256:2" || !strings.HasPrefix(r.ConfigDigest, "sha256:") || r.Finished.IsZero() {
		t.Errorf("%+v", r)
	}
	if r := states["publish"]; r.State != Failed || r.Fault.Code != fault.Refused || r.Fault.Text != "refused" {
		t.Errorf("%+v", r)
	}
	if r := states["pull"]; r.State != Interrupted || r.Fault.Code != fault.Interrupted {
		t.Errorf("%+v", r)
	}
}

// Work is not lost for its history.
func TestHistoryThatCannotBeWritten(t *testing.T) {
	warned := 0
	h := NewHistory(readOnly{home(t).Bucket}, time.Now, "", func(error) { warned++ })
	done := false
	if err := h.Record(t.Context(), "train", nil, func(context.Context, *Log) error { done = true; return nil }); err != nil || !done || warned != 1 {
		t.Errorf("done %v, error %v, %d warnings", done, err, warned)
	}
}

// readOnly is a bucket of which nothing but reading is called.
type readOnly struct{ store.Bucket }

func (readOnly) Put(context.Context, string, io.Reader, int64, store.Condition) (store.Object, error) {
	return store.Object{}, store.ErrReadOnly
}

// TestAlive: what a killed process wrote last is not believed.
func TestAlive(t *testing.T) {
	me := thisProcess()
	elsewhere := Process{Machine: "another", ID: me.ID, Start: me.Start}
	for name, c := range map[string]struct {
		p     Process
		quiet time.Duration
		want  bool
	}{
		"this":                     {me, time.Hour, true},
		"another of this id":       {Process{me.Machine, me.ID, "1"}, 0, false},
		"elsewhere, just seen":     {elsewhere, time.Minute, true},
		"elsewhere, not seen long": {elsewhere, time.Hour, false},
	} {
		if got := c.p.alive(c.quiet); got != c.want {
			t.Errorf("%s: alive is %v", name, got)
		}
	}
	env := home(t)
	dead := Run{ID: "20260101-000000-aaaaaa", State: Running, Started: time.Now(), Seen: time.Now(), Process: Process{me.Machine, me.ID, "1"}}
	if err := putJSON(t.Context(), env.Bucket, Key(dead.ID), dead); err != nil {
		t.Fatal(err)
	}
	if runs := list(t, env); runs[0].State != Interrupted {
		t.Errorf("a dead run is %s", runs[0].State)
	}
}

func TestGet(t *testing.T) {
	env := home(t)
	h := NewHistory(env.Bucket, env.Now, "", func(err error) { t.Error(err) })
	for _, id := range []string{"20260101-000000-aaaaaa", "20260101-000000-bbbbbb"} {
		if err := putJSON(t.Context(), env.Bucket, Key(id), Run{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{"20260101-000000-aaaaaa": "20260101-000000-aaaaaa", "bbbb": "20260101-000000-bbbbbb", "2026": "", "c": "", "": ""} {
		r, err := h.Get(t.Context(), id)
		if r.ID != want || (want == "") != errors.Is(err, ErrNoRun) {
			t.Errorf("%q is %q, %v", id, r.ID, err)
		}
	}
}
