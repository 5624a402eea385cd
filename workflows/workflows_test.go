package workflows

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func stage(name string, config any, needs ...string) Stage {
	return Stage{Name: name, Needs: needs, Config: config, Version: 1}
}

var three = Workflow{Name: "w", Stages: []Stage{stage("a", 1), stage("b", 2, "a"), stage("c", 3, "a", "b")}}

// history knows some stages; the output of each is named after it.
type history map[string]error

func (h history) known(s Stage, _ string) (Record, bool, error) {
	err, ok := h[s.Name]
	return Record{Stage: s.Name, Output: Output{Digest: "digest of " + s.Name}, Finished: time.Unix(0, 0).UTC()}, ok && err == nil, err
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known history
		want  string
	}{
		{"nothing done", history{}, "a run, b decide, c decide"},
		{"all done", history{"a": nil, "b": nil, "c": nil}, "a reuse, b reuse, c reuse"},
		{"last missing", history{"a": nil, "b": nil}, "a reuse, b reuse, c run"},
		{"middle missing", history{"a": nil, "c": nil}, "a reuse, b run, c decide"},
		{"damaged", history{"a": errors.New("gone"), "b": nil, "c": nil}, "a run, b decide, c decide"},
	} {
		plan, err := Plan(three, tt.known.known)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range plan {
			got = append(got, p.Stage+" "+string(p.Action))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: plan is %v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestKey(t *testing.T) {
	in := Inputs{"a": {Digest: "1", Ref: "somewhere"}, "b": {Digest: "2"}}
	key := func(s Stage, in Inputs) string {
		k, err := s.Key(in)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	want := key(stage("s", map[string]int{"x": 1}), in)
	if key(stage("s", map[string]int{"x": 1}), Inputs{"b": {Digest: "2"}, "a": {Digest: "1", Ref: "elsewhere"}}) != want {
		t.Error("the key depends on where an input lies")
	}
	newer := stage("s", map[string]int{"x": 1})
	newer.Version = 2
	for name, other := range map[string]string{
		"name":    key(stage("t", map[string]int{"x": 1}), in),
		"config":  key(stage("s", map[string]int{"x": 2}), in),
		"input":   key(stage("s", map[string]int{"x": 1}), Inputs{"a": {Digest: "1"}, "b": {Digest: "3"}}),
		"version": key(newer, in),
	} {
		if other == want {
			t.Errorf("the key does not depend on the %s", name)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := three.Validate(); err != nil {
		t.Error(err)
	}
	bad := Workflow{Name: "w", Stages: []Stage{stage("a", 0, "b"), stage("b", 0), stage("b", 0)}}
	err := bad.Validate()
	for _, want := range []string{"a needs b", "b occurs twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}
