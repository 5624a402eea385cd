package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

func runsCommand(a *door.App) *cobra.Command {
	return door.Group("runs", "List and show what was done: every run that made something",
		`List and show what was done in a home: every ingest, training, publication and so on is a run, with
who started it, what it worked on, what came of it, and how it ended.

STATES
  running      at work
  done         ended well
  failed       ended with an error
  interrupted  stopped, killed, or not heard of for five minutes from another machine`,
		runsListCommand(a), runsShowCommand(a),
	)
}

func runsListCommand(a *door.App) *cobra.Command {
	var state, kind string
	var limit int
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the runs, newest first",
		Example: `  cultivar runs ls --state failed
  cultivar runs ls --kind train --limit 5`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 0 {
				return door.Usagef("--limit is %d, want 0 or more", limit)
			}
			h, err := a.Runs(c.Context())
			if err != nil {
				return err
			}
			list, err := h.List(c.Context())
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(r run.Run) bool {
				return state != "" && string(r.State) != state || kind != "" && r.Kind != kind
			})
			if limit > 0 {
				list = list[:min(limit, len(list))]
			}
			return printRuns(a, list)
		},
	}
	f := c.Flags()
	f.StringVar(&state, "state", "", door.Either(run.States))
	f.StringVar(&kind, "kind", "", "what was done, such as train")
	f.IntVar(&limit, "limit", 0, "list the newest so many (default all)")
	door.Choices(c, "state", door.Strings(run.States)...)
	return c
}

func printRuns(a *door.App, runs []run.Run) error {
	list := []run.Listed{}
	for _, r := range runs {
		list = append(list, r.Listed())
	}
	if a.JSON {
		return a.PrintJSON(list)
	}
	if len(list) == 0 {
		a.Note("no runs")
		return nil
	}
	// On a narrow terminal only what tells the runs apart is left.
	columns := []door.Column{{Name: "ID"}, {Name: "KIND", Shrink: 'e', Spare: 1, Least: door.MinColumn}, {Name: "STATE", Shrink: 'e'},
		{Name: "TOOK", Right: true, Spare: 3}, {Name: "WHO", Shrink: 'e', Spare: 4}, {Name: "OUTPUT", Shrink: 's', Spare: 2}}
	var rows [][]string
	for _, l := range list {
		what := l.Output
		if l.Error != "" {
			what, _, _ = strings.Cut(l.Error, "\n")
		}
		rows = append(rows, []string{l.ID, l.Kind, string(l.State), humanize.Duration(time.Duration(l.Seconds * float64(time.Second))), l.Who, what})
	}
	return a.PrintTable(columns, rows)
}

func runsShowCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a run: what it worked on, what it made, how it ended",
		Long: `Show a run: what it worked on, what it made, how it ended. ID may be cut short as long as it starts or
ends one run's only.`,
		Example: `  cultivar runs show "$(cultivar runs ls --limit 1 | tail -n 1 | cut -c 1-22)"
  cultivar runs show "$(cultivar runs ls --kind train --limit 1 | tail -n 1 | cut -c 1-22)" --json`,
		Args: door.ExactArgs("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.Runs(c.Context())
			if err != nil {
				return err
			}
			r, err := h.Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if a.JSON {
				return a.PrintJSON(r)
			}
			return printRun(a, r)
		},
	}
}

func printRun(a *door.App, r run.Run) error {
	var f door.Fields
	f.Add("run", "%s", r.ID)
	f.Add("kind", "%s", r.Kind)
	f.Add("state", "%s", r.State)
	f.Some("who", r.Who)
	f.Add("started", "%s", r.Started.UTC().Format(time.DateTime))
	if r.Finished.IsZero() {
		f.Add("last seen", "%s", r.Seen.UTC().Format(time.DateTime))
	}
	f.Add("took", "%s", humanize.Duration(r.Took()))
	f.Add("program", "%s", r.Program)
	f.Add("config", "%s", door.ShortDigest(r.ConfigDigest))
	addArtefacts(&f, "input", r.Inputs)
	for _, s := range r.Stages {
		what := humanize.Duration(s.Took)
		if slices.Contains(r.Reused, s.Stage) {
			what = "reused"
		}
		f.Add("stage", "%s: %s", s.Stage, what)
	}
	addArtefacts(&f, "output", r.Outputs)
	if r.Fault != nil {
		for _, line := range strings.Split(r.Fault.Text, "\n") {
			f.Add("error", "%s", line)
		}
		f.Some("hint", r.Fault.Hint)
	}
	return a.PrintFields(&f)
}

// addArtefacts appends what a run worked on or made, an entry a line.
func addArtefacts(f *door.Fields, name string, list []workflows.Artefact) {
	for _, x := range list {
		ref, _, _ := strings.Cut(x.Ref, "@sha256:") // of a tree, which its digest names
		f.Add(name, "%s %s  %s", x.Type, ref, door.ShortDigest(x.Digest))
		name = ""
	}
}
