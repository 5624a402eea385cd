package spec

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/quickstart"
)

var all = kinds.All(kinds.Hooks{})

// TestRoundTrip: a workflow comes out of a file as it went in.
func TestRoundTrip(t *testing.T) {
	w, err := quickstart.Workflow()
	if err != nil {
		t.Fatal(err)
	}
	text, err := Save(w, all)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(text, all)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(again, w) {
		t.Errorf("it became %+v, was %+v", again, w)
	}
}

const good = `name: nightly
stages:
  - name: base
    kind: unpack base
    config: {digest: "sha256:1"}
  - name: documents
    kind: unpack documents
  - name: rows
    kind: ingest
    inputs: {documents: documents.documents}
    config:
      dataset: d
      split: {validation: 0, test: 0.5}
  - name: fit
    kind: train
    inputs: {base: base.base, data: rows.dataset}
    config:
      max_steps: 3
`

func TestLoad(t *testing.T) {
	w, err := Load([]byte(good), all)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(w.Stages[3].Config); !strings.Contains(got, `"max_steps":3`) || !strings.Contains(got, `"lora_alpha":32`) {
		t.Errorf("the configuration is %s", got)
	}
	for want, change := range map[string][2]string{
		`line 18: unknown key "max_step"; did you mean "max_steps"?`: {"max_steps: 3", "max_step: 3"},
		`line 13: unknown key "tset"`:                                {"test: 0.5", "tset: 0.5"},
		`line 10: unknown key "input"`:                               {"inputs: {documents", "input: {documents"},
		`there is no kind "injest"`:                                  {"kind: ingest", "kind: injest"},
		`input data is missing`:                                      {", data: rows.dataset", ""},
		`a documents, want a dataset`:                                {"rows.dataset", "documents.documents"},
		`dataset name ""`:                                            {"      dataset: d\n", ""},
		`line 18: want a whole number`:                               {"max_steps: 3", "max_steps: many"},
		`it has no stages`:                                           {good, "name: x\n"},
		`line 2`:                                                     {good, "name: x\n\tstages: []"},
	} {
		_, err := Load([]byte(strings.Replace(good, change[0], change[1], 1)), all)
		if !errors.Is(err, workflows.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// FuzzLoad: whatever a file holds is a workflow that can be written again, or refused.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: x\nstages: [{name: a, kind: ask, config: }]"))
	f.Add([]byte("stages: &a [*a]"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := Load(text, all)
		if err != nil {
			return
		}
		saved, err := Save(w, all)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if again, err := Load(saved, all); err != nil || !reflect.DeepEqual(again, w) {
			t.Errorf("%+v became %+v (%v)", w, again, err)
		}
	})
}
