package modelverbs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/inspect"
)

// printBase says what a base is: no label is longer than 7 characters, and a digest has 71, so that it
// fits into 80 columns.
func printBase(a *door.App, i inspect.Base) error {
	var f door.Fields
	if i.Commit != "" {
		f.Add("base", "%s at commit %s", i.Name, i.Commit)
	} else {
		f.Add("base", "%s", i.Path)
	}
	f.Add("digest", "%s", i.Digest)
	f.Add("family", "%s (%s)", door.OrNone(i.ModelType), door.OrNone(i.Architecture))
	f.Some("refused", i.Unsupported)
	f.Add("weights", "%s parameters, %s as %s", humanize.Count(i.Parameters), humanize.Bytes(i.WeightBytes), door.Commas(slices.Sorted(maps.Keys(i.StoredTypes))))
	f.Add("shape", "%d layers, %d wide, MLP %d, %d heads of %d, %d for keys and values%s", i.Layers, i.HiddenSize, i.IntermediateSize,
		i.Heads, i.HeadDim, i.KeyValueHeads, map[bool]string{true: ", tied embeddings"}[i.Tied])
	f.Add("context", "%s", contextText(i))
	f.Add("tokens", "%s", tokenizerText(i.Tokenizer))
	for n, role := range i.Tokenizer.Roles() {
		f.Add(map[bool]string{true: "special"}[n == 0], "%s %d %s", role, i.Tokenizer.Special[role], i.Tokenizer.Text(role))
	}
	f.Add("chat", "%s", templateText(i.Chat))
	for n, t := range i.Targets {
		f.Add(map[bool]string{true: "targets"}[n == 0], "%s %d×%d, %d of them", t.Name, t.Out, t.In, t.Count)
	}
	for n, t := range i.Weights {
		of := ""
		if t.Experts > 0 {
			of = fmt.Sprintf("%d experts of ", t.Experts)
		}
		f.Add(map[bool]string{true: "experts"}[n == 0], "%s %s%d×%d, %d of them", t.Name, of, t.Out, t.In, t.Count)
	}
	f.Add("serve", "%s and %s a token of context", humanize.Bytes(i.Memory.Serve), humanize.Bytes(i.Memory.CacheToken))
	if m := i.Memory; m.Train > 0 {
		f.Add("train", "about %s, or %s with gradient_checkpointing (r %d, %d tokens at a time)",
			humanize.Bytes(m.Train), humanize.Bytes(m.TrainLess), m.AdapterRank, m.TrainTokens)
	}
	for _, odd := range i.Oddities {
		f.Add("note", "%s", odd)
	}
	return a.PrintFields(&f)
}

func contextText(i inspect.Base) string {
	text := "not said"
	if i.Context > 0 {
		text = fmt.Sprintf("%d positions", i.Context)
	}
	if i.SlidingWindow > 0 {
		text += fmt.Sprintf(", a window of %d", i.SlidingWindow)
	}
	text += fmt.Sprintf("; rope %s, theta %g", i.Rope.Type, i.Rope.Theta)
	if i.Rope.Factor > 0 {
		text += fmt.Sprintf(", factor %g", i.Rope.Factor)
	}
	return text
}

func tokenizerText(t inspect.Tokenizer) string {
	if t.Vocabulary == 0 {
		return "not readable"
	}
	text := fmt.Sprintf("%s, %d", door.OrNone(t.Kind), t.Vocabulary)
	if len(t.Stop) > 0 {
		text += "; a text ends at " + strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Stop), " ", ", "), "[]")
	}
	return text
}

// templateText says what a template can do, and what it cannot.
func templateText(t *inspect.Template) string {
	if t == nil {
		return "no template: conversations need one"
	}
	names := "template"
	if len(t.Names) > 1 {
		names = "templates " + door.Commas(t.Names)
	}
	marks := "by prefixes"
	switch {
	case !t.Masks:
		marks = "not to be told apart"
	case t.Generation:
		marks = "by {% generation %}"
	}
	return fmt.Sprintf("%s: system %s, tools %s, answers %s", names, yesNo(t.System), yesNo(t.Tools), marks)
}

func yesNo(ok bool) string { return map[bool]string{true: "yes", false: "no"}[ok] }
