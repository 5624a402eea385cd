package workflows

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// numbers is the configuration of the kinds here.
type numbers struct {
	X    int      `yaml:"x"`
	List []string `yaml:"list"`
}

func (n *numbers) Validate() error {
	if n.X < 0 {
		return errors.New("x is negative")
	}
	return nil
}

func kinds(version int) Kinds {
	config := func() any { return &numbers{X: 1} }
	return Kinds{
		{Name: "make", Version: version, Config: config, Outputs: []Port{{"out", Dataset}}},
		{Name: "join", Version: version, Config: config, Inputs: []Port{{"left", Dataset}, {"right", Dataset}}, Outputs: []Port{{"out", Adapter}}},
		{Name: "use", Config: config, Inputs: []Port{{"in", Adapter}}},
	}
}

func made(name string) Stage { return Stage{Name: name, Kind: "make"} }

var three = Workflow{Name: "w", Stages: []Stage{made("a"), made("b"),
	{Name: "c", Kind: "join", Inputs: map[string]string{"left": "a.out", "right": "b.out"}}}}

// history knows some stages; the output of each is named after it.
type history map[string]error

func (h history) known(t Task) (Record, bool, error) {
	name := t.Stage.Name
	err, ok := h[name]
	return Record{Stage: name, Result: outputs(name), Finished: time.Unix(0, 0).UTC()}, ok && err == nil, err
}

func outputs(digest string) Result {
	return Result{Outputs: Artefacts{"out": {Type: Dataset, Digest: digest}}}
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known history
		want  string
	}{
		{"nothing done", history{}, "a run, b run, c decide"},
		{"all done", history{"a": nil, "b": nil, "c": nil}, "a reuse, b reuse, c reuse"},
		{"last missing", history{"a": nil, "b": nil}, "a reuse, b reuse, c run"},
		{"middle missing", history{"a": nil, "c": nil}, "a reuse, b run, c decide"},
		{"damaged", history{"a": errors.New("gone"), "b": nil, "c": nil}, "a run, b reuse, c decide"},
	} {
		plan, err := Plan(three, kinds(1), tt.known.known)
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
	key := func(k Kinds, config, left, right, ref string) string {
		t.Helper()
		done := map[string]Result{"a": outputs(left), "b": outputs(right)}
		a := done["a"].Outputs["out"]
		a.Ref = ref
		done["a"].Outputs["out"] = a
		s := three.Stages[2]
		s.Config = json.RawMessage(config)
		task, err := s.Task(k, done)
		if err != nil {
			t.Fatal(err)
		}
		return task.Key
	}
	want := key(kinds(1), `{"x": 1}`, "1", "2", "here")
	for name, same := range map[string]string{
		"where an input lies": key(kinds(1), `{"x": 1}`, "1", "2", "there"),
		"a default":           key(kinds(1), ``, "1", "2", "here"),
		"an empty list":       key(kinds(1), `{"list": []}`, "1", "2", "here"),
	} {
		if same != want {
			t.Errorf("the key depends on %s", name)
		}
	}
	for name, other := range map[string]string{
		"config":  key(kinds(1), `{"x": 2}`, "1", "2", "here"),
		"input":   key(kinds(1), `{"x": 1}`, "1", "3", "here"),
		"port":    key(kinds(1), `{"x": 1}`, "2", "1", "here"),
		"version": key(kinds(2), `{"x": 1}`, "1", "2", "here"),
	} {
		if other == want {
			t.Errorf("the key does not depend on the %s", name)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := three.Validate(kinds(1)); err != nil {
		t.Error(err)
	}
	join := func(left, right string) Stage {
		return Stage{Name: "j", Kind: "join", Inputs: map[string]string{"left": left, "right": right}}
	}
	for want, stages := range map[string][]Stage{
		"it has no stages":               nil,
		"stage a occurs twice":           {made("a"), made("a")},
		"which no stage before it makes": {join("a.out", "a.out"), made("a")},
		`"a.none", which no stage`:       {made("a"), join("a.none", "a.out")},
		"a dataset, want a adapter":      {made("a"), {Name: "u", Kind: "use", Inputs: map[string]string{"in": "a.out"}}},
		"input right is missing":         {made("a"), {Name: "j", Kind: "join", Inputs: map[string]string{"left": "a.out"}}},
		"kind make has no input in":      {made("a"), {Name: "b", Kind: "make", Inputs: map[string]string{"in": "a.out"}}},
		`there is no kind "mk"`:          {{Name: "a", Kind: "mk"}},
		`stage name "a.b"`:               {made("a.b")},
		`line 1: unknown key "y"`:        {{Name: "a", Kind: "make", Config: json.RawMessage(`{"y": 1}`)}},
		"config of make: x is negative":  {{Name: "a", Kind: "make", Config: json.RawMessage(`{"x": -1}`)}},
	} {
		err := Workflow{Name: "w", Stages: stages}.Validate(kinds(1))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// TestEncode: what is encoded is read back as it was, whatever its texts hold.
func TestEncode(t *testing.T) {
	in := numbers{X: 7, List: []string{"x\x1b\n\u20ac\"'\u202e", "", "- a: b", "1e3", "null", "{{ x }}"}}
	text, err := Encode(&in)
	if err != nil {
		t.Fatal(err)
	}
	var out numbers
	if err := json.Unmarshal([]byte(strings.NewReplacer(`"x"`, `"X"`, `"list"`, `"List"`).Replace(string(text))), &out); err != nil {
		t.Fatal(err)
	}
	var again numbers
	if err := yaml.UnmarshalWithOptions(text, &again, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for i, want := range in.List {
		if out.List[i] != want || again.List[i] != want {
			t.Errorf("%q became %q as JSON and %q as YAML", want, out.List[i], again.List[i])
		}
	}
}
