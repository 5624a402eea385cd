package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/ops"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{5, 100, 1}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %g, want %g", c.values, got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("median reordered %v", before)
		}
	}
}

func TestUnit(t *testing.T) {
	rate, duration := unit{Scale: 1e-6}, unit{Scale: 1e3, Less: true}
	s := sample{Seconds: 2, Work: 8e6}
	if got := rate.figure(s); got != 4 {
		t.Errorf("8e6 in 2 s: %g millions a second", got)
	}
	if got := duration.figure(sample{Seconds: 0.5, Work: 10}); got != 50 {
		t.Errorf("10 in 0.5 s: %g ms each", got)
	}
	// Twice as good is 2 in both.
	if r, d := rate.ratio(8, 4), duration.ratio(4, 8); r != 2 || d != 2 {
		t.Errorf("ratios %g and %g, want 2", r, d)
	}
}

func TestSameWork(t *testing.T) {
	for name, c := range map[string]struct {
		ours, peer sample
		same       bool
	}{
		"equal":         {sample{Work: 5, Check: "a", Loss: 2}, sample{Work: 5, Check: "a", Loss: 2}, true},
		"rounding":      {sample{Loss: 2}, sample{Loss: 2.0001}, true},
		"other loss":    {sample{Loss: 2}, sample{Loss: 2.01}, false},
		"no loss":       {sample{Loss: 2}, sample{}, false},
		"not a number":  {sample{Loss: 2}, sample{Loss: math.NaN()}, false},
		"other work":    {sample{Work: 5}, sample{Work: 6}, false},
		"other results": {sample{Check: "a"}, sample{Check: "b"}, false},
	} {
		err := sameWork([]sample{c.ours, c.peer}, 1e-3)
		if c.same != (err == nil) || err != nil && !errors.Is(err, errOtherWork) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sameWork([]sample{{Loss: 1}, {Loss: 2}}, 0); err != nil {
		t.Errorf("losses were compared without a tolerance: %v", err)
	}
}

// script is a side that writes down when it is asked.
type script struct {
	name  string
	log   *[]string
	calls int
	fail  int     // the call that fails, from 1
	work  float64 // more than the others do
}

func (s *script) run(string) (sample, error) {
	s.calls++
	*s.log = append(*s.log, s.name)
	if s.calls == s.fail {
		return sample{}, errors.New("broken")
	}
	return sample{Seconds: float64(s.calls), Work: 1 + s.work}, nil
}

func TestTurns(t *testing.T) {
	var log []string
	sides := []*script{{name: "a", log: &log}, {name: "b", log: &log}}
	samples, err := turns(sides, "case", 2, contest{after: func() error { log = append(log, "."); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abab.ab." {
		t.Errorf("turns were %s, want a warm-up and two runs in turns, and what comes after each", got)
	}
	// The first call is the warm-up: it is no sample.
	if len(samples) != 2 || len(samples[0]) != 2 || samples[0][0].Seconds != 2 || samples[1][1].Seconds != 3 {
		t.Errorf("samples %v, want those of the second and third call", samples)
	}

	log = nil
	sides = []*script{{name: "a", log: &log}, {name: "b", log: &log}}
	if samples, err = turns(sides, "case", 2, contest{sides: []side{{program: "train"}}}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abaabbaabb" || len(samples[0]) != 2 || samples[0][0].Seconds != 3 {
		t.Errorf("turns were %s with samples %v, want two runs in each, of which the second counts", got, samples)
	}

	log = nil
	sides = []*script{{name: "a", log: &log}, {name: "b", log: &log, fail: 2}}
	if _, err := turns(sides, "case", 2, contest{}); err == nil {
		t.Error("a failure in the second run went unseen")
	}
	refuse := errors.New("refused")
	sides = []*script{{name: "a", log: &log}}
	if _, err := turns(sides, "case", 2, contest{after: func() error { return refuse }}); !errors.Is(err, refuse) {
		t.Errorf("got %v, want the error of what comes after a turn", err)
	}
	sides = []*script{{name: "a", log: &log}, {name: "b", log: &log, work: 1}}
	if _, err := turns(sides, "case", 2, contest{}); !errors.Is(err, errOtherWork) {
		t.Errorf("got %v, want the sides to be found unlike", err)
	}
}

func TestReport(t *testing.T) {
	r := report{Row: "demo", Unit: unit{Name: "tokens/s", Scale: 1}}
	samples := []sample{{Seconds: 1, Work: 30}, {Seconds: 1, Work: 10}, {Seconds: 1, Work: 20}}
	r.Cases = []caseResult{{Contest: "fast", Name: "full", Sides: []measured{
		summarise("cultivar", false, samples, r.Unit),
		summarise("torch", true, []sample{{Seconds: 2, Work: 16}}, r.Unit),
	}}}
	r.Cases[0].Sides[0].PeakRSS = 1_499_600_000
	r.Cases = append(r.Cases, caseResult{Contest: "fast", Name: "half", Sides: r.Cases[0].Sides})
	r.noteRatios()
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fast full", "20.0", "10.0–30.0", "8.00", "2.50×", "1500 MB", "2.50× the peer (geometric mean of 2)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if r.side("fast", "full", "torch") == nil || r.side("fast", "full", "jax") != nil || r.side("slow", "full", "torch") != nil {
		t.Error("side finds what is not there, or not what is")
	}
}

func TestProduct(t *testing.T) {
	for _, name := range append(bigProducts(), oddProducts()...) {
		p, err := parseProduct(name)
		if err != nil || p.String() != name {
			t.Errorf("%q is read as %q: %v", name, p, err)
		}
		x, y, err := p.operands(make([]float32, p.m*p.k), make([]float32, p.k*p.n))
		if err != nil || x.Rows != p.m || x.Cols != p.k || y.Rows != p.k || y.Cols != p.n {
			t.Errorf("%s: operands are %d×%d and %d×%d: %v", name, x.Rows, x.Cols, y.Rows, y.Cols, err)
		}
	}
	if _, err := parseProduct("2048 576 forward"); err == nil {
		t.Error("a product of two sizes was accepted")
	}
	if _, _, err := (product{1, 1, 1, "sideways"}).operands([]float32{1}, []float32{1}); err == nil {
		t.Error("an unknown direction was accepted")
	}
	if p := (product{1, 1, 1, "forward"}); float64(p.repeats())*p.flops() < 2e10 {
		t.Errorf("%d repeats of the smallest product are not long enough to time", p.repeats())
	}
}

func TestAttentionShape(t *testing.T) {
	s := attentionShape{4, 512, 9, 3, 64, "training"}
	if got, err := parseAttention(s.String()); err != nil || got != s {
		t.Errorf("%q is read as %v: %v", s, got, err)
	}
	if _, err := parseAttention("4 512 9 3 64 backward"); err == nil {
		t.Error("an unknown pass was accepted")
	}
	// One query of one key: two products of 2·64 operations.
	if got := (attentionShape{1, 1, 1, 1, 64, "forward"}).flops(); got != 256 {
		t.Errorf("%g operations, want 256", got)
	}
}

// Four operations a token for a frozen parameter, six for a trained one, and attention.
func TestStepFLOPs(t *testing.T) {
	const frozen = 134_479_872       // parameters in matrices of SmolLM-135M
	const factors = 4_884_480        // of LoRA r16 on all linear modules
	const first = 576*960 + 3*16*576 // of the first layer's q, k and v, to whose input nothing goes back
	got := stepFLOPs(0)
	want := 4.0*frozen + 6*factors - 2*first + 3*layers*2*2*heads*64*0.5
	if got != want {
		t.Errorf("%g operations a token, want %g", got, want)
	}
}

func TestConfigFor(t *testing.T) {
	for _, d := range []dataset{full, mixed, chats} {
		c, err := trainer.ParseConfig([]byte(configFor(d)))
		if err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
		if c.Objective != d.objective || c.LoRA.Rank != rank || c.BatchSize != batch || c.Shuffle || c.EvalFraction != 0 {
			t.Errorf("%s: %+v", d.name, c)
		}
	}
}

// TestData: the rows are as long as they claim, and of the conversations 30 % is trained.
func TestData(t *testing.T) {
	dir := t.TempDir()
	files, err := tokenizerFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	enc, err := encoderOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []dataset{full, mixed, chats} {
		b := &bench{dir: t.TempDir(), log: io.Discard}
		_, path, err := d.writeRows(b, enc)
		if err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		checkSteps(t, d, readSteps(t, path))
	}
}

func readSteps(t *testing.T, path string) [][]peerRow {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Steps [][]peerRow }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Steps
}

func checkSteps(t *testing.T, d dataset, steps [][]peerRow) {
	t.Helper()
	if len(steps) < dataSteps {
		t.Errorf("%s: %d steps, want %d", d.name, len(steps), dataSteps)
	}
	tokens, trained, rows := 0, 0, 0
	for _, step := range steps[:dataSteps-1] { // the last may be shorter
		for _, r := range step {
			rows++
			tokens += len(r.IDs)
			for _, l := range r.Labels {
				if l != pack.IgnoreIndex {
					trained++
				}
			}
		}
	}
	full := (dataSteps - 1) * batch * sequence
	share := float64(trained) / float64(tokens)
	switch {
	case d.name != "mixed" && tokens != full, tokens > full, tokens < full*9/10:
		t.Errorf("%s: %d tokens in full steps of %d", d.name, tokens, full)
	case d.name == "mixed" && rows < 2*full/sequence:
		t.Errorf("mixed: %d rows are no mixture", rows)
	case d.name == "chats" && math.Abs(share-0.3) > 0.005, d.name != "chats" && share != 1:
		t.Errorf("%s: %.3f of the tokens are trained", d.name, share)
	}
}

// TestQuantisedEntries: a base that says it is quantised is read as such, with every part in place.
func TestQuantisedEntries(t *testing.T) {
	for typ, parts := range map[string]int{"float32": 1, "bfloat16": 1, "int8": 3, "nf4": 4} {
		for name, want := range map[string]int{
			"model.layers.0.mlp.up_proj.weight": parts, "model.layers.0.input_layernorm.weight": 1, "model.embed_tokens.weight": 1,
		} {
			p := ops.NewParam(name, 4, 128)
			if strings.Contains(name, "norm") {
				p = ops.NewParam(name, 1, 128)
			}
			entries, err := entriesOf(p, typ)
			if err != nil || len(entries) != want || entries[0].Name != name {
				t.Errorf("%s in %s: %d tensors, want %d: %v", name, typ, len(entries), want, err)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	var log bytes.Buffer
	for _, args := range [][]string{{}, {"nonesuch"}, {"gemm", "extra"}, {"gemm", "--nonesuch"}} {
		if err := run(t.Context(), args, nil, io.Discard, &log); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("bench %s: %v", strings.Join(args, " "), err)
		}
	}
	for _, r := range rows() {
		if !strings.Contains(log.String(), fmt.Sprintf("  %-10s ", r.name)) {
			t.Errorf("usage does not name %s", r.name)
		}
	}
}
