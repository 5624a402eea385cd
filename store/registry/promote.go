package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/store/probe"
)

// ErrNoEarlier means that an alias has nothing to go back to.
var ErrNoEarlier = errors.New("no earlier version to go back to")

// Promote points an alias at a version. The store is tried first: without conditional writes two
// movers could both win.
func (r *Registry) Promote(ctx context.Context, ref Ref, alias, who, why string) (AliasEntry, error) {
	if err := CheckName(alias); err != nil {
		return AliasEntry{}, err
	}
	if ref.Version == 0 {
		return AliasEntry{}, fmt.Errorf("%w: %s names no version; want NAME@VERSION", ErrBadName, ref)
	}
	if err := probe.Ensure(ctx, r.b); err != nil {
		return AliasEntry{}, err
	}
	return r.SetAlias(ctx, ref.Name, alias, ref.Version, who, why)
}

// Rollback points an alias at the version before the present one. The history is read as a stack: a
// move to the version below the top takes the top away, any other move puts a version on it. So a
// second rollback goes back further, instead of to what the first one left. Where it leads is decided by the
// history: when somebody adds to that meanwhile, such as another rollback from the same version, it is ErrMoved.
func (r *Registry) Rollback(ctx context.Context, name, alias, who, why string) (AliasEntry, error) {
	entries, err := r.History(ctx, name, alias)
	if err != nil {
		return AliasEntry{}, err
	}
	last := entries[len(entries)-1].Seq
	if last != uint64(len(entries)) {
		return AliasEntry{}, fmt.Errorf("roll back %s:%s: %w: %d of %d entries of its history are missing", name, alias, ErrCorrupt, last-uint64(len(entries)), last)
	}
	to, ok := earlier(entries)
	if !ok {
		return AliasEntry{}, fmt.Errorf("roll back %s:%s: %w", name, alias, ErrNoEarlier)
	}
	if err := probe.Ensure(ctx, r.b); err != nil {
		return AliasEntry{}, err
	}
	return r.setAliasAfter(ctx, last, name, alias, to, who, why)
}

// earlier returns the version that a rollback leads to. From a withdrawn alias it leads to where
// that pointed last.
func earlier(entries []AliasEntry) (version int, ok bool) {
	var stack []int
	withdrawn := false
	for _, e := range entries {
		n := len(stack)
		withdrawn = e.Version == 0
		switch {
		case withdrawn, n > 0 && stack[n-1] == e.Version:
		case n > 1 && stack[n-2] == e.Version:
			stack = stack[:n-1]
		default:
			stack = append(stack, e.Version)
		}
	}
	back := 2
	if withdrawn {
		back = 1
	}
	if len(stack) < back {
		return 0, false
	}
	return stack[len(stack)-back], true
}
