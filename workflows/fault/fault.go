// Package fault says of an error what kind of failure it is, in one place for all doors: the command
// line makes exit codes of it, an API statuses, history keeps it. Rooms return errors with sentinels
// and know nothing of this.
package fault

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
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/reap"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/tree"
	"github.com/cultivar/cultivar/trainer/checkpoint"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/publication"
	"github.com/cultivar/cultivar/workflows/training"
)

// Fault is a failure as doors show it and history keeps it. Texts quote no document.
type Fault struct {
	Code Code   `json:"code"`
	Text string `json:"text"`           // what went wrong; several findings are lines
	Hint string `json:"hint,omitempty"` // a way out, without the words of one door
}

// Code is the kind of a failure.
type Code string

// The codes.
const (
	Failed      Code = "failed"      // none of the others
	Usage       Code = "usage"       // what was asked for makes no sense
	NotFound    Code = "not_found"   // what was named is not there
	Exists      Code = "exists"      // what would be made is there already
	Conflict    Code = "conflict"    // something else is in the place, and is kept
	Busy        Code = "busy"        // another process is at it
	Refused     Code = "refused"     // a gate or a check does not allow it
	Corrupt     Code = "corrupt"     // content is not what its digest promises
	Denied      Code = "denied"      // no right to read or to write there
	Full        Code = "full"        // no room to write
	Unavailable Code = "unavailable" // a service cannot be reached
	Interrupted Code = "interrupted" // stopped from outside; called again it goes on
)

// codes say what each sentinel means; the first that an error is decides.
var codes = []struct {
	err  error
	code Code
}{
	{training.ErrOtherRun, Conflict},
	{training.ErrForeign, Conflict},
	{training.ErrBusy, Busy},
	{checkpoint.ErrOtherRun, Conflict},
	{registry.ErrVersionExists, Conflict},
	{registry.ErrMoved, Conflict},
	{registry.ErrInUse, Refused},
	{reap.ErrBusy, Busy},
	{catalog.ErrForeign, Conflict},
	{registry.ErrBadName, Usage},
	{open.ErrLocation, Usage},
	{workflows.ErrInvalid, Usage},
	{store.ErrNoConditions, Refused},
	{publish.ErrUnsafe, Refused},
	{publication.ErrInvalidAdapter, Refused},
	{publication.ErrUnfinished, Refused},
	{adapters.ErrOtherBase, Refused},
	{adapters.ErrBaseMismatch, Refused},
	{safetensors.ErrPickle, Refused},
	{catalog.ErrCorrupt, Corrupt},
	{registry.ErrCorrupt, Corrupt},
	{cas.ErrCorrupt, Corrupt},
	{tree.ErrBadTree, Corrupt},
	{datasets.ErrNotFound, NotFound},
	{registry.ErrNoVersion, NotFound},
	{registry.ErrNoAlias, NotFound},
	{store.ErrNotExist, NotFound},
	{home.ErrNoHome, NotFound},
	{home.ErrNoStore, NotFound},
	{hub.ErrNotFound, NotFound},
	{hub.ErrGated, Denied},
	{hub.ErrDenied, Denied},
	{hub.ErrOffline, Unavailable},
	{hub.ErrUnreachable, Unavailable},
	{store.ErrReadOnly, Denied},
	{syscall.ENOSPC, Full},
	{syscall.EROFS, Denied},
	{syscall.ENOTDIR, Denied},
	{fs.ErrPermission, Denied},
	{fs.ErrExist, Exists},
	{fs.ErrNotExist, NotFound},
}

// statuses are what a code is to a command line and to HTTP.
var statuses = map[Code]struct{ exit, http int }{
	Failed: {1, 500}, Usage: {2, 400}, NotFound: {1, 404}, Exists: {1, 409}, Conflict: {3, 409}, Busy: {3, 423}, Refused: {3, 422},
	Corrupt: {3, 500}, Denied: {1, 403}, Full: {1, 507}, Unavailable: {1, 503}, Interrupted: {130, 499},
}

// Exit is the exit code of a process: 1 failed, 2 usage, 3 refused, 130 interrupted.
func (c Code) Exit() int { return statuses[c].exit }

// HTTP is the status of a response.
func (c Code) HTTP() int { return statuses[c].http }

// Of says what kind of failure an error is. The context tells an interruption from outside from one
// within.
func Of(ctx context.Context, err error) Fault {
	f := Fault{Code: codeOf(ctx, err), Text: brief(err.Error())}
	var far *hub.Error
	var h *hinted
	switch {
	case f.Code == Interrupted:
		f.Text, f.Hint = "interrupted", "start it again to go on"
	case errors.As(err, &h):
		f.Hint = h.hint
	case errors.As(err, &far):
		f.Hint = far.Way
	case f.Code == Full:
		f.Hint = "the disk is full: free some space and start it again"
	}
	return f
}

// What is said of a failure quotes names and values of files that others wrote: as much as people read.
const (
	maxLine  = 1000 // bytes
	maxLines = 20
)

func brief(text string) string {
	lines := strings.Split(text, "\n")
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines:maxLines], fmt.Sprintf("and %d more", more))
	}
	for i, line := range lines {
		lines[i] = humanize.Excerpt(line, maxLine)
	}
	return strings.Join(lines, "\n")
}

func codeOf(ctx context.Context, err error) Code {
	var m *marked
	if errors.As(err, &m) {
		return m.code
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return Interrupted
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return Failed
}

// marked is an error whose code is said where it is made, hinted one whose way out is.
type (
	marked struct {
		error
		code Code
	}
	hinted struct {
		error
		hint string
	}
)

func (m *marked) Unwrap() error { return m.error }
func (h *hinted) Unwrap() error { return h.error }

// Mark gives an error a code of its own, whatever it wraps. A nil error stays nil.
func Mark(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &marked{err, code}
}

// Hint gives an error a way out, and leaves its code.
func Hint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint}
}
