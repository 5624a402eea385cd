// Package next says what one would do next in a home, given what is in it and what was done last.
package next

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

// Step is one thing to do.
type Step struct {
	Command string `json:"command"` // as it is typed, without the program's name
	Why     string `json:"why"`
}

// Seen is what is in a home.
type Seen struct {
	Runs     []run.Run // the newest first
	Datasets []string  // names, the newest first
	Adapters []string  // names of what is published, the newest first
	// There tells whether a path that a run worked on is still on this machine; Base how to name a base of
	// that name, "" when that is not known.
	There func(path string) bool
	Base  func(name string) string
}

// unknown stands for a base that has to be chosen.
const unknown = "BASE"

// Steps lists three things that one would do next.
func Steps(s Seen) []Step {
	steps := s.forward()
	if len(s.Runs) > 0 {
		if last := s.Runs[0]; last.State == run.Failed || last.State == run.Interrupted {
			why := fmt.Sprintf("see why the last run, of %s, did not end well", last.Kind)
			steps = slices.Insert(steps, 0, Step{"runs show " + last.ID, why})
		}
	}
	return steps[:3]
}

// forward goes on from what was made last.
func (s Seen) forward() []Step {
	for _, r := range s.Runs {
		if r.State != run.Done {
			continue
		}
		switch r.Kind {
		case "ingest":
			if name := output(r, workflows.Dataset); name != "" {
				return s.afterIngest(name)
			}
		case "train":
			if dir := output(r, workflows.Adapter); dir != "" && s.There(dir) {
				return s.afterTrain(r, dir)
			}
		case "publish":
			if ref := output(r, workflows.Version); ref != "" {
				return s.afterPublish(ref)
			}
		}
	}
	switch {
	case len(s.Adapters) > 0:
		return s.afterPublish(s.Adapters[0])
	case len(s.Datasets) > 0:
		return s.afterIngest(s.Datasets[0])
	}
	return []Step{
		{"quickstart", "do the whole job once, in two minutes, on documents that come with the program"},
		{"ingest ./your-folder --out mine", "make a dataset of documents of your own"},
		{"doctor", "look at this machine"},
	}
}

func (s Seen) afterIngest(name string) []Step {
	base := unknown
	for _, r := range s.Runs {
		if b := s.baseOf(r); b != unknown {
			base = b
			break
		}
	}
	base = door.Quoted(base)
	return []Step{
		{"dataset exclusions " + name, "see what was left out, and why"},
		{"train --base " + base + " --data " + name + " --plan", "see what a training would take"},
		{"train --base " + base + " --data " + name + " --out ./" + bare(name) + "-adapter", "fit an adapter to it"},
	}
}

func (s Seen) afterTrain(r run.Run, dir string) []Step {
	base, name := s.baseOf(r), bare(path.Base(dir))
	data := "DATA"
	for _, in := range r.Inputs {
		if in.Type == workflows.Dataset && (strings.Contains(in.Ref, "@") || s.There(in.Ref)) {
			data = in.Ref
		}
	}
	base, dir, data = door.Quoted(base), door.Quoted(dir), door.Quoted(data)
	return []Step{
		{"eval --base " + base + " --adapter " + dir + " --data " + data, "measure it on what it has not seen"},
		{"generate --base " + base + " --adapter " + dir + " --chat", "talk to it"},
		{"publish " + dir + " --name " + name + " --alias prod", "make a version of it that others can pull"},
	}
}

func (s Seen) afterPublish(ref string) []Step {
	base := unknown
	for _, other := range s.Runs {
		if other.Kind == "train" && s.baseOf(other) != unknown {
			base = s.baseOf(other)
			break
		}
	}
	base = door.Quoted(base)
	return []Step{
		{"adapter show " + ref, "see what it is and what it was made from"},
		{"pull " + ref + " --out ./" + bare(ref), "get it, verified, for a serving engine"},
		{"export " + ref + " --format gguf --base " + base + " --out " + bare(ref) + ".gguf", "make a file for llama.cpp of it"},
	}
}

// bare is a name without its version.
func bare(ref string) string {
	for i, c := range ref {
		if c == '@' || c == ':' {
			return ref[:i]
		}
	}
	return ref
}

func (s Seen) baseOf(r run.Run) string {
	for _, in := range r.Inputs {
		if in.Type == workflows.Base && s.Base(in.Ref) != "" {
			return s.Base(in.Ref)
		}
	}
	return unknown
}

// output is what a run made last of a type, "" when nothing.
func output(r run.Run, t workflows.Type) string {
	for _, out := range slices.Backward(r.Outputs) {
		if out.Type == t {
			return out.Ref
		}
	}
	return ""
}
