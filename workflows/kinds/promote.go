package kinds

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/publication"
)

// Promotion points an alias at a version.
func Promotion() workflows.Work[publication.MoveOptions, registry.AliasEntry] {
	return move("promote", publication.Promote)
}

// Rollback points an alias at the version before.
func Rollback() workflows.Work[publication.MoveOptions, registry.AliasEntry] {
	return move("rollback", publication.Rollback)
}

// move makes an entry in the history of an alias, whose digest is that of the version.
func move(name string, do func(context.Context, publication.MoveOptions) (registry.AliasEntry, error)) workflows.Work[publication.MoveOptions, registry.AliasEntry] {
	return workflows.Work[publication.MoveOptions, registry.AliasEntry]{
		Name: name, Do: do,
		Config: func(o publication.MoveOptions) any { return map[string]any{"alias": o.Alias, "store": o.Store} },
		Tell: func(o publication.MoveOptions, e registry.AliasEntry) (used, made []workflows.Artefact) {
			of := workflows.Version
			if o.Datasets {
				of = workflows.Dataset
			}
			return one(of, fmt.Sprintf("%s@%d", e.Name, e.Version), e.Digest), one(of, e.Name+":"+e.Alias, e.Digest)
		},
	}
}
