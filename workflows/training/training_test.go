package training_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/embedded"
	basefiles "github.com/cultivar/cultivar/internal/embedded/base"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/inspect"
	"github.com/cultivar/cultivar/workflows/training"
)

func base(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), basefiles.Name)
	if err := embedded.Unpack(basefiles.FS, basefiles.Name, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// write makes a file of JSON lines.
func write(t *testing.T, path string, rows ...any) string {
	t.Helper()
	var b strings.Builder
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(b.String()), 0o666)); err != nil {
		t.Fatal(err)
	}
	return path
}

func texts(n, words int) []any {
	var rows []any
	for i := range n {
		rows = append(rows, map[string]any{"text": fmt.Sprintf("Room %d. %s", i, strings.Repeat("The balance is checked at noon. ", words))})
	}
	return rows
}

type message = map[string]any

func talks(n int) []any {
	var rows []any
	for i := range n {
		rows = append(rows, map[string]any{"messages": []message{
			{"role": "user", "content": fmt.Sprintf("Where is key %d?", i)}, {"role": "assistant", "content": fmt.Sprintf("On hook %d.", 3*i)},
		}})
	}
	return rows
}

func config(change func(*trainer.Config)) trainer.Config {
	c := trainer.DefaultConfig()
	c.LoRA.Rank, c.MaxSteps, c.BatchSize, c.MicroBatchSize, c.MaxSeqLength, c.EvalFraction = 2, 2, 4, 2, 48, 0
	if change != nil {
		change(&c)
	}
	return c
}

func train(t *testing.T, base, data string, c trainer.Config) (training.Result, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	r, err := training.Train(context.Background(), training.Options{Home: t.TempDir(), Base: base, Data: data, Config: c, OutDir: out})
	if err != nil {
		t.Fatal(err)
	}
	return r, out
}

// One split has one loss, whoever measures it, however long its rows are; nothing measured is no number.
func TestHeldOutLossIsThatOfEval(t *testing.T) {
	b, data := base(t), t.TempDir()
	write(t, filepath.Join(data, "train.jsonl"), texts(6, 2)...)
	write(t, filepath.Join(data, "validation.jsonl"), texts(3, 20)...)
	r, out := train(t, b, data, config(func(c *trainer.Config) { c.AppendEOS = false }))
	opts := training.EvalOptions{Home: t.TempDir(), Base: b, Adapter: out, Data: data, Split: "validation"}
	e, err := training.Eval(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if r.EvalAfter == nil || e.Loss == nil || math.Abs(*r.EvalAfter-*e.Loss) > 1e-12 || e.Windowed != 3 || len(e.Rows) != 3 {
		t.Errorf("train says %v, eval %+v", r.EvalAfter, e)
	}
	r, _ = train(t, b, write(t, filepath.Join(t.TempDir(), "rows.jsonl"), texts(6, 2)...), config(nil))
	if r.EvalBefore != nil || r.EvalAfter != nil {
		t.Errorf("a loss of no rows: %v, %v", r.EvalBefore, r.EvalAfter)
	}
}

// How a run was done is no part of what it made, and called again it does nothing.
func TestOneDigest(t *testing.T) {
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), texts(6, 2)...)
	want, out := train(t, b, data, config(nil))
	for name, change := range map[string]func(*trainer.Config){
		"micro_batch_size":       func(c *trainer.Config) { c.MicroBatchSize = 1 },
		"gradient_checkpointing": func(c *trainer.Config) { c.GradientCheckpointing = true },
		"logging and saving":     func(c *trainer.Config) { c.LoggingSteps, c.SaveSteps, c.EvalSteps = 2, 1, 1 },
	} {
		if got, _ := train(t, b, data, config(change)); got.Digest != want.Digest || got.AdapterDigest != want.AdapterDigest {
			t.Errorf("%s changes the digest", name)
		}
	}
	again, err := training.Train(context.Background(), training.Options{Home: t.TempDir(), Base: b, Data: data, OutDir: out,
		Config: config(func(c *trainer.Config) { c.MicroBatchSize = 1 })})
	if err != nil || !again.Reused || again.Digest != want.Digest {
		t.Errorf("called again: reused %v, %v", again.Reused, err)
	}
}

