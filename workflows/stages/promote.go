package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/registry"
)

// ErrNoEarlier means that an alias has nothing to go back to.
var ErrNoEarlier = errors.New("no earlier version to go back to")

// Promote points an alias at a version. The store is tried first: without conditional writes two
// movers could both win.
func Promote(ctx context.Context, reg *registry.Registry, ref registry.Ref, alias, who, why string) (registry.AliasEntry, error) {
	if err := registry.CheckName(alias); err != nil {
		return registry.AliasEntry{}, err
	}
	if err := probe.Ensure(ctx, reg.Bucket()); err != nil {
		return registry.AliasEntry{}, err
	}
	return reg.SetAlias(ctx, ref.Name, alias, ref.Version, who, why)
}

// Rollback points an alias at the version before the present one. The history is read as a stack: a
// move to the version below the top takes the top away, any other move puts a version on it. So a
// second rollback goes back further, instead of to what the first one left.
func Rollback(ctx context.Context, reg *registry.Registry, name, alias, who, why string) (registry.AliasEntry, error) {
	entries, err := reg.History(ctx, name, alias)
	if err != nil {
		return registry.AliasEntry{}, err
	}
	to, ok := earlier(entries)
	if !ok {
		return registry.AliasEntry{}, fmt.Errorf("roll back %s:%s: %w", name, alias, ErrNoEarlier)
	}
	return Promote(ctx, reg, registry.Ref{Name: name, Version: to}, alias, who, why)
}

// earlier returns the version that a rollback leads to. From a withdrawn alias it leads to where
// that pointed last.
func earlier(entries []registry.AliasEntry) (version int, ok bool) {
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
