package door

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/trainer/checkpoint"
	"github.com/cultivar/cultivar/workflows/fault"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/cultivar/cultivar/workflows/training"
)

// Usagef is an error for a command line that cannot be understood.
func Usagef(format string, args ...any) error { return UsageError(fmt.Errorf(format, args...)) }

// UsageError says that an error is the command line's.
func UsageError(err error) error { return fault.Mark(fault.Usage, err) }

// Refusal says that an error is work which a gate or a check does not allow.
func Refusal(err error) error { return fault.Mark(fault.Refused, err) }

// Hint gives an error a way out.
func Hint(err error, format string, args ...any) error {
	return fault.Hint(err, fmt.Sprintf(format, args...))
}

// ways are ways out in the words of this door; the first whose error it is counts. {home} and {store} stand
// for the flags with which a command that is pasted looks where this one did.
var ways = []struct {
	err error
	way string
}{
	{checkpoint.ErrOtherRun, "choose another --out, or --restart to discard what is there"},
	{training.ErrOtherRun, "choose another --out, or --restart to discard what is there"},
	{training.ErrForeign, "choose another --out"},
	{training.ErrBusy, "choose another --out"},
	{adapters.ErrOtherBase, "name the base that it was trained on, or --allow-other-base where the weights are the same and only stored in another way"},
	{adapters.ErrNotAdapter, "an adapter is a directory with adapter_config.json, such as `train --out` makes, or a name that `cultivar adapter ls{store}` lists"},
	{registry.ErrMoved, "`cultivar adapter history NAME{store}` says where to; then decide again"},
	{registry.ErrVersionExists, "a version never changes: leave out --version to publish the next one"},
	{store.ErrNoConditions, "two publishers could both win there; `cultivar store probe URL` tells what the store lacks"},
	{datasets.ErrNotFound, "`cultivar dataset ls{home}` lists the datasets"},
	{registry.ErrNoVersion, "`cultivar adapter ls{store}` lists what is published"},
	{registry.ErrNoAlias, "`cultivar adapter ls{store}` lists what is published"},
	{run.ErrNoRun, "`cultivar runs ls{home}` lists the runs"},
	{home.ErrNoHome, "--home names what ingest, train or publish have made; without it, it is $CULTIVAR_HOME or ~/.cultivar"},
	{home.ErrNoStore, "a store is what `publish --store` has made; without --store it is the home's"},
	{fs.ErrExist, "choose another --out"},
	{syscall.EROFS, "choose a place that can be written, with --out or --home"},
	{syscall.ENOTDIR, "choose a place that can be written, with --out or --home"},
	{fs.ErrPermission, "choose a place that can be written, with --out or --home"},
}

// Fail prints an error and returns its exit code.
func (a *App) Fail(ctx context.Context, err error) int {
	f := fault.Of(ctx, err)
	f.Text = plainjson.Words(f.Text, err)
	if f.Code == fault.Interrupted {
		f.Hint = "run the same command again to go on"
	}
	if near := a.near(err); near != "" && f.Hint == "" {
		f.Hint = "did you mean " + near + "?"
	}
	for _, w := range ways {
		if f.Hint == "" && errors.Is(err, w.err) {
			f.Hint = strings.NewReplacer("{home}", a.Here(), "{store}", a.Here()+flag("store", a.Store)).Replace(w.way)
		}
	}
	// A joined error is one finding a line.
	for _, line := range strings.Split(f.Text, "\n") {
		a.Note("error: %s", line)
	}
	if f.Hint != "" {
		a.Note("hint: %s", f.Hint)
	}
	if a.JSON {
		_ = a.PrintJSON(Failure{f.Text, f.Code.Exit(), f.Hint, f.Code})
	}
	return f.Code.Exit()
}

// Failure is what every verb prints with --json when it fails.
type Failure struct {
	Error    string     `json:"error"`     // what went wrong; several findings are lines
	ExitCode int        `json:"exit_code"` // of the process
	Hint     string     `json:"hint"`      // a way out, if there is one
	Code     fault.Code `json:"code"`      // the kind of the failure
}