// A template of one's own is in the lineage and not in the base; who evaluates has to name it. What it is
// told of the day is of the configuration, not of the day.
func TestTemplateOfOnesOwn(t *testing.T) {
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), talks(6)...)
	template := filepath.Join(t.TempDir(), "t.jinja")
	source := `{{ strftime_now("%d %b %Y") }}{% for m in messages %}<{{ m.role }}>{{ m.content }}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`
	if err := os.WriteFile(template, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	sft := func(c *trainer.Config) { c.Objective = "sft" }
	plain, _ := train(t, b, data, config(sft))
	own := func(c *trainer.Config) { c.Objective, c.ChatTemplate = "sft", template }
	with, out := train(t, b, data, config(own))
	if with.Lineage.Base != plain.Lineage.Base || with.Lineage.ChatTemplate == "" || plain.Lineage.ChatTemplate != "" || with.Digest == plain.Digest {
		t.Errorf("lineages %+v and %+v", plain.Lineage, with.Lineage)
	}
	if !strings.Contains(string(with.Lineage.Config), "2024-07-26") || strings.Contains(string(plain.Lineage.Config), "clock") {
		t.Errorf("configurations %s and %s", plain.Lineage.Config, with.Lineage.Config)
	}
	later, _ := train(t, b, data, config(func(c *trainer.Config) { own(c); c.Clock = "2026-11-30" }))
	if later.Lineage.RunDigest == with.Lineage.RunDigest {
		t.Error("another day is the same run")
	}
	opts := training.EvalOptions{Home: t.TempDir(), Base: b, Adapter: out, Data: data}
	if _, err := training.Eval(context.Background(), opts); !errors.Is(err, training.ErrTemplate) {
		t.Errorf("error is %v", err)
	}
	opts.ChatTemplate = template
	if _, err := training.Eval(context.Background(), opts); err != nil {
		t.Error(err)
	}
}

// The plan shows what is trained.
func TestPlanShowsRows(t *testing.T) {
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), talks(6)...)
	o := training.Options{Home: t.TempDir(), Base: b, Data: data, Config: config(func(c *trainer.Config) { c.Objective = "sft" })}
	p, err := training.PlanTraining(context.Background(), o, 2)
	if err != nil {
		t.Fatal(err)
	}
	trained := ""
	for _, piece := range p.Shown[0].Pieces {
		if piece.Trained {
			trained += piece.Text
		}
	}
	if len(p.Shown) != 2 || !strings.Contains(trained, "On hook 0.<|eot_id|>") || strings.Contains(trained, "key") {
		t.Errorf("shown: %+v", p.Shown)
	}
	if p.TrainOn != "all" || p.TrainOnWhy == "" || p.Rows != 6 || p.Trained == 0 || p.Steps != 2 {
		t.Errorf("plan: %+v", p)
	}
}

