package next

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

func did(kind string, state run.State, in, out workflows.Artefact) run.Run {
	return run.Run{ID: "1", Kind: kind, State: state, Inputs: []workflows.Artefact{in}, Outputs: []workflows.Artefact{out}}
}

func TestSteps(t *testing.T) {
	base := workflows.Artefact{Type: workflows.Base, Ref: "org/base"}
	ingest := did("ingest", run.Done, workflows.Artefact{}, workflows.Artefact{Type: workflows.Dataset, Ref: "d@2"})
	train := did("train", run.Done, base, workflows.Artefact{Type: workflows.Adapter, Ref: "out/a"})
	gone := did("train", run.Done, base, workflows.Artefact{Type: workflows.Adapter, Ref: "gone"})
	publish := did("publish", run.Done, workflows.Artefact{}, workflows.Artefact{Type: workflows.Version, Ref: "a@1"})
	failed := did("train", run.Failed, base, workflows.Artefact{})
	for name, c := range map[string]struct {
		seen Seen
		want string
	}{
		"nothing":     {Seen{}, "quickstart|ingest ./your-folder --out mine|doctor"},
		"a dataset":   {Seen{Runs: []run.Run{ingest}}, "dataset exclusions d@2|train --base BASE --data d@2 --plan|train --base BASE --data d@2 --out ./d-adapter"},
		"no history":  {Seen{Datasets: []string{"d"}}, "dataset exclusions d|train --base BASE --data d --plan|train --base BASE --data d --out ./d-adapter"},
		"trained":     {Seen{Runs: []run.Run{train, ingest}}, "eval --base hf://org/base --adapter out/a --data DATA|generate --base hf://org/base --adapter out/a --chat|publish out/a --name a --alias prod"},
		"gone":        {Seen{Runs: []run.Run{gone, ingest}}, "dataset exclusions d@2|train --base hf://org/base --data d@2 --plan|train --base hf://org/base --data d@2 --out ./d-adapter"},
		"published":   {Seen{Runs: []run.Run{publish, train}}, "adapter show a@1|pull a@1 --out ./a|export a@1 --format gguf --base hf://org/base --out a.gguf"},
		"only theirs": {Seen{Adapters: []string{"k"}}, "adapter show k|pull k --out ./k|export k --format gguf --base BASE --out k.gguf"},
		"failed":      {Seen{Runs: []run.Run{failed, ingest}}, "runs show 1|dataset exclusions d@2|train --base hf://org/base --data d@2 --plan"},
	} {
		c.seen.There = func(path string) bool { return path != "gone" }
		c.seen.Base = func(name string) string { return "hf://" + name }
		var got []string
		for _, s := range Steps(c.seen) {
			got = append(got, s.Command)
			if s.Why == "" {
				t.Errorf("%s: %s, and nobody knows why", name, s.Command)
			}
		}
		if text := strings.Join(got, "|"); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}
