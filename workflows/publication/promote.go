package publication

import (
	"context"

	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
)

// MoveOptions say which alias moves, and why.
type MoveOptions struct {
	Home     string
	Store    string // URL, "" for the home; datasets are always the home's
	Datasets bool   // whether the name is a dataset's; otherwise it is an adapter's
	Ref      string // of the version to point at or, to go back, the name
	Alias    string
	Who, Why string
}

// Promote points an alias at a version.
func Promote(ctx context.Context, o MoveOptions) (registry.AliasEntry, error) {
	reg, err := o.registry(ctx)
	if err != nil {
		return registry.AliasEntry{}, err
	}
	ref, err := registry.ParseRef(o.Ref)
	if err != nil {
		return registry.AliasEntry{}, err
	}
	return reg.Promote(ctx, ref, o.Alias, o.Who, o.Why)
}

// Rollback points an alias at the version before the present one.
func Rollback(ctx context.Context, o MoveOptions) (registry.AliasEntry, error) {
	reg, err := o.registry(ctx)
	if err != nil {
		return registry.AliasEntry{}, err
	}
	return reg.Rollback(ctx, o.Ref, o.Alias, o.Who, o.Why)
}

func (o MoveOptions) registry(ctx context.Context) (*registry.Registry, error) {
	if !o.Datasets {
		return home.Registry(ctx, o.Home, o.Store)
	}
	h, err := home.Open(ctx, o.Home)
	if err != nil {
		return nil, err
	}
	return h.Datasets.Registry(), h.Datasets.Settle(ctx)
}
