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
func Pull(ctx context.Context, o PullOptions) (Result, error) {
	reg, err := home.Registry(ctx, o.Home, o.Store)
	if err != nil {
		return Result{}, err
	}
	get := publish.Pull
	if o.Replace {
		get = publish.Replace
	}
	var read reading
	r, err := get(ctx, reg, o.Ref, o.Out, read.adapter)
	if err == nil && read.digest == "" { // it was there, and was compared with the version
		err = read.adapter(o.Out)
	}
	return Result{r, read.digest}, err
}

// Pulled is a version in a directory, for people and programs.
type Pulled struct {
	Ref     string `json:"ref"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	Digest  string `json:"digest"`
	Out     string `json:"out"`
	Bytes   int64  `json:"bytes"`
	Files   int    `json:"files"`
}

// PulledFrom sums up what was pulled.
func (o PullOptions) PulledFrom(r Result) Pulled {
	m := r.Manifest
	return Pulled{m.Ref().String(), m.Name, m.Version, m.Digest, o.Out, m.Size(), len(m.Files)}
}
