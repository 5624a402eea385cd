package publication

import (
	"context"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/workflows/home"
)

// PullOptions say which version to pull, and where to.
type PullOptions struct {
	Home    string
	Store   string // URL, "" for the home's registry
	Ref     string // name, name@version or name:alias
	Out     string // directory
	Replace bool   // an adapter that Out holds makes room
}

// Pull puts a version into the directory Out, verified and whole. A directory that holds it already
// is left as it is.
func Pull(ctx context.Context, o PullOptions) (publish.Result, error) {
	reg, err := home.Registry(ctx, o.Home, o.Store)
	if err != nil {
		return publish.Result{}, err
	}
	if o.Replace {
		return publish.Replace(ctx, reg, o.Ref, o.Out, validAdapter)
	}
	return publish.Pull(ctx, reg, o.Ref, o.Out, validAdapter)
}
