package objective

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// Every kind of row is learned by somebody, and every key belongs to an objective.
func TestList(t *testing.T) {
	for _, kind := range []datasets.Kind{
		datasets.KindText, datasets.KindConversation, datasets.KindCompletion, datasets.KindPreference, datasets.KindJudged,
		datasets.KindGrounded,
	} {
		if Of(kind) == "" {
			t.Errorf("nobody takes rows of kind %s", kind)
		}
	}
	owned := map[string]bool{}
	for _, o := range List(DefaultConfig()) {
		f := o.Facts()
		if f.Name == "" || f.Unit == "" || len(f.Kinds) == 0 {
			t.Errorf("%+v is incomplete", f)
		}
		for _, k := range f.Keys {
			owned[k] = true
		}
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		section := reflect.TypeFor[Config]().Field(i).Type
		for k := range section.NumField() {
			if key := section.Field(k).Tag.Get("yaml"); !owned[key] {
				t.Errorf("no objective reads %s", key)
			}
		}
	}
	if _, err := ByName("rlhf", DefaultConfig()); err == nil || !strings.Contains(err.Error(), "clm, sft, dpo, kto") {
		t.Errorf("error is %v", err)
	}
}

func TestCheck(t *testing.T) {
	o, err := ByName("sft", DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	talk := datasets.Example{ExampleID: "row-1", Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user"}}}}
	if err := Check(o, []datasets.Example{talk}); err != nil {
		t.Error(err)
	}
	err = Check(o, []datasets.Example{talk, {ExampleID: "row-2", Text: "secret"}})
	if want := "objective is sft, but row-2 is a text, which takes objective: clm"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}
	for name, want := range map[string]string{"kto": `takes objective: sft; a judged answer has a "label"`, "dpo": `sft; a pair of answers is "chosen"`} {
		if o, err = ByName(name, DefaultConfig()); err != nil {
			t.Fatal(err)
		}
		if err := Check(o, []datasets.Example{talk}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	nan := math.NaN()
	for _, change := range []func(*Config){
		func(c *Config) { c.DPOBeta = 0 }, func(c *Config) { c.DPOBeta = nan },
		func(c *Config) { c.KTOBeta = -1 }, func(c *Config) { c.DesirableWeight = -1 }, func(c *Config) { c.UndesirableWeight = nan },
	} {
		c := DefaultConfig()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// Each prompt gets the answer of the row before, the first that of the last, cut to the sequence's length.
func TestMismatch(t *testing.T) {
	row := func(prompt, answer []int32) pack.Row {
		return pack.Row{IDs: slices.Concat(prompt, answer), Trained: append(make([]bool, len(prompt)), true, true)[:len(prompt)+len(answer)]}
	}
	rows := []pack.Row{row([]int32{1}, []int32{11}), row([]int32{2, 2, 2}, []int32{12, 12}), row([]int32{3}, []int32{13, 13})}
	for i, want := range [][]int32{{1, 13, 13}, {2, 2, 2, 11}, {3, 12, 12}} {
		if got := mismatch(rows, 4)[i]; !slices.Equal(got.IDs, want) || answerStart(got) != answerStart(rows[i]) {
			t.Errorf("row %d: %v, want %v", i, got, want)
		}
	}
	if got := mismatch(rows, 2)[0]; !slices.Equal(got.IDs, []int32{1, 13}) {
		t.Errorf("cut to 2: %v", got.IDs)
	}
}

// The derivative is that of the loss.
func TestVerdictsSlope(t *testing.T) {
	c := KTOConfig{KTOBeta: 0.3, DesirableWeight: 1.2, UndesirableWeight: 0.7}
	for _, good := range []bool{true, false} {
		for _, x := range []float64{-400, -3, 0, 0.5, 400} {
			at := func(x float64) float64 { v := verdicts{KTOConfig: c, kl: 0.4}; v.add(x, 0.1, good); return v.loss }
			v := verdicts{KTOConfig: c, kl: 0.4}
			slope, want := v.add(x, 0.1, good), (at(x+1e-4)-at(x-1e-4))/2e-4
			if math.IsNaN(slope) || math.Abs(slope-want) > 1e-6 {
				t.Errorf("good %v at %g: slope %g, want %g", good, x, slope, want)
			}
		}
	}
}

func TestMetricsAreMembers(t *testing.T) {
	got, err := Metrics{{"kl", 0}, {"rewards/chosen", 1.5}}.Append([]byte(`{"step":1}`))
	if want := `{"step":1,"kl":0,"rewards/chosen":1.5}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := (Metrics{}).Append([]byte(`{"step":1}`)); err != nil || string(got) != `{"step":1}` {
		t.Errorf("%s, %v", got, err)
	}
}
