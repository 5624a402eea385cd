package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/checkpoint"
	"github.com/cultivar/cultivar/workflows/stages"
	"github.com/cultivar/cultivar/workflows/training"
)

// The exit codes.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitRefused   = 3
	exitInterrupt = 130
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// refusal is work that a gate or a check does not allow.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// hinted is an error with a way out.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func hint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// fail prints an error and returns its exit code.
func (a *app) fail(ctx context.Context, err error) int {
	code, way := classify(ctx, err)
	if code == exitInterrupt {
		err = errCancelled
	}
	// A joined error is one finding a line.
	for _, line := range strings.Split(err.Error(), "\n") {
		a.note("error: %s", line)
	}
	if way != "" {
		a.note("hint: %s", way)
	}
	if a.json {
		_ = a.printJSON(map[string]any{"error": err.Error(), "hint": way, "exit_code": code})
	}
	return code
}

func classify(ctx context.Context, err error) (code int, way string) {
	var h hinted
	var far *hub.Error
	switch {
	case errors.As(err, &h):
		way = h.hint
	case errors.As(err, &far):
		way = far.Way
	}
	var u usageError
	var r refusal
	switch {
	case strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage, "`cultivar --help` lists the commands"
	case errors.As(err, &u):
		return exitUsage, way
	case errors.As(err, &r):
		return exitRefused, way
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupt, "run the same command again to go on"
	case errors.Is(err, checkpoint.ErrOtherRun), errors.Is(err, training.ErrOtherRun):
		return exitRefused, "choose another --out, or --restart to discard what is there"
	case errors.Is(err, adapters.ErrOtherBase):
		return exitRefused, "name the base that it was trained on, or --allow-other-base where the weights are the same and only stored in another way"
	case errors.Is(err, training.ErrForeign), errors.Is(err, training.ErrBusy):
		return exitRefused, "choose another --out"
	case errors.Is(err, registry.ErrBadName):
		return exitUsage, way
	case errors.Is(err, registry.ErrVersionExists):
		return exitRefused, "a version never changes: leave out --version to publish the next one"
	case errors.Is(err, store.ErrNoConditions):
		return exitRefused, "two publishers could both win there; `cultivar store probe URL` tells what the store lacks"
	case errors.Is(err, publish.ErrUnsafe), errors.Is(err, stages.ErrInvalidAdapter):
		return exitRefused, way
	case errors.Is(err, catalog.ErrCorrupt), errors.Is(err, registry.ErrCorrupt):
		return exitRefused, way
	case errors.Is(err, trainer.ErrDiverged):
		return exitFailed, way
	case way != "":
		return exitFailed, way
	case errors.Is(err, datasets.ErrNotFound):
		return exitFailed, "`cultivar dataset ls` lists the datasets"
	case errors.Is(err, registry.ErrNoVersion), errors.Is(err, registry.ErrNoAlias):
		return exitFailed, "`cultivar adapter ls` lists what is published"
	case errors.Is(err, fs.ErrExist):
		return exitFailed, "choose another --out"
	case errors.Is(err, syscall.ENOSPC):
		return exitFailed, "the disk is full: free some space and run the same command again"
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrPermission):
		return exitFailed, "choose a place that can be written, with --out or --home"
	}
	return exitFailed, way
}