// TestPlanAgreesWithInspect: what both say of a base is the same.
func TestPlanAgreesWithInspect(t *testing.T) {
	b := base(t)
	info, err := inspect.OfBase(b)
	if err != nil {
		t.Fatal(err)
	}
	plan := func(change func(*trainer.Config), rows ...any) training.Plan {
		t.Helper()
		c := trainer.DefaultConfig()
		c.EvalFraction = 0
		if change != nil {
			change(&c)
		}
		data := write(t, filepath.Join(t.TempDir(), "rows.jsonl"), rows...)
		p, err := training.PlanTraining(context.Background(), training.Options{Home: t.TempDir(), Base: b, Data: data, Config: c, Memory: 1 << 40}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := plan(nil, texts(8, 400)...) // each fills a window
	if p.Base.Name != info.Name || p.Base.Digest != info.Digest || p.Layers != info.Layers {
		t.Errorf("plan has %+v and %d layers, inspect %s %s and %d", p.Base, p.Layers, info.Name, info.Digest, info.Layers)
	}
	trained := int64(0)
	for _, target := range info.Targets {
		trained += int64(target.Count) * int64(info.Memory.AdapterRank) * int64(target.In+target.Out)
	}
	if p.Trainable != trained || 4*p.Trainable != info.Memory.AdapterSize {
		t.Errorf("plan trains %d parameters, the shapes of inspect have %d and an adapter of %d bytes", p.Trainable, trained, info.Memory.AdapterSize)
	}
	if p.MicroBatchTokens != info.Memory.TrainTokens || p.Weights+p.Adapter+p.Activate != info.Memory.Train {
		t.Errorf("plan takes %d bytes for %d tokens, inspect says %d for %d", p.Weights+p.Adapter+p.Activate, p.MicroBatchTokens, info.Memory.Train, info.Memory.TrainTokens)
	}
	less := plan(func(c *trainer.Config) { c.GradientCheckpointing = true }, texts(8, 400)...)
	if less.Weights+less.Adapter+less.Activate != info.Memory.TrainLess {
		t.Errorf("recomputed, plan takes %d bytes, inspect says %d", less.Weights+less.Adapter+less.Activate, info.Memory.TrainLess)
	}
	if p.SecondsPerStep <= 0 {
		t.Errorf("a step takes %g seconds", p.SecondsPerStep)
	}
}

// Pairs and judged answers are scored by the loss that they were trained with.
func TestEvalOfAnswers(t *testing.T) {
	b := base(t)
	judged := write(t, filepath.Join(t.TempDir(), "judged.jsonl"),
		map[string]any{"prompt": "one?", "completion": "yes", "label": true}, map[string]any{"prompt": "two?", "completion": "no", "label": false})
	e, err := training.Eval(context.Background(), training.EvalOptions{Home: t.TempDir(), Base: b, Data: judged})
	if err != nil {
		t.Fatal(err)
	}
	// The base compared with itself: σ(0).
	if e.Objective != "kto" || e.Loss == nil || math.Abs(*e.Loss-0.5) > 1e-9 || e.Count != 2 {
		t.Errorf("%+v", e)
	}
}

// Without texts of the user's the base writes what the adapter is held to it on, once: the second run reads
// it and ends with the same bits.
func TestReplayOfWhatTheBaseWrites(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	b, data := base(t), write(t, filepath.Join(t.TempDir(), "rows.jsonl"), append(texts(4, 2), talks(4)...)...)
	c := config(func(c *trainer.Config) {
		c.Objective, c.Replay.Weight, c.Replay.Rows, c.Replay.Length, c.Replay.BatchSize = "knowledge", 1, 5, 16, 2
	})
	p, err := training.PlanTraining(context.Background(), training.Options{Home: t.TempDir(), Base: b, Data: data, Config: c, OutDir: "out"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var told []int
	run := func(c trainer.Config) training.Result {
		t.Helper()
		o := training.Options{Home: t.TempDir(), Base: b, Data: data, Config: c, OutDir: filepath.Join(t.TempDir(), "out")}
		o.Hooks.OnReplay = func(done, rows int) { told = append(told, done, rows) }
		r, err := training.Train(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := run(c)
	if len(told) < 2 || told[len(told)-2] != 5 || told[len(told)-1] != 5 {
		t.Errorf("told of %v texts", told)
	}
	told = nil
	if again := run(c); again.AdapterDigest != first.AdapterDigest || told != nil {
		t.Errorf("%s, then %s; told of %v", first.AdapterDigest, again.AdapterDigest, told)
	}
	if mean := float64(first.Tokens) / float64(first.Steps); mean > p.TokensPerStep {
		t.Errorf("%g tokens a step, planned %g", mean, p.TokensPerStep)
	}
	c.Replay.Weight = 2
	if heavier := run(c); heavier.AdapterDigest == first.AdapterDigest {
		t.Error("the weight of replay changes nothing")
	}
	c.Replay.Weight = 0
	without := run(c)
	c.Replay.Rows = 9
	if same := run(c); same.Lineage.RunDigest != without.Lineage.RunDigest {
		t.Error("without a weight, a key of replay makes another run")
	}
}

// Replay of one's own texts is named in the lineage, and only texts will do.
func TestReplayOfOnesOwn(t *testing.T) {
	b, dir := base(t), t.TempDir()
	data := write(t, filepath.Join(dir, "rows.jsonl"), texts(4, 2)...)
	c := config(func(c *trainer.Config) {
		c.Replay.Weight, c.Replay.Data = 1, write(t, filepath.Join(dir, "general.jsonl"), texts(3, 9)...)
	})
	r, _ := train(t, b, data, c)
	if d := r.Lineage.Datasets; len(d) != 2 || d[1].Name != "general.jsonl" || d[1].Digest == "" {
		t.Errorf("made from %+v", d)
	}
	for rows, want := range map[string]string{
		write(t, filepath.Join(dir, "talks.jsonl"), talks(2)...): "replay: " + filepath.Join(dir, "talks.jsonl") + " holds texts, but row-1 is a conversation",
		filepath.Join(dir, "none.jsonl"):                         "replay: ",
	} {
		c.Replay.Data = rows
		out := filepath.Join(t.TempDir(), "out")
		_, err := training.Train(context.Background(), training.Options{Home: t.TempDir(), Base: b, Data: data, Config: c, OutDir: out})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
