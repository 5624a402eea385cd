package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
)

// warnError tells what could not be done but does not matter to the result.
func (a *app) warnError(err error) { a.warn(err.Error()) }

// history opens the history of the home.
func (a *app) history(ctx context.Context) (*run.History, error) {
	location, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	return run.NewHistory(h.Bucket, time.Now, who(""), a.warnError), nil
}

func (a *app) runsCommand() *cobra.Command {
	return group("runs", "List and show what was done: every run that made something",
		`List and show what was done in a home: every ingest, training, publication and so on is a run, with
who started it, what it worked on, what came of it, and how it ended.

STATES
  running      at work
  done         ended well
  failed       ended with an error
  interrupted  stopped, killed, or not heard of for five minutes from another machine`,
		a.runsListCommand(), a.runsShowCommand(),
	)
}

func (a *app) runsListCommand() *cobra.Command {
	var state, kind string
	var limit int
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the runs, newest first",
		Example: `  cultivar runs ls --state failed
  cultivar runs ls --kind train --limit 5`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf("state", state, append([]string{""}, stateNames()...)...); err != nil {
				return err
			}
			if limit < 0 {
				return usagef("--limit is %d, want 0 or more", limit)
			}
			h, err := a.history(c.Context())
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
			return a.printRuns(list)
		},
	}
	f := c.Flags()
	f.StringVar(&state, "state", "", strings.Join(stateNames(), ", "))
	f.StringVar(&kind, "kind", "", "what was done, such as train")
	f.IntVar(&limit, "limit", 0, "list the newest so many (default all)")
	return c
}

func stateNames() []string {
	var names []string
	for _, s := range run.States {
		names = append(names, string(s))
	}
	return names
}

// runJSON is a line of runs ls.
type runJSON struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	State   run.State `json:"state"`
	Who     string    `json:"who"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Output  string    `json:"output"` // what the run made last, "" when nothing
	Error   string    `json:"error"`
}

func listed(r run.Run) runJSON {
	l := runJSON{r.ID, r.Kind, r.State, r.Who, r.Started, r.Took().Seconds(), "", ""}
	if n := len(r.Outputs); n > 0 {
		l.Output = r.Outputs[n-1].Ref
	}
	if r.Fault != nil {
		l.Error = r.Fault.Text
	}
	return l
}

func (a *app) printRuns(runs []run.Run) error {
	list := []runJSON{}
	for _, r := range runs {
		list = append(list, listed(r))
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.note("no runs")
		return nil
	}
	// On a narrow terminal only what tells the runs apart is left.
	columns := []column{{name: "ID"}, {name: "KIND", shrink: 'e'}, {name: "STATE", shrink: 'e'}, {name: "TOOK", right: true}, {name: "WHO", shrink: 'e'}, {name: "OUTPUT", shrink: 's'}}
	if terminalWidth(a.out) < 60 {
		columns = columns[:3]
	}
	var rows [][]string
	for _, l := range list {
		what := l.Output
		if l.Error != "" {
			what, _, _ = strings.Cut(l.Error, "\n")
		}
		row := []string{l.ID, l.Kind, string(l.State), humanize.Duration(time.Duration(l.Seconds * float64(time.Second))), l.Who, what}
		rows = append(rows, row[:len(columns)])
	}
	return a.printTable(columns, rows)
}

func (a *app) runsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a run: what it worked on, what it made, how it ended",
		Long: `Show a run: what it worked on, what it made, how it ended. ID may be cut short as long as it starts or
ends one run's only.`,
		Args: exactArgs("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.history(c.Context())
			if err != nil {
				return err
			}
			r, err := h.Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			return a.printRun(r)
		},
	}
}

func (a *app) printRun(r run.Run) error {
	var f fields
	f.add("run", "%s", r.ID)
	f.add("kind", "%s", r.Kind)
	f.add("state", "%s", r.State)
	f.some("who", r.Who)
	f.add("started", "%s", r.Started.UTC().Format(time.DateTime))
	if r.Finished.IsZero() {
		f.add("last seen", "%s", r.Seen.UTC().Format(time.DateTime))
	}
	f.add("took", "%s", humanize.Duration(r.Took()))
	f.add("program", "%s", r.Program)
	f.add("config", "%s", shortDigest(r.ConfigDigest))
	f.artefacts("input", r.Inputs)
	for _, s := range r.Stages {
		what := humanize.Duration(s.Took)
		if slices.Contains(r.Reused, s.Stage) {
			what = "reused"
		}
		f.add("stage", "%s: %s", s.Stage, what)
	}
	f.artefacts("output", r.Outputs)
	if r.Fault != nil {
		for _, line := range strings.Split(r.Fault.Text, "\n") {
			f.add("error", "%s", line)
		}
		f.some("hint", r.Fault.Hint)
	}
	return a.printFields(&f)
}

// artefacts appends what a run worked on or made, an entry a line.
func (f *fields) artefacts(name string, list []workflows.Artefact) {
	for _, x := range list {
		ref, _, _ := strings.Cut(x.Ref, "@sha256:") // of a tree, which its digest names
		f.add(name, "%s %s  %s", x.Type, ref, shortDigest(x.Digest))
		name = ""
	}
}
